# The residual current module: promises kept in every sequence. Runs in MicroPython too.
from registers import TEST_NEVER, TEST_NO_TRIP, TEST_PASSED, TEST_RUNNING, TEST_STUCK, TEST_TRIPPED
from residual import PHASE_IDLE, PHASE_PULSE, QUIET_MS, TRIP_MS, Residual

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
