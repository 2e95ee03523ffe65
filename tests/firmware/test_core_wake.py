# The pulse that wakes a car that sleeps: F, then X1, then an ordinary offer. Runs in MicroPython too.
import registers as r
from bench import Bench

OK = 0
BAD_VALUE = 3
REFUSED = 4
F_MS = 1000
X1_MS = 750
LATE_MS = 40  # two commands between turns, each at most two worst turns


def resting(current_da=160, pp_ohm=65535):
    # A car in B that was offered something and does not ask.
    bench = Bench()
    bench.inputs.pp_ohm = pp_ohm
    return bench.plug(current_da)


def wake(bench, pulse_ms=F_MS):
    return bench.command(r.COMMAND_WAKE, 0, 0, pulse_ms)


def until_x1(bench, limit_ms=F_MS + LATE_MS):
    return bench.until(lambda: bench.duty, limit_ms)


def until_told(bench, limit_ms):
    return bench.until(lambda: bench.told_da, limit_ms)


def test_f_then_x1_for_750_ms_then_the_offer_that_waits():
    for pulse_ms in (1000, 2500, 5000):
        bench = resting()
        assert wake(bench, pulse_ms) == OK
        assert (bench.duty, bench.told_da, bench.core.offer.waking) == (0, 0, True)
        assert pulse_ms - 4 <= until_x1(bench, pulse_ms + LATE_MS)
        assert bench.duty == 10000
        bench.run(60)
        assert (bench.state, bench.offer(160)) == ("B", OK)
        x1_ms = 60 + until_told(bench, X1_MS)
        assert X1_MS - 4 <= x1_ms <= X1_MS + LATE_MS
        assert (bench.told_da, bench.core.offer.waking, bench.faults) == (160, False, 0)


def test_it_is_no_offer_by_itself():
    bench = resting()
    wake(bench)
    bench.run(5000)
    assert (bench.duty, bench.told_da, bench.core.offer.waking) == (10000, 0, False)


def test_an_offer_within_f_is_refused():
    bench = resting()
    wake(bench)
    bench.step()
    assert bench.offer(160) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_NO_CAR


def test_it_has_its_limits():
    for pulse_ms in (0, 999, 5001, 65535):
        assert wake(resting(), pulse_ms) == BAD_VALUE


def test_only_a_car_that_rests_is_woken():
    for load, bit in (("A", r.REFUSED_NO_CAR), ("C", r.REFUSED_CAR), ("D", r.REFUSED_CAR)):
        bench = resting()
        bench.load = load
        bench.run(600)
        assert wake(bench) == REFUSED, load
        assert bench.core.refused_bits == bit, load
        assert bench.duty, load
    assert wake(Bench()) == REFUSED  # nothing is known yet
    bench = resting()
    bench.load = "E"
    bench.run(600)
    assert wake(bench) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_NO_CAR | r.REFUSED_FAULT


def test_nothing_may_be_energised_or_at_fault():
    for name, value, bits in (("relay", True, r.REFUSED_REQUEST),
                              ("mirror_shows", True, r.REFUSED_CONTACTOR_CLOSED),
                              ("leak", True, r.REFUSED_FAULT)):
        bench = resting()
        bench.obeys = False
        setattr(bench, name, value)
        bench.step()
        assert wake(bench) == REFUSED, name
        assert bench.core.refused_bits == bits, name
        assert bench.duty, name
    bench = Bench().charge()
    assert wake(bench) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_CONTACTOR_CLOSED | r.REFUSED_REQUEST | r.REFUSED_CAR
    assert (bench.permit, bench.duty) == (True, 2666)
    bench.core.pilot.state = r.PILOT_B  # as it never is: PERMIT alone refuses it too
    bench.core.inputs.request = bench.core.inputs.mirror_closed = bench.core.contactor.closed = False
    assert wake(bench) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_CONTACTOR_CLOSED


def test_the_same_frame_once_more_prolongs_nothing():
    bench = resting()
    wake(bench)
    bench.run(F_MS // 2)
    assert wake(bench, 5000) == OK
    assert until_x1(bench, F_MS // 2 + LATE_MS)
    bench.run(100)
    assert (bench.state, wake(bench), bench.duty) == ("B", OK, 10000)
    bench.until(lambda: not bench.core.offer.waking, X1_MS)


def test_it_is_no_fault_and_the_car_stays_the_same():
    bench = resting()
    number = bench.core.pilot.plug_seq
    wake(bench)
    while bench.core.offer.waking:
        bench.step()
        assert (bench.faults, bench.permit, bench.core.outputs.rcd_test) == (0, False, False)
        assert bench.duty or bench.state == "F"
    assert (bench.state, bench.core.pilot.plug_seq) == ("B", number)


def test_a_car_that_wakes_up_charges_in_the_ordinary_way_and_not_sooner():
    bench = resting()
    wake(bench)
    for _ in range(500):
        assert bench.grant() == REFUSED
        bench.step()
    bench.offer(160)
    bench.run(100)
    bench.load = "C"
    bench.run(400)
    assert bench.grant() == REFUSED
    bench.run(200)
    assert bench.grant() == OK


def test_a_car_that_asks_under_the_x1_has_to_rest_first():
    bench = resting()
    wake(bench)
    until_x1(bench)
    bench.load = "C"
    bench.run(700)
    bench.offer(160)
    bench.run(2000)
    assert (bench.state, bench.told_da, bench.grant()) == ("C", 160, REFUSED)
    assert bench.core.refused_bits == r.REFUSED_DARK
    bench.load = "B"
    bench.run(100)
    bench.load = "C"
    bench.run(600)
    assert bench.grant() == OK


def test_a_car_that_leaves_meanwhile_is_noticed_and_the_next_one_need_not_wait():
    bench = resting()
    number = bench.core.pilot.plug_seq
    wake(bench)
    bench.run(F_MS // 2)
    bench.load = "A"
    until_x1(bench)
    bench.run(60)
    assert (bench.state, bench.core.offer.waking, bench.faults) == ("A", False, 0)
    bench.load = "B"
    bench.run(100)
    assert (bench.state, bench.core.pilot.plug_seq) == ("B", number + 1)


def test_another_plug_within_f_is_another_car():
    bench = resting(pp_ohm=220)
    number = bench.core.pilot.plug_seq
    wake(bench)
    bench.run(200)
    bench.inputs.pp_ohm = 65535  # the pilot reads -12 V all the time
    bench.run(200)
    bench.inputs.pp_ohm = 680
    bench.run(1000)
    assert (bench.state, bench.core.pilot.plug_seq) == ("B", number + 1)
    assert (bench.core.cable_a, bench.faults) == (20, 0)


def test_a_more_generous_plug_within_f_is_held_to_the_cable_that_was_there():
    bench = resting(pp_ohm=680)
    wake(bench)
    bench.inputs.pp_ohm = 65535
    bench.run(200)
    bench.inputs.pp_ohm = 100
    bench.run(1200)
    assert (bench.state, bench.core.cable_a) == ("B", 20)


def test_a_plug_that_vanishes_and_leaves_its_car_is_a_bad_cable():
    bench = resting(pp_ohm=220)
    wake(bench)
    bench.run(100)
    bench.inputs.pp_ohm = 65535
    bench.run(1200)
    assert (bench.state, bench.faults) == ("B", r.FAULT_PROXIMITY)


def test_a_plug_that_only_flickers_is_the_same():
    bench = resting(pp_ohm=220)
    number = bench.core.pilot.plug_seq
    wake(bench)
    bench.inputs.pp_ohm = 65535
    bench.run(60)
    bench.inputs.pp_ohm = 220
    bench.run(1200)
    assert (bench.state, bench.core.pilot.plug_seq, bench.faults) == ("B", number, 0)


def test_f_after_a_fault_tells_no_plug_by_its_resistor():
    # A contact that breaks is a fault, and stays one.
    bench = Bench()
    bench.inputs.pp_ohm = 220
    bench.charge()
    number = bench.core.pilot.plug_seq
    bench.inputs.pp_ohm = 65535
    bench.run(1200)
    assert (bench.faults, bench.core.pilot.plug_seq) == (r.FAULT_PROXIMITY, number)


def test_a_fault_takes_the_offer_that_waits():
    bench = resting()
    wake(bench)
    until_x1(bench)
    bench.run(60)
    bench.offer(160)
    bench.inputs.stop_pressed = True
    bench.run(100)
    bench.inputs.stop_pressed = False
    bench.run(2000)
    assert (bench.told_da, bench.faults) == (0, 0)


def test_it_is_woken_again_only_after_the_x1():
    bench = resting()
    wake(bench)
    bench.until(lambda: not bench.core.offer.waking, F_MS + X1_MS + 2 * LATE_MS)
    assert wake(bench) == OK
    assert bench.duty == 0
