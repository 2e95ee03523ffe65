"""The rules of PERMIT, offer and heartbeat, each limit in virtual milliseconds."""

import pytest

OK, BAD_VALUE, REFUSED = 0, 3, 4


def test_reset_leaves_the_outlet_safe(bench):
    assert (bench.permit, bench.duty) == (False, 10000)
    bench.load = "C"
    bench.run(5000)
    assert (bench.permit, bench.duty) == (False, 10000)


def test_a_grant_closes_and_only_a_grant(bench):
    bench.load = "B"
    bench.run(100)
    bench.offer(160)
    bench.load = "C"
    bench.run(10000)
    assert not bench.permit
    assert bench.renew() == REFUSED
    assert bench.core.refused_bits == bench.r.REFUSED_NO_GRANT
    assert bench.grant() == OK
    assert bench.permit


# every condition of the latch, one missing at a time -> the bit that names it
def _not_c(bench):
    bench.load = "B"
    bench.run(100)


def _ventilation(bench):
    bench.load = "D"
    bench.run(100)


def _no_pwm(bench):
    bench.withdraw()
    bench.run(8)


def _mirror(bench):
    bench.inputs.mirror_closed = True
    bench.step()


def _rcd(bench):
    bench.inputs.rcd_tripped = True
    bench.step()
    bench.inputs.rcd_tripped = False
    bench.step()


def _stop(bench):
    bench.inputs.stop_pressed = True
    bench.step()


def _supply(bench):
    bench.inputs.supply_mv = 10400
    bench.step()


def _cable(bench):
    bench.inputs.pp_ohm = 10
    bench.run(120)


CONDITIONS = [(_not_c, "NOT_C"), (_ventilation, "NOT_C"), (_no_pwm, "NO_PWM"), (_mirror, "MIRROR"),
              (_rcd, "FAULT"), (_stop, "FAULT"), (_supply, "FAULT"), (_cable, "FAULT")]


@pytest.mark.parametrize(("remove", "name"), CONDITIONS)
def test_a_grant_is_refused_while_a_condition_is_missing(bench, remove, name):
    bench.load = "B"
    bench.run(100)
    bench.offer(160)
    bench.load = "C"
    bench.run(700)
    remove(bench)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits & getattr(bench.r, f"REFUSED_{name}")
    bench.run(100)
    assert not bench.permit


def test_a_grant_is_refused_until_the_diode_was_seen(bench):
    bench.load = "C"
    bench.run(700)
    bench.offer(160)
    bench.step()
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits == bench.r.REFUSED_DIODE
    bench.run(200)
    assert bench.grant() == OK


def test_arriving_in_c_without_pwm_never_closes(bench):
    bench.load = "C"
    bench.run(5000)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits & bench.r.REFUSED_NO_PWM


# whatever is taken away under PERMIT -> PERMIT is off within so many ms (one loop is 4)
@pytest.mark.parametrize(("remove", "limit_ms"), [
    (lambda b: setattr(b, "load", "B"), 60), (lambda b: setattr(b, "load", "A"), 60),
    (lambda b: setattr(b, "load", "E"), 85), (lambda b: setattr(b, "load", "D"), 85),
    (lambda b: setattr(b.inputs, "rcd_tripped", True), 4),
    (lambda b: setattr(b.inputs, "stop_pressed", True), 4),
    (lambda b: setattr(b.inputs, "supply_mv", 10000), 4),
    (lambda b: setattr(b, "diode", False), 90),
    (lambda b: setattr(b.inputs, "pp_ohm", 10), 110),
    (lambda b: b.command(b.r.COMMAND_REVOKE), 0), (lambda b: b.core.turn_off(), 0)])
def test_whatever_is_missing_opens_and_nothing_closes_again_by_itself(bench, remove, limit_ms):
    bench.charge()
    remove(bench)
    assert bench.until(lambda: not bench.permit, limit_ms) <= limit_ms
    bench.load, bench.diode = "C", True
    bench.inputs.rcd_tripped = bench.inputs.stop_pressed = False
    bench.inputs.supply_mv, bench.inputs.pp_ohm = 12000, 65535
    for _ in range(10):
        bench.run(1000)
        assert bench.renew() == REFUSED
        assert not bench.permit


def test_toggling_b_and_c_never_closes_without_a_new_sequence(bench):
    bench.charge()
    for _ in range(5):
        bench.load = "B"
        bench.run(200)
        bench.load = "C"
        bench.run(1000)
        assert not bench.permit
        assert bench.grant(sequence=bench.sequence) == REFUSED  # the old one, written once more
        assert bench.core.refused_bits == bench.r.REFUSED_SEQUENCE
    assert bench.grant() == OK
    assert bench.permit


@pytest.mark.parametrize(("last", "sequence", "answer"), [
    (7, 8, OK), (7, 7, REFUSED), (7, 6, REFUSED), (7, 7 + 0x7FFF, OK), (7, 7 + 0x8000, REFUSED),
    (0xFFFF, 0, OK), (0xFFFF, 0xFFFE, REFUSED)])
def test_only_a_newer_sequence_grants(bench, last, sequence, answer):
    bench.charge()
    bench.command(bench.r.COMMAND_REVOKE)
    bench.core.interlock.grant_seq = last
    bench.run(100)
    assert bench.grant(sequence=sequence) == answer


def test_the_same_grant_once_more_prolongs_nothing(bench):
    bench.charge()
    bench.run(3000)
    assert bench.grant(sequence=bench.sequence) == OK
    bench.run(2000)
    assert bench.faults == bench.r.FAULT_HEARTBEAT


@pytest.mark.parametrize(("current_da", "ttl_ms"), [
    (59, 5000), (801, 5000), (160, 99), (160, 5001), (0, 5000)])
def test_a_grant_out_of_range_is_refused(bench, current_da, ttl_ms):
    bench.charge()
    bench.command(bench.r.COMMAND_REVOKE)
    bench.run(100)
    assert bench.grant(current_da, ttl_ms) == BAD_VALUE
    assert not bench.permit


def test_a_grant_lowers_the_offer_and_never_raises_it(bench):
    bench.charge(160)
    assert bench.grant(100) == OK
    assert bench.told_da == 100
    assert bench.grant(320) == OK
    bench.run(4000)
    assert bench.told_da == 100


# --- heartbeat

def test_a_renewed_grant_lasts(bench):
    bench.charge()
    bench.beat(120_000)
    assert bench.permit
    assert bench.told_da == 160


@pytest.mark.parametrize(("failsafe_da", "granted_da", "left_da"), [
    (60, 160, 60), (320, 160, 160), (160, 160, 160)])
def test_a_lost_heartbeat_falls_to_the_failsafe_and_never_raises(
        bench, failsafe_da, granted_da, left_da):
    bench.core.set_failsafe_da(failsafe_da)
    bench.charge(granted_da)
    waited_ms = bench.until(lambda: bench.faults & bench.r.FAULT_HEARTBEAT, 5000)
    assert 4880 <= waited_ms <= 4912  # the bench ran 100 ms after the grant
    assert (bench.told_da, bench.permit) == (left_da, True)
    bench.run(59_900)
    assert (bench.told_da, bench.permit) == (left_da, True)


def test_a_raise_under_way_dies_with_the_heartbeat(bench):
    bench.core.set_failsafe_da(320)
    bench.charge(160)
    bench.grant(320)
    bench.run(400)
    bench.core.offer._raise_ms = 60_000  # asked for, not told yet
    bench.offer(320)
    bench.run(65_000)
    assert bench.told_da <= 160


def test_the_hold_ends_in_x1_and_six_seconds_later_permit_falls(bench):
    bench.core.set_failsafe_da(60)
    bench.charge()
    bench.until(lambda: bench.faults & bench.r.FAULT_HEARTBEAT, 5000)
    assert bench.until(lambda: bench.duty == 10000, 60_010) >= 59_996
    assert bench.permit
    assert bench.until(lambda: not bench.permit, 6010) >= 5992


def test_after_the_hold_permit_falls_at_once_with_b(bench):
    bench.core.set_failsafe_da(60)
    bench.core.set_hold_s(1)
    bench.charge()
    bench.until(lambda: bench.duty == 10000, 6100)
    bench.load = "B"
    assert bench.until(lambda: not bench.permit, 60) <= 60


def test_without_a_failsafe_current_a_lost_heartbeat_is_x1(bench):
    bench.charge()
    bench.until(lambda: bench.faults & bench.r.FAULT_HEARTBEAT, 5000)
    assert (bench.duty, bench.permit) == (10000, True)
    bench.until(lambda: not bench.permit, 6010)


def test_a_heartbeat_in_time_carries_on_without_raising(bench):
    bench.core.set_failsafe_da(60)
    bench.charge()
    bench.run(20_000)
    assert bench.faults == bench.r.FAULT_HEARTBEAT
    assert bench.offer(320) == REFUSED  # never a raise while it coasts
    assert bench.core.refused_bits == bench.r.REFUSED_COASTING
    assert bench.renew(160) == OK
    assert bench.faults == 0
    bench.beat(10_000)
    assert (bench.told_da, bench.permit) == (60, True)
    assert bench.offer(160) == OK
    bench.step()
    assert bench.told_da == 160


def test_a_heartbeat_after_the_hold_rescues_nothing(bench):
    bench.core.set_hold_s(1)
    bench.core.set_failsafe_da(60)
    bench.charge()
    bench.until(lambda: bench.duty == 10000, 7000)
    for _ in range(6):
        bench.renew()
        bench.run(1000)
    bench.run(100)
    assert not bench.permit


def test_a_heartbeat_of_zero_leaves_the_current_as_it_is(bench):
    bench.core.set_failsafe_da(320)
    bench.charge(160)
    assert bench.renew(0) == OK
    bench.run(6000)
    assert (bench.told_da, bench.permit) == (160, True)


@pytest.mark.parametrize("step", [0, -1, 0x8000])
def test_an_old_heartbeat_prolongs_nothing(bench, step):
    bench.charge()
    bench.beat(2000)
    bench.until(lambda: bench.faults & bench.r.FAULT_HEARTBEAT, 6000)
    bench.renew(sequence=(bench.core.interlock.heartbeat_seq + step) & 0xFFFF)
    assert bench.faults & bench.r.FAULT_HEARTBEAT


def test_an_offer_without_a_controller_ends(bench):
    bench.load = "B"
    bench.run(100)
    bench.core.heard()
    bench.offer(160)
    bench.run(60_000)
    assert bench.told_da == 160
    bench.run(5100)
    assert bench.duty == 10000


# --- X1

def test_x1_keeps_permit_until_b(bench):
    bench.charge()
    bench.withdraw()
    assert (bench.duty, bench.permit) == (10000, True)
    bench.run(2000)
    assert bench.permit
    bench.load = "B"
    assert bench.until(lambda: not bench.permit, 60) <= 60


def test_x1_that_the_car_ignores_opens_after_six_seconds(bench):
    bench.charge()
    bench.withdraw()
    for _ in range(5):
        bench.run(1000)
        bench.renew()
        assert bench.permit
    assert bench.until(lambda: not bench.permit, 1012) >= 990


def test_after_x1_there_is_no_pwm_until_b_or_six_seconds(bench):
    bench.charge()
    bench.withdraw()
    bench.run(1000)
    assert bench.offer(160) == OK
    bench.renew()
    bench.run(4900)
    assert (bench.duty, bench.permit) == (10000, True)
    bench.run(200)
    assert (bench.told_da, bench.permit) == (160, False)  # the offer is back, the permit is not
    bench.load = "B"
    bench.run(100)
    bench.withdraw()
    bench.run(8)
    bench.offer(160)
    assert bench.told_da == 160


# --- offers

def test_raises_wait_five_seconds_and_lowering_never(bench):
    bench.charge(160)
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


@pytest.mark.parametrize("load", ["A", "E"])
def test_there_is_no_offer_without_a_car(bench, load):
    bench.load = load
    bench.run(200)
    assert bench.offer(160) == REFUSED
    bench.load = "B"
    bench.run(200)
    assert bench.duty == 10000


def test_an_offer_ends_with_its_car(bench):
    bench.charge()
    bench.load = "A"
    bench.run(50)
    assert bench.duty == 10000
    bench.load = "B"
    bench.run(1000)
    assert bench.duty == 10000


def test_a_cable_lowers_the_offer(bench):
    bench.inputs.pp_ohm = 680
    bench.load = "B"
    bench.run(100)
    bench.offer(320)
    assert bench.told_da == 200


@pytest.mark.parametrize(("current_da", "answer", "left_da"), [
    (100, OK, 100), (160, OK, 160), (0, OK, 0),
    (170, BAD_VALUE, 160), (320, BAD_VALUE, 160), (50, BAD_VALUE, 160)])
def test_foreign_tools_may_only_lower(bench, current_da, answer, left_da):
    bench.charge(160)
    bench.run(800)
    assert bench.core.lower(current_da) == answer
    assert bench.told_da == left_da


def test_turning_off_from_outside_opens_at_once(bench):
    bench.charge()
    bench.core.turn_off()
    assert (bench.permit, bench.duty) == (False, 10000)


# --- faults

def test_a_residual_current_stays_latched_until_its_own_number_comes(bench):
    bench.charge()
    bench.inputs.rcd_tripped = True
    bench.step()
    assert (bench.faults, bench.core.faults.seq) == (bench.r.FAULT_RCD, 1)
    assert bench.command(bench.r.COMMAND_ACK, 1) == REFUSED  # it stands still
    bench.inputs.rcd_tripped = False
    bench.run(1000)
    for wrong in (0, 2, 0xFFFF):
        assert bench.command(bench.r.COMMAND_ACK, wrong) == REFUSED
    assert bench.faults == bench.r.FAULT_RCD
    assert bench.command(bench.r.COMMAND_ACK, 1) == OK
    assert (bench.faults, bench.core.faults.ack_seq, bench.permit) == (0, 1, False)
    bench.inputs.rcd_tripped = True
    bench.step()
    assert bench.core.faults.seq == 2


def test_a_welded_contactor_is_named_one_second_after_permit(bench):
    bench.charge()
    bench.welded = True
    bench.command(bench.r.COMMAND_REVOKE)
    bench.run(900)
    assert bench.faults == 0
    bench.run(120)
    assert bench.faults == bench.r.FAULT_MIRROR
    assert bench.grant() == REFUSED
    bench.inputs.mirror_closed = False
    bench.step()
    assert bench.faults == 0


def test_a_short_is_a_fault_until_the_pilot_is_back(bench):
    bench.charge()
    bench.load = "E"
    bench.run(100)
    assert bench.faults == bench.r.FAULT_PILOT_SHORT
    bench.load = "C"
    bench.run(600)
    assert bench.faults == bench.r.FAULT_PILOT_SHORT
    bench.load = "B"
    bench.run(100)
    assert bench.faults == 0


def test_a_brown_out_ends_when_the_supply_was_good_for_a_second(bench):
    bench.load = "B"
    bench.run(100)
    bench.inputs.supply_mv = 10400
    bench.step()
    bench.inputs.supply_mv = 10700  # better, not good
    bench.run(2000)
    assert bench.faults == bench.r.FAULT_BROWN_OUT
    bench.inputs.supply_mv = 12000
    bench.run(900)
    assert bench.faults == bench.r.FAULT_BROWN_OUT
    bench.run(200)
    assert bench.faults == 0


def test_a_fault_ends_the_offer_and_refuses_new_ones(bench):
    bench.charge()
    bench.inputs.stop_pressed = True
    bench.step()
    assert bench.duty == 10000
    assert bench.offer(160) == REFUSED
    bench.inputs.stop_pressed = False
    bench.run(10_000)
    assert bench.duty == 10000


# --- time

@pytest.mark.parametrize("before_wrap_ms", [100, 700, 1400, 3000, 6400])
def test_the_wrap_of_the_clock_changes_nothing(make_bench, before_wrap_ms):
    ordinary, wrapping = make_bench(), make_bench(start_ms=2**30 - before_wrap_ms)
    seen = []
    for bench in (ordinary, wrapping):
        bench.core.set_failsafe_da(60)
        bench.core.set_hold_s(1)
        bench.charge()
        trace = []
        for _ in range(4000):
            bench.step()
            trace.append((bench.permit, bench.duty, bench.faults, bench.state))
        seen.append(trace)
    assert seen[0] == seen[1]
    assert not seen[0][-1][0]


@pytest.mark.parametrize("command", [0, 7, 99, 0xFFFF])
def test_an_unknown_command_does_nothing(bench, command):
    bench.charge()
    assert bench.command(command, 99, 320, 5000) == BAD_VALUE
    assert (bench.permit, bench.told_da) == (True, 160)
