# A residual current module out of order, and a test that is broken off. Runs in MicroPython too.
from registers import TEST_NEVER, TEST_NO_TRIP, TEST_PASSED, TEST_STUCK, TEST_TRIPPED
from residual import (
    PHASE_DROPPED,
    PHASE_IDLE,
    PHASE_PULSE,
    PHASE_RELEASE,
    RELEASE_MS,
    TRIP_MS,
    Residual,
)
from residual_rig import SLACK_MS, TURN_MS, Rig, is_due_for_nothing, just_passed

# --- a module out of order

def test_a_dead_one_fails_after_its_limit_and_is_not_tried_again_and_again():
    rig = Rig(dead=True)
    rig.until(PHASE_PULSE, 100)
    failed_ms = rig.until(PHASE_DROPPED, TRIP_MS + SLACK_MS)
    assert failed_ms >= TRIP_MS - TURN_MS
    residual = rig.residual
    assert residual.failed and not residual.ok and residual.result == TEST_NO_TRIP
    assert rig.pulse_ms <= TRIP_MS + SLACK_MS
    rig.run(600000)
    assert rig.tests == 1 and residual.due and not residual.running and rig.reals == 0
    rig.unplugged = True
    rig.run(5000)
    assert rig.tests == 2 and residual.failed
    rig.dead = False
    assert residual.start()
    rig.run(5000)
    assert is_due_for_nothing(residual) and residual.result == TEST_PASSED


def test_one_that_trips_too_late_fails_and_its_late_trip_is_no_real_one():
    rig = Rig(trip_ms=1280)
    residual = rig.residual
    rig.until(PHASE_PULSE, 100)
    rig.until(PHASE_DROPPED, TRIP_MS + SLACK_MS)
    for turn in range(1000):
        residual.step(TURN_MS, 20 <= turn < 60, True, False)
        assert not residual.tripped
    assert residual.result == TEST_NO_TRIP and residual.failed and not residual.running


def test_one_that_does_not_come_back_fails_and_then_its_trip_is_real():
    rig = Rig(release_ms=10 ** 6)
    residual = rig.residual
    rig.until(PHASE_RELEASE, 1000)
    took_ms = rig.until(PHASE_IDLE, RELEASE_MS + SLACK_MS)
    assert took_ms >= RELEASE_MS - TURN_MS
    assert residual.result == TEST_STUCK and residual.failed and not residual.ok
    assert residual.tripped and rig.reals == 1
    just = Rig(release_ms=900)
    just.run(3000)
    assert just.residual.ok and just.reals == 0


def test_one_that_stands_tripped_is_real_and_is_tested_once_it_is_quiet():
    rig = Rig(stuck=True)
    residual = rig.residual
    rig.run(RELEASE_MS + SLACK_MS)
    assert residual.tripped
    rig.run(60000)
    assert residual.tripped and rig.reals == 1 and rig.tests == 0
    assert residual.result == TEST_TRIPPED and not residual.ok and residual.due
    rig.stuck = False
    rig.run(1000)
    assert not residual.tripped and is_due_for_nothing(residual)


def test_a_trip_before_the_test_makes_the_last_pass_worth_nothing():
    rig = just_passed()
    rig.leak = True
    rig.unplugged = True
    rig.run(100)
    assert rig.residual.tripped and rig.residual.result == TEST_TRIPPED and not rig.residual.ok
    rig.leak = False
    rig.run(1000)
    assert rig.residual.ok and rig.tests == 2


# --- whose trip is it

def test_a_trip_is_real_in_the_very_step_that_shows_it_unless_a_test_runs():
    rig = just_passed()
    for may_test in (True, False):
        rig.may_test = may_test
        rig.residual.step(TURN_MS, True, may_test, False)
        assert rig.residual.tripped, may_test
        rig.residual.step(TURN_MS, False, may_test, False)
        assert not rig.residual.tripped, may_test
    assert rig.tests == 1  # a trip by itself asks for no test


def test_a_trip_right_after_the_test_is_real():
    rig = Rig()
    rig.until(PHASE_PULSE, 100)
    rig.until(PHASE_IDLE, 1000)
    rig.leak = True
    rig.step()
    assert rig.residual.tripped and rig.residual.ok


def test_a_leak_that_begins_in_the_test_is_real_when_it_outlasts_it():
    for phase in (PHASE_PULSE, PHASE_RELEASE):
        rig = Rig()
        rig.until(phase, 1000)
        rig.leak = True
        rig.run(2000)
        assert rig.residual.tripped and rig.reals == 1, phase
        assert rig.residual.result == TEST_STUCK, phase
        rig.leak = False
        rig.run(200)
        assert not rig.residual.tripped and rig.residual.failed, phase


def test_an_output_that_bounces_when_it_comes_back_is_no_real_trip():
    rig = Rig()
    rig.until(PHASE_RELEASE, 1000)
    for turn in range(100):
        rig.residual.step(TURN_MS, turn % 10 == 0 and turn < 60, True, False)
        assert not rig.residual.tripped, turn
    assert rig.residual.ok


def test_a_trip_left_over_from_before_a_reset_is_no_real_one():
    residual = Residual()  # the watchdog bit in the middle of a pulse
    for turn in range(300):
        residual.step(TURN_MS, turn < 200, False, False)
        assert not residual.tripped, turn
    residual = Residual()
    for _ in range(300):
        residual.step(TURN_MS, True, False, False)
    assert residual.tripped  # for this long it is none of ours


# --- broken off

def test_a_test_that_is_broken_off_is_dropped_and_tried_again():
    # (phase, time in it): before the trip, after it, while it comes back
    for phase, more_ms in ((PHASE_PULSE, 8), (PHASE_PULSE, 120), (PHASE_RELEASE, 8)):
        rig = just_passed()
        assert rig.residual.start()
        rig.until(phase, 1000)
        rig.run(more_ms)
        rig.may_test = False
        rig.step()
        residual = rig.residual
        assert not residual.test and residual.running, phase
        assert residual.result == TEST_PASSED and residual.ok and not residual.failed, phase
        rig.run(RELEASE_MS + SLACK_MS)
        assert not residual.running and rig.reals == 0 and rig.tests == 2, phase
        rig.may_test = True
        rig.run(1000)
        assert rig.tests == 3 and is_due_for_nothing(residual), phase


def test_a_trip_that_comes_after_the_breaking_off_is_its_own_and_one_that_stays_is_real():
    for stays in (False, True):
        rig = just_passed()
        rig.residual.start()
        rig.until(PHASE_PULSE, 100)
        rig.may_test = False
        rig.step()
        reals = 0
        for turn in range(400):
            rig.residual.step(TURN_MS, turn > 10 and (stays or turn < 100), False, False)
            reals += rig.residual.tripped
        assert (reals > 0) == stays
        assert not rig.residual.failed


def test_a_test_that_is_broken_off_at_boot_has_never_been():
    rig = Rig()
    rig.until(PHASE_PULSE, 100)
    rig.may_test = False
    rig.run(3000)
    assert rig.residual.result == TEST_NEVER and not rig.residual.ok and rig.residual.due


def test_a_stalled_loop_fails_no_module_that_is_in_order():
    for stalled in (PHASE_PULSE, PHASE_RELEASE):
        rig = Rig()
        rig.until(stalled, 1000)
        tripped = stalled == PHASE_PULSE  # after the stall, the trip is there, or gone
        rig.residual.step(5000, tripped, True, False)
        rig.tripped = tripped
        rig.run(1000)
        assert rig.residual.ok and not rig.residual.failed and rig.reals == 0, stalled
