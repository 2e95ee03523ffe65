"""Whatever happens in whatever order: the core keeps what the model promises. CPython only."""

import pytest
import stories
from bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import Story, tell
from test_model import story_with


def _one_of(event):
    kind, values = event
    return st.tuples(st.just(kind), *map(st.sampled_from, (
        values, stories.STEPS, stories.TTLS, stories.WAITS_MS)))


EVENTS = st.sampled_from(stories.EVENTS).flatmap(_one_of)


@pytest.mark.stories
@settings(derandomize=True, deadline=None, max_examples=25, database=None)
@given(plan=st.lists(EVENTS, max_size=15), failsafe_da=st.sampled_from([0, 60, 320]),
       hold_s=st.sampled_from([0, 1, 2]), f_ms=st.sampled_from([0, 300]), ventilation=st.booleans())
def test_the_promises_hold(plan, failsafe_da, hold_s, f_ms, ventilation):
    story = Story(Bench())
    chosen = story.bench.core.settings
    chosen.failsafe_da, chosen.hold_s, chosen.ventilation = failsafe_da, hold_s, ventilation
    chosen.fault_f_ms = f_ms
    story.charge(160)
    for kind, value, step, ttl_ms, wait_ms in plan:
        story.act(kind, value, step, ttl_ms)
        story.run(wait_ms)


def test_random_stories_close_the_contactor_often():
    closings = 0
    for seed in range(6):
        story = story_with(seed)
        tell(story, seed, 20)
        closings += story.closings
    assert closings >= 5  # else they would prove little


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_the_promises_hold_in_very_many_stories(first):
    for seed in range(first, first + 100):
        tell(story_with(seed), seed, 60)
