"""Curves and limits that fall at once and rise late."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.controller.derate import NS, Held, amperes, follow, is_cool, share_at
from edge.controller.site import BOARD_CURVE, BOARD_PANIC_C, CURVE, CurvePoint
from firmware import faults as board_faults

HOLD_S = 60.0
UNSORTED = tuple(reversed(CURVE))
STEP = (CurvePoint(celsius=60, share=1.0), CurvePoint(celsius=60, share=0.2))


def points(*pairs: tuple[float, float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(celsius=celsius, share=share) for celsius, share in pairs)


@pytest.mark.parametrize(("curve", "celsius", "share"), [
    (CURVE, -40, 1.0), (CURVE, 60, 1.0), (CURVE, 65, 0.75), (CURVE, 70, 0.5), (CURVE, 75, 0.25),
    (CURVE, 80, 0.0), (CURVE, 300, 0.0),
    (UNSORTED, 65, 0.75), (UNSORTED, 20, 1.0),
    (points((50, 0.5)), 20, 0.5), (points((50, 0.5)), 90, 0.5),
    (STEP, 59.9, 0.2), (STEP, 60, 0.2), (STEP, 61, 0.2),
    (points((50, 3.0), (60, -1.0)), 45, 1.0), (points((50, 3.0), (60, -1.0)), 60, 0.0),
    ((), 20, None), (points((math.nan, 1.0)), 20, None),
    (CURVE, None, None), (CURVE, math.nan, None), (CURVE, math.inf, None), (CURVE, -math.inf, None),
])
def test_shares_lie_on_straight_lines_between_points(curve, celsius, share):
    assert share_at(curve, celsius) == (share if share is None else pytest.approx(share))


@pytest.mark.parametrize(("share", "max_a", "amps"), [
    (1.0, 32, None), (0.999, 32, 31), (0.75, 32, 24), (0.7, 10, 7), (0.0, 32, 0)])
def test_a_share_is_whole_amperes_rounded_down(share, max_a, amps):
    assert amperes(share, max_a) == amps


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 100), st.floats(0, 1)), max_size=5),
       st.one_of(st.none(), st.floats(-60, 150)))
def test_what_is_called_cool_costs_nothing(pairs, celsius):
    curve = points(*pairs)
    if is_cool(curve, celsius):
        assert share_at(curve, celsius) == 1.0


def test_a_boards_curve_takes_all_before_its_panic_and_both_before_the_board_opens():
    assert share_at(BOARD_CURVE, BOARD_PANIC_C) == 0.0
    assert share_at(BOARD_CURVE, BOARD_PANIC_C - 1) == 0.0
    assert BOARD_PANIC_C < board_faults.HOT_DC / 10


def run(*targets: tuple[float, float | None]) -> list[float | None]:
    """Targets at seconds; what is in force after each."""
    held: Held | None = None
    found = []
    for at_s, target in targets:
        held = follow(held, target, round(at_s * NS), HOLD_S)
        found.append(None if held is None else held.current_a)
    return found


@pytest.mark.parametrize(("targets", "found"), [
    ([(0, None)], [None]),
    ([(0, 20), (1, 10), (2, 0)], [20, 10, 0]),
    ([(0, 10), (1, 20), (60.9, 20), (61, 20)], [10, 10, 10, 20]),
    ([(0, 10), (1, None), (60.9, None), (61, None)], [10, 10, 10, None]),
    ([(0, 10), (1, 20), (30, 10), (31, 20), (90.9, 20), (91, 20)], [10, 10, 10, 10, 10, 20]),
    ([(0, 10), (1, 20), (30, 12), (40, 25), (61, 25), (120.9, 25), (121, 25)],
     [10, 10, 10, 10, 12, 12, 25]),
    ([(0, 10), (1, None), (30, 15), (61, None), (121, None)], [10, 10, 10, 15, None]),
    ([(0, 10), (1, 20), (30, 8), (31, 20), (91, 20)], [10, 10, 8, 8, 20]),
    ([(10, 10), (5, 20), (4, 20)], [10, 10, 10]),
], ids=["none", "falls at once", "rises late", "ends late", "a dip starts the hold again",
        "to the least of it", "ends in steps", "falls in the hold", "time runs backward"])
def test_a_limit_falls_at_once_and_rises_after_the_hold(targets, found):
    assert run(*targets) == found


@pytest.mark.stories
@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), st.one_of(st.none(), st.integers(0, 32))),
                min_size=1, max_size=30))
def test_never_above_anything_that_was_asked_for_within_the_hold(steps):
    held: Held | None = None
    seen: list[tuple[int, float]] = []
    now_ns = 0
    for wait_s, target in steps:
        now_ns += round(wait_s * NS)
        held = follow(held, target, now_ns, HOLD_S)
        seen.append((now_ns, math.inf if target is None else target))
        allowed = math.inf if held is None else held.current_a
        recent = [t for at_ns, t in seen if now_ns - at_ns < HOLD_S * NS]
        assert allowed <= min(recent), (seen, held)
        assert allowed in {t for _, t in seen} | {math.inf}
