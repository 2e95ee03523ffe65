# What the pilot tells the car: X1, raises, cables, other tools, and the self-test that comes first.
import registers as r
from bench import Bench

OK = 0
BAD_VALUE = 3
REFUSED = 4


# --- X1


def test_x1_keeps_permit_until_b():
    bench = Bench().charge()
    bench.withdraw()
    assert (bench.duty, bench.permit) == (10000, True)
    bench.run(2000)
    assert bench.permit
    bench.load = "B"
    assert bench.until(lambda: not bench.permit, 60) <= 60


def test_x1_that_the_car_ignores_opens_after_six_seconds():
    bench = Bench().charge()
    bench.withdraw()
    assert not bench.core.interlock.coasting
    for _ in range(5):
        bench.run(1000)
        bench.renew()
        assert bench.permit
        assert bench.core.interlock.stopping
    assert bench.until(lambda: not bench.permit, 1012) >= 990


def test_after_x1_there_is_no_pwm_until_b_or_six_seconds():
    bench = Bench().charge()
    bench.withdraw()
    bench.run(1000)
    assert bench.offer(160) == OK
    bench.renew()
    bench.run(4900)
    assert (bench.duty, bench.permit) == (10000, True)
    bench.offer(160)
    bench.run(200)
    assert (bench.told_da, bench.permit) == (160, False)  # the offer is back, the permit is not
    bench.load = "B"
    bench.run(100)
    bench.withdraw()
    bench.run(8)
    bench.offer(160)
    assert bench.told_da == 160


# --- how the current moves


def test_raises_wait_five_seconds_and_lowering_never():
    bench = Bench().charge(160)
    bench.beat(6000)
    bench.offer(200)
    assert bench.told_da == 200
    bench.offer(320)
    bench.beat(4000, 320)
    assert bench.told_da == 200
    assert bench.until(lambda: bench.told_da == 320, 1030) >= 1000
    bench.offer(100)
    assert bench.told_da == 100
    bench.offer(320)
    bench.beat(4000, 320)
    assert bench.told_da == 100
    assert bench.until(lambda: bench.told_da == 320, 1030) >= 1000


def test_an_offer_out_of_range_changes_nothing():
    for current_da in (0, 59, 801, 65535):
        bench = Bench().plug()
        assert bench.offer(current_da) == BAD_VALUE, current_da
        assert bench.told_da == 160


def test_there_is_no_offer_without_a_car():
    for load in ("A", "E"):
        bench = Bench().ready()
        bench.load = load
        bench.run(200)
        assert bench.offer(160) == REFUSED
        assert bench.core.refused_bits == r.REFUSED_NO_CAR
        bench.load = "B"
        bench.run(200)
        assert bench.duty == 10000


def test_an_offer_ends_with_its_car():
    bench = Bench().charge()
    bench.load = "A"
    bench.run(50)
    assert bench.duty == 10000
    bench.load = "B"
    bench.run(1000)
    assert bench.duty == 10000


def test_a_cable_lowers_the_offer():
    for pp_ohm, most_da in ((1500, 130), (680, 200), (220, 320), (100, 630), (65535, 800)):
        bench = Bench()
        bench.inputs.pp_ohm = pp_ohm
        bench.plug(800)
        assert bench.told_da == most_da, pp_ohm
        assert bench.core.cable_a == (0 if pp_ohm == 65535 else most_da // 10)


# --- other tools


def test_foreign_tools_may_only_lower():
    for current_da, answer, left_da in (
        (100, OK, 100), (160, OK, 160), (0, OK, 0),
        (170, BAD_VALUE, 160), (320, BAD_VALUE, 160), (50, BAD_VALUE, 160),
    ):
        bench = Bench().charge(160)
        bench.run(800)
        assert bench.core.lower(current_da) == answer, current_da
        assert bench.told_da == left_da, current_da


def test_foreign_tools_start_nothing():
    bench = Bench().plug()
    bench.withdraw()
    bench.load = "C"
    bench.run(600)
    assert bench.core.lower(160) == BAD_VALUE
    assert bench.core.lower(0) == OK
    assert bench.core.turn_off() == OK
    bench.run(1000)
    assert (bench.duty, bench.permit) == (10000, False)


def test_what_foreign_tools_write_is_no_heartbeat():
    bench = Bench()
    bench.core.settings.failsafe_da = 60
    bench.charge()
    for _ in range(49):
        bench.core.lower(160)
        bench.run(100)
    bench.run(20)
    assert bench.faults == r.FAULT_HEARTBEAT
    bench.core.lower(60)
    assert bench.faults == r.FAULT_HEARTBEAT
    bench = Bench().plug()
    for _ in range(66):
        bench.core.lower(160)
        bench.run(1000)
    assert bench.told_da == 0


def test_turning_off_from_outside_opens_at_once():
    bench = Bench().charge()
    bench.core.turn_off()
    assert (bench.permit, bench.duty) == (False, 10000)


# --- the self-test comes before PWM


def test_an_offer_is_accepted_and_waits_for_the_self_test():
    bench = Bench()
    bench.load = "B"
    bench.run(60)
    assert not bench.core.residual.ok
    assert bench.offer(160) == OK
    waited_ms = 0
    while not bench.core.residual.ok:
        assert (bench.told_da, bench.duty) == (0, 10000)
        bench.step()
        waited_ms += bench.step_ms
        assert waited_ms <= 2500
    bench.run(100)
    assert bench.told_da == 160


def test_the_test_after_unplugging_holds_the_next_car_back():
    bench = Bench().charge()
    bench.load = "A"
    bench.run(120)
    assert bench.core.residual.running
    bench.load = "B"
    bench.run(60)
    assert bench.offer(160) == OK
    assert (bench.told_da, bench.core.residual.running) == (0, True)
    bench.until(lambda: not bench.core.residual.running, 2500)
    bench.run(8)
    assert bench.told_da == 160


def test_a_test_that_is_a_day_old_ends_no_offer():
    bench = Bench().plug()
    bench.core.residual.age_min = 24 * 60
    assert bench.core.residual.due
    while bench.core.residual.due:
        bench.step()
        assert bench.told_da == 160
        assert bench.now_ms < 10_000


def test_a_test_that_is_a_day_old_is_done_again_before_pwm():
    bench = Bench().plug()
    bench.withdraw()
    bench.relay = True  # so that it cannot run
    bench.obeys = False
    bench.step()
    bench.core.residual.age_min = 24 * 60
    assert bench.offer(160) == OK
    bench.run(1000)
    assert (bench.told_da, bench.core.outputs.rcd_test) == (0, False)
    bench.relay = False
    bench.until(lambda: not bench.core.residual.due, 2500)
    bench.run(8)
    assert (bench.told_da, bench.core.residual.age_min) == (160, 0)


def test_a_module_that_fails_its_test_gets_no_pwm():
    bench = Bench()
    bench.rcd_dead = True
    bench.load = "B"
    bench.run(60)
    bench.offer(160)
    bench.until(lambda: bench.faults & r.FAULT_SELF_TEST, 4000)
    assert (bench.told_da, bench.permit) == (0, False)
    assert bench.offer(160) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_FAULT
