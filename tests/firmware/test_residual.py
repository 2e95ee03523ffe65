# The residual current module: real trips, and the self-test with its own. Runs in MicroPython too.
from registers import TEST_NEVER, TEST_PASSED, TEST_RUNNING
from residual import (
    DUE_MIN,
    PHASE_IDLE,
    PHASE_PULSE,
    PHASE_RELEASE,
    PHASES,
    PULSE_MS,
    QUIET_MS,
    RELEASE_MS,
    TRIP_MS,
    Residual,
)
from residual_rig import SLACK_MS, TURN_MS, Rig, is_due_for_nothing, just_passed

# --- the table, and the figures of its source

def test_the_table_has_each_phase_in_its_place():
    for place, row in enumerate(PHASES):
        assert row[0] == place and row[1] and row[4] and row[5], place
    assert [row[2] for row in PHASES] == [0, 1, 0, 0]
    assert [row[3] for row in PHASES] == [0, TRIP_MS, RELEASE_MS, RELEASE_MS]


def test_the_pulse_is_what_tinkerforge_allows():
    # evse-v2-bricklet: TST low for 250 ms, allowed 30 ms to 1.2 s
    assert (PULSE_MS, TRIP_MS) == (250, 1200)
    for trip_ms in (4, 60, 248, 400, 1100):
        rig = Rig(trip_ms)
        rig.run(3000)
        assert rig.residual.ok, trip_ms
        want_ms = max(250, trip_ms)
        assert want_ms <= rig.pulse_ms <= want_ms + SLACK_MS, trip_ms


def test_the_limits_hold_to_the_millisecond():
    # phase, how long it lasts, and the turns of 10 ms from and to which it is tripped
    cases = (
        (PHASE_PULSE, 250, 0, 9999),
        (PHASE_PULSE, 1200, 9999, 9999),
        (PHASE_RELEASE, 1000, 0, 9999),
        (PHASE_RELEASE, 50, 0, 25),
    )
    for phase, limit_ms, trip_from, trip_to in cases:
        residual = Residual()
        for _ in range(7):
            residual.step(10, False, True, False)
        assert residual.phase == PHASE_PULSE
        turn = lasted_ms = 0
        while residual.phase != PHASE_IDLE and turn < 500:
            lasted_ms += 10 if residual.phase == phase else 0
            residual.step(10, trip_from <= turn < trip_to, True, False)
            turn += 1
        # quiet begins with the first reading that says so
        assert lasted_ms == limit_ms + (10 if limit_ms == QUIET_MS else 0), limit_ms


def test_a_fresh_one_drives_and_blames_nothing():
    residual = Residual()
    assert not (residual.test or residual.failed or residual.tripped or residual.ok)
    assert residual.trip_ms == 0 and residual.due


def test_one_that_is_quiet_before_the_pulse_ends_must_be_quiet_after_it_too():
    residual = Residual()
    turn = 0
    while residual.phase != PHASE_RELEASE:
        residual.step(TURN_MS, 20 < turn < 30, True, False)
        turn += 1
    for _ in range(QUIET_MS // TURN_MS):
        residual.step(TURN_MS, False, True, False)
        assert residual.running and not residual.ok
    residual.step(TURN_MS, False, True, False)
    residual.step(TURN_MS, False, True, False)
    assert residual.ok


# --- a module in order

def test_it_is_tested_at_boot_and_not_good_before():
    rig = Rig()
    rig.step()
    residual = rig.residual
    assert not residual.ok and residual.due and residual.result == TEST_NEVER
    assert residual.age_min == 65535
    rig.until(PHASE_PULSE, QUIET_MS + SLACK_MS)
    assert residual.test and residual.result == TEST_RUNNING and not residual.ok
    rig.until(PHASE_RELEASE, PULSE_MS + SLACK_MS)
    rig.until(PHASE_IDLE, 40 + QUIET_MS + SLACK_MS)
    assert is_due_for_nothing(residual)
    assert residual.result == TEST_PASSED and residual.age_min == 0
    assert 60 <= residual.trip_ms <= 60 + SLACK_MS
    assert rig.reals == 0 and rig.tests == 1


def test_at_boot_with_the_contactor_closed_it_waits():
    rig = Rig()
    rig.may_test = False
    rig.run(100000)
    assert rig.tests == 0 and rig.residual.due and rig.residual.result == TEST_NEVER
    rig.may_test = True
    rig.run(1000)
    assert rig.tests == 1 and rig.residual.ok


def test_each_unplugging_asks_for_one_test():
    rig = just_passed()
    for count in range(2, 5):
        rig.unplugged = True
        rig.run(5000)
        assert rig.tests == count and is_due_for_nothing(rig.residual)
    assert rig.reals == 0


def test_unplugged_as_a_level_asks_once_and_in_a_test_not_again():
    residual = Residual()
    tests = tripped = 0
    was = False
    for turn in range(2000):
        residual.step(TURN_MS, tripped >= 60, True, turn >= 1000)
        tripped = tripped + TURN_MS if residual.test else 0
        tests += residual.test and not was
        was = residual.test
    assert tests == 2
    rig = Rig()
    rig.until(PHASE_RELEASE, 1000)
    rig.unplugged = True
    rig.run(5000)
    assert rig.tests == 1 and rig.residual.ok


def test_unplugged_before_the_relay_is_off_waits_for_it():
    rig = just_passed()
    rig.may_test = False
    rig.unplugged = True
    rig.run(1000)
    assert rig.tests == 1
    rig.may_test = True
    rig.run(1000)
    assert rig.tests == 2


def test_a_command_starts_it_only_with_the_contactor_open():
    rig = just_passed()
    assert rig.residual.start()
    rig.run(1000)
    assert rig.tests == 2 and rig.residual.ok
    rig.may_test = False
    rig.step()
    assert not rig.residual.start()
    rig.may_test = True
    rig.run(1000)
    assert rig.tests == 2


# --- age

def test_after_24_hours_it_is_due_and_tested_once():
    assert DUE_MIN == 1440
    rig = just_passed()
    residual = rig.residual
    for minute in range(1440):
        assert residual.age_min == minute and not residual.due, minute
        residual.step(60000, False, minute < 1439, False)
    assert residual.age_min == 1440 and residual.due and residual.ok and not residual.test
    rig.run(1000)
    assert rig.tests == 2 and is_due_for_nothing(residual)


def test_it_grows_old_while_closed_and_is_not_tested_and_stays_good():
    rig = just_passed()
    residual = rig.residual
    for _ in range(100 * 24 * 60):
        residual.step(60000, False, False, False)
        assert not residual.test and residual.ok
    assert residual.age_min == 65534 and residual.due  # never reads as if it had not been tested
    assert 0 <= residual._age_ms < 2 ** 30
    rig.may_test = True
    rig.run(1000)
    assert is_due_for_nothing(residual) and residual.age_min == 0


def test_the_age_loses_no_time_and_overflows_in_no_turn():
    residual = just_passed().residual
    residual._age_ms = 0
    for _ in range(6000):
        residual.step(7 * 60 + 1, False, False, False)
    assert residual.age_min == 6000 * 421 // 60000
    residual.step(0x3FFFFFFF, False, False, False)  # the longest that ticks can say
    residual.step(0x3FFFFFFF, False, False, False)
    assert residual.age_min == (6000 * 421 + 2 * 0x3FFFFFFF) // 60000
