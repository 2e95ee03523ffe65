# A lost heartbeat: falls to the failsafe current, never raises, never starts, never wakes; then the
# hold, X1, six seconds, and PERMIT is off.
import registers as r
from bench import Bench

OK = 0
REFUSED = 4


def lost(bench):
    return bench.faults & r.FAULT_HEARTBEAT


def lost_after(bench, limit_ms):
    return bench.until(lambda: lost(bench), limit_ms)


def x1_after(bench, limit_ms):
    return bench.until(lambda: bench.duty == 10000, limit_ms)


def off_after(bench, limit_ms):
    return bench.until(lambda: not bench.permit, limit_ms)


def charging(failsafe_da=0, hold_s=60, granted_da=160):
    bench = Bench()
    bench.core.settings.failsafe_da = failsafe_da
    bench.core.settings.hold_s = hold_s
    return bench.charge(granted_da)


def test_a_renewed_grant_lasts():
    bench = charging()
    bench.beat(60_000)
    assert (bench.permit, bench.told_da, bench.faults) == (True, 160, 0)


def test_a_lost_heartbeat_falls_to_the_failsafe_and_never_raises():
    for failsafe_da, granted_da, left_da, hold_s in (
        (60, 160, 60, 60), (320, 160, 160, 5), (160, 160, 160, 5)
    ):
        bench = charging(failsafe_da, hold_s, granted_da)
        waited_ms = lost_after(bench, 5000)  # the bench ran 100 ms after the grant
        assert 4880 <= waited_ms <= 4912
        assert (bench.told_da, bench.permit) == (left_da, True)
        bench.run(1000 * hold_s - 100)
        assert (bench.told_da, bench.permit) == (left_da, True)


def test_it_falls_to_the_last_grant_if_that_was_less():
    for renewed_da, left_da in ((0, 160), (250, 250)):
        bench = charging(failsafe_da=320, granted_da=160)
        bench.beat(6000, 0)
        bench.offer(320)
        assert bench.told_da == 320
        bench.renew(renewed_da)
        bench.run(5100)
        assert bench.told_da == left_da, renewed_da


def test_only_grants_and_renewals_are_a_heartbeat():
    bench = charging(failsafe_da=60)
    for _ in range(49):
        bench.core.heard()  # whatever else is asked
        bench.offer(160)
        bench.run(100)
    bench.run(20)
    assert lost(bench)


def test_a_raise_under_way_dies_with_the_heartbeat():
    bench = charging(failsafe_da=320)
    bench.run(4800)
    bench.offer(100)
    bench.offer(320)  # to be told in 5 s
    bench.run(15_000)
    assert bench.told_da == 100


def test_a_lost_heartbeat_never_wakes_a_paused_outlet():
    for failsafe_da in (60, 320):
        bench = charging(failsafe_da, 8)
        bench.run(2000)
        bench.withdraw()
        bench.run(500)
        bench.offer(160)  # waits out the six seconds after X1
        bench.run(20_000)  # past the hold and the six seconds
        assert (bench.duty, bench.told_da, bench.permit) == (10000, 0, False)
        bench = charging(failsafe_da, 8)
        bench.withdraw()
        bench.run(20_000)
        assert (bench.duty, bench.permit) == (10000, False)


def test_a_lost_heartbeat_never_starts():
    bench = Bench().ask()
    bench.core.settings.failsafe_da = 320
    bench.run(70_000)
    assert (bench.permit, bench.duty, bench.faults) == (False, 10000, 0)


def test_the_hold_ends_in_x1_and_six_seconds_later_permit_falls():
    for hold_s in (60, 1, 7):
        bench = charging(60, hold_s)
        lost_after(bench, 5000)
        waited_ms = x1_after(bench, hold_s * 1000 + 10)
        assert waited_ms >= hold_s * 1000 - 4
        assert bench.permit
        assert 5992 <= off_after(bench, 6010) <= 6008


def test_without_a_hold_or_a_failsafe_current_x1_is_at_once():
    for failsafe_da, hold_s in ((0, 60), (60, 0)):
        bench = charging(failsafe_da, hold_s)
        lost_after(bench, 5000)
        assert (bench.duty, bench.permit) == (10000, True)
        assert 5992 <= off_after(bench, 6010) <= 6008


def test_after_the_hold_permit_falls_at_once_with_b():
    bench = charging(60, 1)
    x1_after(bench, 6100)
    bench.load = "B"
    assert off_after(bench, 60) <= 60


def test_a_heartbeat_in_time_carries_on_without_raising():
    bench = charging(60)
    bench.run(20_000)
    assert bench.faults == r.FAULT_HEARTBEAT
    assert bench.offer(320) == REFUSED  # never a raise while it coasts
    assert bench.core.refused_bits == r.REFUSED_COASTING
    assert bench.offer(60) == OK
    assert lost(bench)  # neither is less a heartbeat
    assert bench.renew(160) == OK
    assert bench.faults == 0
    bench.beat(10_000)
    assert (bench.told_da, bench.permit) == (60, True)
    assert bench.offer(160) == OK
    bench.step()
    assert bench.told_da == 160


def test_a_new_grant_ends_the_coasting_too():
    bench = charging(60)
    bench.run(20_000)
    assert bench.grant(320) == OK
    assert (bench.faults, bench.core.interlock.coasting, bench.told_da) == (0, False, 60)


def test_a_heartbeat_after_the_hold_rescues_nothing():
    bench = charging(60, 1)
    x1_after(bench, 7000)
    for _ in range(6):
        bench.renew()
        bench.run(1000)
    bench.run(100)
    assert not bench.permit


def test_a_heartbeat_lowers_at_once_and_never_raises():
    bench = charging()
    assert bench.renew(100) == OK
    assert bench.told_da == 100
    assert bench.renew(320) == OK
    bench.beat(10_000, 320)
    assert bench.told_da == 100


def test_a_heartbeat_of_zero_leaves_the_current_as_it_is():
    bench = charging(320)
    assert bench.renew(0) == OK
    bench.run(6000)
    assert (bench.told_da, bench.permit) == (160, True)


def test_an_old_heartbeat_prolongs_nothing():
    for step, answer in ((0, OK), (-1, REFUSED), (0x8000, REFUSED)):
        bench = charging(60)
        bench.beat(2000)
        bench.run(3000)
        sequence = (bench.core.interlock.heartbeat_seq + step) & 0xFFFF
        assert bench.renew(sequence=sequence) == answer, step
        bench.run(1100)
        assert lost(bench), step


def test_the_loss_is_told_until_the_next_accepted_command():
    bench = charging(60)
    bench.run(5100)
    bench.load = "B"
    bench.run(100)
    assert (bench.permit, bench.faults) == (False, r.FAULT_HEARTBEAT)
    assert bench.renew() == REFUSED
    assert bench.faults == r.FAULT_HEARTBEAT
    assert bench.offer(160) == OK
    assert bench.faults == 0


def test_the_loss_itself_is_no_reason_to_refuse():
    bench = charging(60, 1)
    bench.run(14_000)
    assert (bench.permit, bench.faults) == (False, r.FAULT_HEARTBEAT)
    assert bench.offer(160) == OK
    bench.step()
    assert bench.grant() == OK


def test_an_offer_without_a_controller_ends():
    for hold_s, first_ms in ((60, 60_000), (0, 0)):
        bench = Bench().ready()
        bench.core.settings.hold_s = hold_s
        bench.load = "B"
        bench.run(100)
        bench.offer(160)
        bench.run(first_ms + 4900)
        assert bench.told_da == 160, hold_s
        bench.run(200)
        assert bench.duty == 10000, hold_s


def test_an_offer_that_waits_dies_with_its_controller():
    # for the six seconds after X1
    bench = Bench().ask()
    bench.withdraw()
    bench.step()
    bench.offer(160)
    bench.run(60_000)
    assert (bench.told_da, bench.core.offer.asked_da) == (0, 0)
    # for a raise: lowered just now, raised in 5 s, but the controller's last word is 5 s old by then
    bench = Bench().plug()
    bench.offer(100)
    bench.offer(320)
    bench.run(50_000)
    assert bench.told_da == 100


def test_a_controller_that_reads_on_keeps_what_it_offered():
    bench = Bench().plug()
    for _ in range(70):
        bench.run(1000)
        bench.core.heard()
    assert bench.told_da == 160
