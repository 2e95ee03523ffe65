# The rules of PERMIT in the whole core, each limit in virtual milliseconds.
import registers as r
from bench import Bench

OK = 0
REFUSED = 4


def set_load(load):
    def change(bench):
        bench.load = load
    return change


def set_input(name, value):
    def change(bench):
        setattr(bench.inputs, name, value)
    return change


def leak(bench):
    bench.leak = True


def no_diode(bench):
    bench.diode = False


def mirror_lies(bench):
    bench.mirror_shows = False


def not_ventilated(bench):
    bench.core.settings.ventilation = False


def revoke(bench):
    bench.revoke()


def turn_off(bench):
    bench.core.turn_off()


def heal(bench):
    bench.load = "C"
    bench.diode = True
    bench.leak = False
    bench.mirror_shows = None
    bench.inputs.stop_pressed = False
    bench.inputs.supply_mv = 12000
    bench.inputs.temperature_dc = 250
    bench.inputs.pp_ohm = 65535


# what is taken away under PERMIT, and after how many ms it is off (one turn is 4)
TAKEN = (
    ("B", set_load("B"), 60),  # sequence 8.1: 100 at the main contacts, 40 are for relay and drop-out
    ("A", set_load("A"), 60),
    ("D without ventilation", set_load("D"), 85),
    ("E", set_load("E"), 85),  # sequence 12 allows 3 s
    ("residual current", leak, 4),
    ("emergency stop", set_input("stop_pressed", True), 4),
    ("supply low", set_input("supply_mv", 10000), 4),
    ("supply high", set_input("supply_mv", 14000), 4),
    ("hot", set_input("temperature_dc", 711), 4),
    ("cold", set_input("temperature_dc", -351), 4),
    ("no sensor", set_input("temperature_dc", -32768), 4),
    ("no diode", no_diode, 160),  # a fault of the car's, not of the insulation
    ("no such cable", set_input("pp_ohm", 10), 110),
    ("mirror open", mirror_lies, 130),
    ("revoked", revoke, 0),
    ("turned off by another tool", turn_off, 0),
)


def test_reset_leaves_the_outlet_safe():
    bench = Bench()
    assert (bench.permit, bench.duty) == (False, 10000)
    assert (bench.core.outputs.rcd_test, bench.core.outputs.shunt) == (False, False)
    bench.load = "C"
    for _ in range(1250):
        bench.step()
        assert (bench.permit, bench.duty) == (False, 10000)


def test_a_grant_closes_and_only_a_grant():
    bench = Bench().plug()
    bench.load = "C"
    bench.run(10_000)
    assert not bench.permit
    assert bench.renew() == REFUSED
    assert bench.core.refused_bits == r.REFUSED_NO_GRANT
    assert bench.grant() == OK
    assert bench.permit
    assert bench.core.refused_bits == 0


def off_after(bench, limit_ms):
    return bench.until(lambda: not bench.permit, limit_ms)


def refused(bench, bits, name):
    assert bench.grant() == REFUSED, name
    assert bench.core.refused_bits & bits == bits, (name, bench.core.refused_bits)
    bench.run(100)
    assert not bench.permit, name


def test_a_grant_is_refused_while_a_condition_is_missing():
    for name, remove, ms, bits in (
        ("B", set_load("B"), 100, r.REFUSED_NOT_C),
        ("A", set_load("A"), 100, r.REFUSED_NOT_C | r.REFUSED_NO_PWM | r.REFUSED_DIODE),
        ("D", set_load("D"), 100, r.REFUSED_NOT_C),
        ("E", set_load("E"), 100, r.REFUSED_NOT_C | r.REFUSED_FAULT),
        ("residual current", leak, 4, r.REFUSED_FAULT),
        ("emergency stop", set_input("stop_pressed", True), 4, r.REFUSED_FAULT),
        ("supply", set_input("supply_mv", 10400), 4, r.REFUSED_FAULT),
        ("temperature", set_input("temperature_dc", 720), 4, r.REFUSED_FAULT),
        ("cable", set_input("pp_ohm", 10), 120, r.REFUSED_FAULT),
        ("diode", no_diode, 160, r.REFUSED_FAULT | r.REFUSED_DIODE),
    ):
        bench = Bench().ask()
        remove(bench)
        bench.run(ms)
        refused(bench, bits, name)


def test_each_switch_must_be_open_before_a_grant():
    bench = Bench().ask()
    bench.obeys = False
    bench.relay = True
    bench.step()
    refused(bench, r.REFUSED_REQUEST, "the Pi's relay")
    bench.relay = False
    bench.mirror_shows = True
    bench.step()
    refused(bench, r.REFUSED_MIRROR, "the mirror")
    bench.mirror_shows = False
    bench.step()
    refused(bench, r.REFUSED_MIRROR, "a mirror that has just opened, or bounces")
    assert bench.grant() == OK


def test_no_grant_under_x1():
    bench = Bench().ask()
    bench.withdraw()
    bench.run(8)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits == r.REFUSED_NO_PWM


def test_no_grant_before_twenty_periods_have_shown_the_diode():
    bench = Bench().ready()
    bench.load = "B"
    bench.run(100)
    bench.offer(160)
    bench.load = "C"
    seen = []
    for _ in range(200):
        bench.step()
        if bench.state == "C":
            break
        seen.append(bench.core.pilot.diode_ok)
    assert bench.state == "C"
    assert seen[0] is False
    assert bench.core.pilot.diode_ok
    assert bench.grant() == OK


def test_arriving_in_c_without_pwm_never_closes_until_b():
    bench = Bench().ready()
    bench.load = "C"
    bench.run(700)
    assert bench.offer(160) == OK
    bench.run(8000)
    assert bench.told_da == 160
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits == r.REFUSED_DARK
    bench.load = "B"
    bench.run(100)
    bench.load = "C"
    bench.run(600)
    assert bench.grant() == OK


def test_a_car_that_a_reset_finds_in_c_is_dark():
    bench = Bench()
    bench.load = "C"
    bench.run(3000)
    bench.offer(160)
    bench.run(8000)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits & r.REFUSED_DARK


def test_882_ohm_for_250_ms_and_toggling_close_nothing():
    bench = Bench().plug()
    for _ in range(20):
        bench.load = "C"
        for _ in range(62):
            bench.step()
            assert bench.grant() == REFUSED
            assert bench.core.refused_bits & r.REFUSED_NOT_C
        bench.load = "B"
        bench.run(60)
        assert not bench.permit


def test_whatever_is_missing_opens_and_nothing_closes_again_by_itself():
    for name, remove, limit_ms in TAKEN:
        bench = Bench().charge()
        remove(bench)
        assert off_after(bench, limit_ms) <= limit_ms, name
        heal(bench)
        for _ in range(8):
            bench.run(1000)
            assert bench.renew() == REFUSED, name
            assert not bench.permit, name
        assert not bench.closed, name


def test_permit_falls_in_the_very_turn_that_sees_why():
    for name, remove, limit_ms in TAKEN:
        bench = Bench().charge()
        remove(bench)
        waited_ms = 0
        while waited_ms <= limit_ms and not bench.core.standing() and bench.permit:
            bench.step()
            waited_ms += bench.step_ms
        assert not bench.permit, name


def test_sequence_8_1_leaves_forty_of_its_hundred_ms_for_the_contactor():
    # Turns as short and as long as they may be, also while each of them changes the offer.
    for turns in ((1,), (4,), (10,), (4, 4, 10), (1, 10), (7, 3, 10, 5)):
        for lowering in (False, True):
            for load in ("B", "A"):
                bench = Bench().charge(700)
                bench.load = load  # right after a sample
                began_ms = bench.now_ms
                turn = 0
                while bench.permit:
                    bench.step_ms = turns[turn % len(turns)]
                    bench.step()
                    turn += 1
                    if lowering:
                        bench.offer(700 - turn)
                    assert bench.now_ms - began_ms <= 60, (turns, lowering, load)


def test_ventilated_sites_serve_d():
    bench = Bench()
    bench.core.settings.ventilation = True
    bench.charge()
    bench.load = "D"
    bench.beat(3000)
    assert (bench.permit, bench.state, bench.told_da) == (True, "D", 160)
    not_ventilated(bench)
    bench.step()
    assert not bench.permit
    bench = Bench().plug()
    bench.core.settings.ventilation = True
    bench.load = "D"
    bench.run(700)
    assert bench.grant() == OK
    bench.load = "C"
    bench.run(1000)
    assert bench.permit


def test_d_without_ventilation_never_closes():
    bench = Bench().plug()
    bench.load = "D"
    bench.run(3000)
    assert bench.state == "D"
    refused(bench, r.REFUSED_NOT_C, "D")
