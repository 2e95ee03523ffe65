"""Whatever drivers, cars, boards, meters, the disk and the power do: what must always hold, holds.

The judge is `tests/support/oracle.py`; each example is a story of some tens of happenings.
"""

import msgspec
import pytest
from happenings import HAPPENINGS, acknowledge, charge, leave, order, tap
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from oracle import Judged
from world import PLAN, World

from edge.controller.catalogue import CATALOGUE
from edge.controller.core import step
from edge.controller.effects import Effect
from edge.controller.events import Stamped
from edge.controller.faults import Until
from edge.controller.state import initial

pytestmark = pytest.mark.stories

GENTLE = ("charge", "plug", "leave", "ask", "rest", "tap", "tap here", "wait", "stop")
NAMES = sorted(HAPPENINGS)

happenings = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.sampled_from(GENTLE), st.sampled_from(("1", "2", "3")),
              st.integers(0, 9), st.sampled_from((0.1, 0.3, 1.2))), min_size=2, max_size=14)
stories = st.tuples(st.booleans(), st.lists(st.sampled_from(("1", "2", "3")), max_size=3, unique=True),
                    happenings)
Story = tuple[bool, list[str], list[tuple[str, str, int, float]]]


def play(world: World, story: Story) -> None:
    """Some charge already, perhaps on boards whose interlock is broken; then things happen."""
    world.start()
    world.wait(0.3)
    dumb, begun, things = story
    for bay in world.bays.values():
        bay.dumb = dumb
    for n, evse_id in enumerate(begun):
        charge(world, evse_id, n)
    for name, evse_id, n, pause_s in things:
        HAPPENINGS[name](world, evse_id, n)
        world.wait(pause_s)


def ends_in_order(story: Story) -> None:
    world = Judged()
    play(world, story)
    world.everybody_leaves()
    order(world)
    left = {CATALOGUE[f.code].until for f in world.site.faults.values()}
    assert left <= {Until.TECHNICIAN}, "with its cause every fault ends that needs nobody"
    acknowledge(world)
    world.wait(0.3)
    assert not world.site.faults


@settings(max_examples=40, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
@example((False, ["1"], [("swap cars unseen", "1", 4, 0.1)]))
@example((False, ["1"], [("meter silent", "1", 0, 0.1), ("leave", "1", 0, 0.1), ("wait", "1", 8, 0.1)]))
@example((False, ["1"], [("wait", "1", 8, 0.1), ("another meter", "1", 9, 1.2), ("wait", "1", 8, 0.1)]))
@example((True, ["1", "2"], [("tap here", "1", 0, 1.2), ("kill", "1", 4, 0.1), ("rest", "1", 0, 1.2)]))
def test_every_story_is_safe_and_ends_with_its_books_in_order(story):
    ends_in_order(story)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=4000, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_thousands_of_stories_are_safe_and_end_with_their_books_in_order(story):
    ends_in_order(story)


@settings(max_examples=10, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_after_every_story_every_bay_still_charges(story):
    world = Judged()
    play(world, story)
    world.everybody_leaves()
    order(world)
    acknowledge(world)
    world.wait(62)  # cards that waited for a plug are forgotten
    assert not world.site.cards
    for n, evse_id in enumerate(world.bays):
        closes = world.closes
        world.bays[evse_id].polite = True
        charge(world, evse_id, n)
        world.wait(3)
        assert world.site.outlets[evse_id].phase == "charging" and world.closes == closes + 1
        leave(world, evse_id, 0)
        world.wait(3)
    world.everybody_leaves()


class Kept(World):
    """Keeps what the core answered in this boot."""

    def start(self) -> None:
        self.answers: list[bytes] = []
        super().start()

    def judge(self, before: object, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        self.answers.append(msgspec.json.encode(effects))


@settings(max_examples=15, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_a_recording_replays_to_the_byte(story):
    """JSON knows no NaN; no adapter hands one in, and the core bears one all the same (above)."""
    world = Kept()
    dumb, begun, things = story
    play(world, (dumb, begun, [thing for thing in things if thing[0] != "no numbers"]))
    site = initial(PLAN)
    for stamped, answer in zip(world.script, world.answers, strict=True):
        again = msgspec.json.decode(msgspec.json.encode(stamped), type=Stamped)
        site, effects = step(site, again)
        assert msgspec.json.encode(effects) == answer
    assert msgspec.json.encode(site) == msgspec.json.encode(world.site)


def test_a_day_of_drivers_leaves_no_more_state_than_a_morning():
    world = Judged()
    world.start()

    def size() -> int:
        return len(msgspec.json.encode(world.site))

    sizes = []
    for n in range(24):
        charge(world, "1", n)
        world.wait(3)
        tap(world, n, ("1",))
        world.wait(3)
        leave(world, "1", n)
        world.wait(5)
        sizes.append(size())
    assert max(sizes[12:]) <= max(sizes[:12]) * 1.05
    assert len(world.priced) == 24
