# The residual current module: real trips, and the self-test with its own. Runs in MicroPython too.
from registers import TEST_NEVER, TEST_NO_TRIP, TEST_PASSED, TEST_RUNNING, TEST_STUCK, TEST_TRIPPED
from residual import (
    DUE_MIN,
    PHASE_DROPPED,
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

TURN_MS = 4
SLACK_MS = 2 * TURN_MS  # begun one turn late, judged one turn late


class Rig:
    # A module that trips 60 ms after its test input, and comes back 40 ms after input or leak went.

    def __init__(self, trip_ms=60, release_ms=40, stuck=False, dead=False):
        self.residual = Residual()
        self.trip_ms = trip_ms
        self.release_ms = release_ms
        self.stuck = stuck
        self.dead = dead
        self.leak = False
        self.may_test = True
        self.unplugged = False
        self.tripped = False
        self.now_ms = 0
        self.tests = 0
        self.pulse_ms = 0  # length of the last pulse
        self.reals = 0  # real trips, counted as edges
        self.results = []
        self._input_ms = 0
        self._idle_ms = 0
        self._was_test = self._was_real = False

    def step(self):
        residual = self.residual
        self._move_module(residual.test)
        before = residual.result
        residual.step(TURN_MS, self.tripped, self.may_test, self.unplugged)
        self.unplugged = False
        if residual.test and not self._was_test:
            self.tests += 1
            self.pulse_ms = 0
        self.pulse_ms += TURN_MS if residual.test else 0
        self._was_test = residual.test
        self.reals += residual.tripped and not self._was_real
        self._was_real = residual.tripped
        if residual.result != before:
            self.results.append(residual.result)
        assert not (residual.test and not residual.running)
        assert not (residual.running and residual.tripped)
        assert not (residual.test and not self.may_test), "a pulse only with the contactor open"
        self.now_ms += TURN_MS

    def _move_module(self, test):
        on = self.leak or (test and not self.dead)
        self._input_ms = self._input_ms + TURN_MS if on else 0
        self._idle_ms = 0 if on else self._idle_ms + TURN_MS
        if self.stuck or self.leak or (on and self._input_ms >= self.trip_ms):
            self.tripped = True
        elif not on and self._idle_ms >= self.release_ms:
            self.tripped = False

    def run(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.step()

    def until(self, phase, limit_ms):
        began_ms = self.now_ms
        while self.residual.phase != phase:
            assert self.now_ms - began_ms <= limit_ms, "not within the limit"
            self.step()
        return self.now_ms - began_ms


def just_passed():
    # A module that has just passed.
    rig = Rig()
    rig.run(1000)
    assert rig.residual.ok
    return rig


def is_due_for_nothing(residual):
    return residual.ok and not residual.failed and not residual.running and not residual.due


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


# --- every sequence, and random ones

def promises(rows, residual, before):
    # What holds after each step, whatever came. `rows`: (dt, tripped, may_test, unplugged) so far.
    tripped, may_test = rows[-1][1], rows[-1][2]
    was_running, was_ok, was_failed, was_age = before
    assert not residual.test or may_test, rows
    assert residual.test == (residual.phase == PHASE_PULSE), rows
    assert residual.running == (residual.phase != PHASE_IDLE), rows
    assert residual.tripped == (tripped and not residual.running), rows
    assert residual.due == (not residual.ok or residual.age_min >= 1440), rows
    assert not (residual.ok and residual.failed), rows
    assert not residual.ok or residual.age_min != 65535, rows
    if residual.running and not was_running:
        assert may_test and not tripped, rows  # it begins with a quiet module
    if residual.ok and not was_ok:
        passes(rows, residual)
    if residual.failed and not was_failed:
        fails(rows, residual)
    if was_ok and not residual.ok:
        assert residual.failed or (residual.result == TEST_TRIPPED and tripped and may_test), rows
    if residual.age_min < was_age and was_age != 65535:
        assert residual.ok, rows


def passes(rows, residual):
    # The record ends with QUIET_MS of quiet, before that a trip, all with the contactor open.
    quiet_ms = 0
    place = len(rows) - 1
    while not rows[place][1]:
        assert rows[place][2], rows
        quiet_ms += rows[place][0] if not rows[place - 1][1] else 0
        place -= 1
    assert quiet_ms >= QUIET_MS and rows[place][1] and rows[place][2], rows
    assert residual.result == TEST_PASSED and residual.age_min == 0, rows


def fails(rows, residual):
    # No trip in the whole TRIP_MS before, or one at the end of RELEASE_MS.
    assert rows[-1][2], rows
    if residual.result == TEST_STUCK:
        assert rows[-1][1] and residual.tripped, rows
        return
    assert residual.result == TEST_NO_TRIP, rows
    passed_ms = 0
    place = len(rows) - 1
    while passed_ms < TRIP_MS:
        assert not rows[place][1] and rows[place][2], rows
        passed_ms += rows[place][0]
        place -= 1


def drive(residual, rows, dt_ms, tripped, may_test, unplugged):
    before = (residual.running, residual.ok, residual.failed, residual.age_min)
    rows.append((dt_ms, tripped, may_test, unplugged))
    residual.step(dt_ms, tripped, may_test, unplugged)
    promises(rows, residual, before)


def test_every_sequence_of_six_samples_keeps_the_promises():
    # 600 ms between two: half the limit of the trip, more than the pulse and the quiet.
    results = set()
    for number in range(4 ** 6):
        residual = Residual()
        rows = []
        drive(residual, rows, 600, False, False, False)
        drive(residual, rows, 600, False, False, False)
        rest = number
        for _ in range(6):
            drive(residual, rows, 600, rest & 1 == 1, rest & 2 == 2, False)
            rest >>= 2
        results.add(residual.result)
    assert results == {TEST_NEVER, TEST_RUNNING, TEST_PASSED, TEST_NO_TRIP, TEST_STUCK, TEST_TRIPPED}


def test_random_records_keep_the_promises():
    random = 20240607
    seen = [0] * 6
    for _ in range(300):
        residual = Residual()
        rows = []
        tripped = False
        may_test = True
        for _ in range(40):
            random = (random % 65536 * 20077 + 12345 + random // 65536) & 0xFFFFFFF
            draw = random >> 4
            if draw & 3 == 0:
                tripped = not tripped
            if draw >> 2 & 15 == 0:
                may_test = not may_test
            dt_ms = (4, 30, 60, 100, 260, 500, 1000, 3600000)[draw >> 6 & 7]
            if draw >> 9 & 7 == 0:
                assert residual.start() == (bool(rows) and rows[-1][2])
            drive(residual, rows, dt_ms, tripped, may_test, draw >> 12 & 7 == 0)
            seen[residual.result] += 1
    assert min(seen) > 20, seen  # the draw reaches every result
