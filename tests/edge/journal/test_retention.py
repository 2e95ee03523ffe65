"""What may go, and when: by days that a trusted clock told, after the acknowledgement."""

import pytest

from edge.controller.effects import Stream
from edge.journal.retention import DAY_S, SLICE_ROWS, KeepDays, Lived, may_go, slice_end, thin_end
from edge.journal.row import Head

LONG = Lived(s=100_000 * DAY_S, by_day={"2020-01-01": 0})


@pytest.mark.parametrize(("today", "expected"), [
    ("2026-03-01", 0), ("2026-03-08", 0), ("2026-03-09", 100), ("2026-03-10", 200),
    ("2027-01-01", 200), ("2025-01-01", 0),
])
def test_a_row_goes_when_whole_days_have_passed_since_it_was_acknowledged(today, expected):
    noted = [("2026-03-01", 100), ("2026-03-02", 200)]
    assert may_go(Head(seq=1000, acked=200), noted, today, 7, LONG) == expected


def test_ninety_days_are_ninety_whole_days_across_the_end_of_a_year():
    assert may_go(Head(seq=9, acked=5), [("2025-12-01", 5)], "2026-03-01", 90, LONG) == 0
    assert may_go(Head(seq=9, acked=5), [("2025-12-01", 5)], "2026-03-02", 90, LONG) == 5


@pytest.mark.parametrize(("head", "expected"), [
    (Head(seq=50, acked=50), 49),  # the next start looks at the newest row
    (Head(seq=50, acked=20), 20),  # a note that is wrong lets nothing go that is not acknowledged
    (Head(seq=0), -1),
])
def test_the_newest_row_and_what_is_not_acknowledged_stay(head, expected):
    assert may_go(head, [("2026-01-01", 60)], "2026-12-01", 7, LONG) == expected


def test_nothing_goes_of_which_no_day_is_known():
    assert may_go(Head(seq=50, acked=50), [], "2099-01-01", 7, LONG) == 0


def test_a_day_of_a_clock_that_ran_ahead_keeps_nothing_for_ever():
    noted = [("2026-03-01", 100), ("2026-03-05", 300), ("2099-01-01", 200)]
    assert may_go(Head(seq=1000, acked=300), noted, "2026-03-20", 7, LONG) == 300


@pytest.mark.parametrize(("head", "upto", "expected"), [
    (Head(seq=9000, tail=100), 2000, 100 + SLICE_ROWS), (Head(seq=9000, tail=100), 200, 200),
    (Head(seq=9000, tail=100), 40, 100), (Head(seq=0), -1, 0),
])
def test_a_slice_is_small_and_never_goes_back(head, upto, expected):
    assert slice_end(head, upto) == expected


@pytest.mark.parametrize(("head", "expected"), [
    (Head(seq=9000, acked=200), 200),  # what the cloud holds is no gap
    (Head(seq=9000, acked=200, tail=200), 700),
    (Head(seq=300, acked=200, tail=200), 299), (Head(seq=300, tail=299), 299),
    (Head(seq=300, acked=300, tail=100), 299), (Head(seq=0), 0),
])
def test_thinning_takes_what_is_acknowledged_first_and_the_newest_row_never(head, expected):
    assert thin_end(head) == expected


def test_each_stream_has_days_of_its_own():
    keep = KeepDays(telemetry=1, events=2, billing=93)
    assert [keep.of(stream) for stream in (Stream.TM, Stream.EV, Stream.TX)] == [1, 2, 93]


@pytest.mark.parametrize(("days_lived", "expected"), [(1, 0), (89, 0), (90, 5), (91, 5)])
def test_a_trusted_clock_that_jumps_a_year_ahead_makes_no_row_old(days_lived, expected):
    noted = {"2026-02-27": 18 * DAY_S, "2026-03-01": 20 * DAY_S}
    lived = Lived(s=(20 + days_lived) * DAY_S, by_day=noted)
    assert may_go(Head(seq=9, acked=5), [("2026-03-01", 5)], "2027-03-02", 90, lived) == expected


def test_a_day_that_was_not_noted_is_taken_for_as_late_as_it_can_have_been():
    lived = Lived(s=95 * DAY_S, by_day={"2026-03-01": 2 * DAY_S, "2026-03-05": 6 * DAY_S})
    assert [lived.on(day) // DAY_S for day in ("2026-02-01", "2026-03-03", "2026-04-01")] == [2, 2, 6]
    assert Lived(s=7).on("2026-03-01") == 7


def test_days_of_which_no_row_is_left_are_forgotten():
    lived = Lived(s=9, by_day={"2026-03-01": 1, "2026-03-02": 2})
    assert lived.noted("2026-03-03", "2026-03-02").by_day == {"2026-03-02": 2, "2026-03-03": 9}
