"""What is alive, and what is not, by the signs that each part gives."""

import pytest

from edge.bus.owner import Pulse
from edge.station.vitals import LATE_S, STUCK_BEATS, STUCK_S, Vitals

WELL = Pulse(alive=True, stuck_s=0.0, frame_age_s=0.1, errors=2)
S = 1_000_000_000


class Parts:
    """A line, a thread and a clock that a test sets."""

    def __init__(self) -> None:
        self.line, self.thread, self.now_ns = WELL, True, 100 * S
        self.vitals = Vitals(clock_ns=lambda: self.now_ns, lines={"cabinet": lambda: self.line},
                             threads={"journal": lambda: self.thread}, restarts=2, watchdog_s=10.0)

    def beat(self, late_s: float = 0.0) -> tuple[bool, tuple[str, ...]]:
        return self.vitals.beat(self.now_ns - round(late_s * S))


def test_where_all_is_well_nothing_is_said():
    assert Parts().beat() == (False, ())


def test_a_thread_that_ended_is_dead_at_once():
    parts = Parts()
    parts.thread = False
    assert parts.beat().dead == ("the thread journal has ended",)


def test_an_owner_that_ended_is_dead_at_once():
    parts = Parts()
    parts.line = WELL._replace(alive=False)
    assert parts.beat().dead == ("the owner of line cabinet has ended",)


def test_a_line_whose_work_waits_is_dead_only_when_it_stays_so():
    parts = Parts()
    parts.line = WELL._replace(stuck_s=STUCK_S + 1)
    assert [bool(parts.beat().dead) for _ in range(STUCK_BEATS)] == [False] * (STUCK_BEATS - 1) + [True]
    parts.line = WELL
    assert parts.beat().dead == ()
    parts.line = WELL._replace(stuck_s=STUCK_S + 1)
    assert parts.beat().dead == (), "it is counted anew"


def test_a_line_on_which_frames_end_is_never_stuck():
    parts = Parts()
    parts.line = WELL._replace(stuck_s=STUCK_S)
    assert not any(parts.beat().dead for _ in range(5 * STUCK_BEATS))


@pytest.mark.parametrize(("late_s", "late"), [(0.0, False), (LATE_S, False), (LATE_S + 0.1, True)])
def test_a_loop_is_late_by_its_own_clock(late_s, late):
    assert Parts().beat(late_s).late is late


def test_a_late_loop_is_not_dead_and_may_catch_up():
    parts = Parts()
    assert parts.beat(60.0) == (True, ())
    assert parts.beat(0.0) == (False, ())


def test_the_report_says_who_lives_and_how_late_the_loop_ever_was():
    parts = Parts()
    parts.beat(2.0)
    parts.beat(0.004)
    parts.line, parts.thread = WELL._replace(stuck_s=STUCK_S + 1), False
    report = parts.vitals.report()
    assert [(v.name, v.alive) for v in report.vitals] == [
        ("loop", True), ("line cabinet", False), ("journal", False)]
    assert report.vitals[0].detail == "4 ms late, 2000 at most since the start"
    assert report.vitals[1].age_s == 0.1 and report.vitals[1].detail == "2 errors"
    assert (report.restarts, report.watchdog_s) == (2, 10.0)
