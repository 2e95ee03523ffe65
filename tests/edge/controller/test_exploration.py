"""One EVSE, explored breadth-first: whatever may happen next in every phase, the invariants hold.

How and what is left out stands in docs/proofs.md; the judge is `tests/support/evse_judge.py`.
"""

import pytest
from evse_seeds import KINDS, STORIES, seeds
from evse_stage import GENTLE, WILD
from explore import summary
from explorer import explore

from edge.controller.phase import Phase

pytestmark = pytest.mark.stories


def test_each_story_begins_in_the_phase_that_it_is_named_after():
    begun = {name: stage.outlet.phase.value for name, stage in seeds().items()}
    assert {p.value: begun[p.value] for p in Phase} == {p.value: p.value for p in Phase}


def test_whatever_happens_twice_in_a_row_in_any_phase_is_safe():
    found = explore(seeds(), WILD, depth=2)
    print(summary(found, "plain", 2))
    assert found.phases() == {p.value for p in Phase}
    assert found.transitions > 20_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_happens_three_times_in_a_row_in_any_phase_is_safe(kind):
    found = explore(seeds(KINDS[kind]()), WILD, depth=3)
    print(summary(found, kind, 3))
    through = {Phase.PREPARING} if "meter behind" in kind else set()  # no register is waited for
    assert found.phases() == {p.value for p in Phase if p not in through}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_usual_things_happen_six_times_in_a_row_is_safe():
    found = explore(seeds(), GENTLE, depth=6)
    print(summary(found, "usual", 6))
    assert len(STORIES) < len(found.states)
