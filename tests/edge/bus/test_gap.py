"""The gap that a unit needs after another's frame is learned from what it does."""

import random

from edge.bus.gap import AdaptiveGap
from edge.bus.port import BusClass


def live(gap, needs_s, exchanges, noise=0.0, rng=None):
    """A unit that answers only after `needs_s`, and less by chance: failures, and what it waited."""
    failures, waited_s = 0, 0.0
    for _ in range(exchanges):
        waited_s += gap.gap_s
        if gap.gap_s < needs_s or (rng and rng.random() < noise):
            failures += 1
            gap.failed()
        else:
            gap.answered()
    return failures, waited_s


def test_a_unit_that_needs_none_is_given_none():
    gap = AdaptiveGap()
    assert live(gap, 0.0, 1000) == (0, 0.0)


def test_a_unit_that_needs_a_gap_gets_it_soon_and_keeps_it():
    for needs_s in (0.004, 0.03, 0.05, 0.2):
        gap = AdaptiveGap()
        first, _ = live(gap, needs_s, 60)
        then, _ = live(gap, needs_s, 3000)
        assert first <= 22, needs_s
        assert then <= 18, (needs_s, "tried shorter ever more rarely")
        assert needs_s <= gap.gap_s <= max(2 * needs_s, 0.01)


def test_the_noise_of_a_line_earns_no_gap():
    rng = random.Random(3)
    for noise, at_most_s in ((0.01, 0.001), (0.03, 0.004)):
        gap = AdaptiveGap()
        _, waited_s = live(gap, 0.0, 20_000, noise, rng)
        assert waited_s / 20_000 < at_most_s, noise


def test_a_gap_that_does_not_help_is_given_up():
    gap = AdaptiveGap()
    _, waited_s = live(gap, 9.0, 1000)
    assert waited_s < 3, "in all: it is something else"
    assert gap.gap_s == 0


def test_it_shrinks_when_the_unit_no_longer_needs_it():
    gap = AdaptiveGap()
    live(gap, 0.1, 200)
    assert gap.gap_s >= 0.1
    live(gap, 0.0, 20_000)
    assert gap.gap_s == 0


def test_a_revoke_waits_only_for_what_is_known_to_help():
    gap = AdaptiveGap()
    for _ in range(3):
        gap.failed()
    assert gap.before_s(BusClass.METER_FAST) == gap.before_s(BusClass.BOARD) == 0.01
    assert gap.before_s(BusClass.REVOKE) == gap.before_s(BusClass.GRANT) == 0, "a guess"
    gap.answered()
    assert gap.before_s(BusClass.REVOKE) == 0.01, "without it the board would not hear"


def test_a_dead_unit_is_probed_with_and_without_a_gap():
    gap = AdaptiveGap()
    tried = []
    for _ in range(8):
        gap.probe()
        tried.append(gap.gap_s)
    assert tried == [0.05, 0, 0.2, 0] * 2
    gap.probe()
    gap.probe()
    gap.probe()
    assert gap.before_s(BusClass.BOARD) == 0.05, "polls of dead boards are not worth more"
