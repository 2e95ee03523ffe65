"""A wall clock that is set back a year, in the middle of sessions or while no controller runs: what it
dates is wrong and says so, and nothing else notices. The real station, in the time of a `Day`.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from day import Day
from day_boot import live
from day_judge import bills, books, judge_end, sessions_per_visit

pytestmark = pytest.mark.stories

YEAR_S = 365 * 86_400.0
MIDDLE_S = 1_012.0  # three charge
LATER_S = 1_026.0
Kept = tuple[Day, Path]


def played(folder: Path, *clock: tuple[float, float], ends_s: float | None = None) -> Kept:
    """The day with a clock that is so far off from then on; a restart at `ends_s`."""
    day = Day(clock=clock)
    if ends_s is not None:
        day, _ = live(day, folder, until_s=ends_s)
    return live(day, folder)[0], folder


@pytest.fixture(scope="module")
def right(tmp_path_factory) -> Kept:
    """The same day with a clock that is right."""
    return played(tmp_path_factory.mktemp("right"))


@pytest.fixture(scope="module")
def restarted(tmp_path_factory) -> Kept:
    """And with a restart in the middle."""
    return played(tmp_path_factory.mktemp("restarted"), ends_s=MIDDLE_S)


@pytest.mark.parametrize(("clock", "ends_s"), [
    ([(MIDDLE_S, -YEAR_S)], None),
    ([(MIDDLE_S, -YEAR_S), (LATER_S, 0.0)], None),
    ([(MIDDLE_S, -YEAR_S)], MIDDLE_S),
    ([(MIDDLE_S, -YEAR_S), (LATER_S, 0.0)], MIDDLE_S)],
    ids=["in the middle", "in the middle and right again", "between two boots",
         "between two boots and right again"])
def test_a_clock_that_is_set_back_changes_no_duration_and_no_price(
        clock, ends_s, right, restarted, tmp_path):
    day, folder = played(tmp_path, *clock, ends_s=ends_s)
    _, truth = right if ends_s is None else restarted
    judge_end(day, folder, sessions_per_visit(truth), sessions_per_visit(truth))
    assert bills(folder) == bills(truth)
    untrusted = books(folder, "SELECT utc FROM row_tx WHERE clock_ok = 0 ORDER BY seq")
    assert untrusted and all(utc < "2026" for utc, in untrusted), "what it dates says so"
    assert not books(folder, "SELECT 1 FROM row_tx WHERE clock_ok = 1 AND utc < '2026'")


def test_no_row_goes_by_a_clock_that_is_wrong_and_no_day_is_noted_by_it(right, tmp_path):
    """Of telemetry that was acknowledged yesterday, nothing stays here: see `day_boot.py`."""
    tail = "SELECT tail FROM stream WHERE name = 'tm'"
    assert books(right[1], tail) > [(0,)], "what would be right"
    _, folder = played(tmp_path, (MIDDLE_S, -YEAR_S))
    assert books(folder, tail) == [(0,)]
    assert {day for day, in books(folder, "SELECT day FROM ack_day")} == {"2026-11-21"}


def test_a_clock_that_was_wrong_from_the_start_is_not_counted_by_until_it_is_right(tmp_path):
    years = timedelta(days=2 * 365).total_seconds()
    day, folder = played(tmp_path, (0.0, -years), (LATER_S, 0.0))
    judge_end(day, folder, count := sessions_per_visit(folder), count)
    assert {day for day, in books(folder, "SELECT day FROM ack_day")} == {"2026-11-22"}
    assert books(folder, "SELECT tail FROM stream WHERE name = 'tm'") == [(0,)]
