"""The golden recordings: what the core did when they were made, and the stories that they tell.

A session by the book, a start that finds sessions, and minutes in which whatever can happen does.
Nothing in them is drawn anew: the same software records the same bytes.
"""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
from core_desk import BERT, Desk
from happenings import HAPPENINGS
from recorded_desk import charged, danger, exact_plan
from restarts import restart
from world import PLAN, World

from edge.controller.effects import Effect
from edge.controller.events import (
    BoardLost,
    CloudSeen,
    DiskSeen,
    Event,
    InputSeen,
    JournalStalled,
    JournalWell,
    MeterLost,
    ReaderBack,
    ReaderLost,
    SensorSeen,
    Stamped,
)
from edge.controller.pilot import BoardFault
from edge.controller.site import Input, InputKind, Sensor, SensorPlace, SitePlan, Timers
from edge.controller.state import Site, initial
from edge.controller.version import CORE_VERSION
from edge.recorder.codec import Outcome
from edge.recorder.command import difference
from edge.recorder.replay import replay
from edge.recorder.segment import SUFFIX, Head, Packer, Unreadable

FOLDER = Path(__file__).resolve().parents[1] / "edge" / "recorder" / "golden"
WRITE = "`python scripts/record_golden.py --write`"
RAISE = f"raise CORE_VERSION in edge/controller/version.py, then {WRITE}"
_BLOCK = 200
_HAPPENINGS, _SEED = 150, 7
_DECIDED = sorted(set(HAPPENINGS) - {"kill"})  # a start has a segment of its own

#: What came of a story: the state before it, its steps, and the state after.
Story = tuple[Site, list[tuple[Stamped, Outcome]], Site]

_SURROUNDED = msgspec.structs.replace(
    exact_plan(fuse_a=50.0), timers=Timers(sensor_stale_s=3600.0),
    sensors=(Sensor(id="cabinet", place=SensorPlace.CABINET, evse_ids=("1", "2")),),
    inputs=(Input(id="door", kind=InputKind.DOOR, evse_ids=("1", "2")),
            Input(id="water", kind=InputKind.WATER, evse_ids=("1", "2"))))

_CALM: tuple[Event, ...] = (
    SensorSeen(sensor_id="cabinet", celsius=21.0), InputSeen(input_id="door", active=False),
    InputSeen(input_id="water", active=False))
_SURROUNDINGS: tuple[Event, ...] = (
    SensorSeen(sensor_id="cabinet", celsius=75.5), InputSeen(input_id="door", active=True),
    InputSeen(input_id="water", active=False), DiskSeen(free_bytes=400_000_000, total_bytes=10**10),
    CloudSeen(connected=False, last_ack_age_s=2.5, pending={"tx": 3}),
    ReaderLost(reader_id="front", error="gone"), MeterLost(meter_id="bay-2", error="silent"),
    JournalStalled(error="slow"), SensorSeen(sensor_id="cabinet", celsius=None),
    InputSeen(input_id="door", active=None), JournalWell(), ReaderBack(reader_id="front"),
    CloudSeen(connected=True, last_ack_age_s=0.5, pending={}),
    BoardLost(evse_id="2", error="no answer"),
)


def by_the_book() -> Story:
    """A session, a contactor that welds, and the surroundings while another car charges."""
    steps: list[tuple[Stamped, Outcome]] = []
    first: list[Site] = []

    class Kept(Desk):
        def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
            first.append(before) if not first else None
            steps.append((stamped, effects))

    desk = Kept(_SURROUNDED)
    for event in _CALM:
        desk.feed(event)
    charged(desk, 5)
    danger(desk)
    desk.charge(token=BERT)
    for event in _SURROUNDINGS:
        desk.feed(event)
        desk.run(1.5, step_s=0.5)
    desk.unplug()
    desk.run(3)
    return first[0], steps, desk.site


def after_a_restart() -> Story:
    """The controller comes back to a car that charges, to one that left, and to what was kept."""
    steps: list[tuple[Stamped, Outcome]] = []

    class Kept(Desk):
        def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
            steps.append((stamped, effects))

    desk = Kept(exact_plan(fuse_a=50.0))
    desk.charge()
    desk.charge("2", BERT)
    desk.request("limit.set", where="row-a", current_a=20.0, ttl_s=3600.0)
    desk.devices["2"].faults = (BoardFault.RCD,)
    desk.run(10, step_s=0.5)
    desk.unplug("2")
    steps.clear()
    restart(desk, away_s=30.0, mains_back=True)
    desk.run(75, step_s=0.5)
    desk.tap()
    desk.run(10, step_s=0.5)
    return initial(desk.site.plan), steps, desk.site


def whatever_happens() -> Story:
    """Three bays, a disk, boards, cars and people, each with a will of its own."""
    steps: list[tuple[Stamped, Outcome]] = []
    first: list[Site] = []

    class Kept(World):
        def judge(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
            first.append(before) if not first else None
            steps.append((stamped, effects))

    world = Kept(msgspec.msgpack.decode(msgspec.msgpack.encode(PLAN), type=SitePlan))
    world.start()
    draw = random.Random(_SEED)
    for _ in range(_HAPPENINGS):
        name = draw.choice([*_DECIDED, *["charge"] * 8])
        HAPPENINGS[name](world, draw.choice("123"), draw.randrange(10))
        world.wait(0.5)
    return first[0], steps, world.site


STORIES: dict[str, Callable[[], Story]] = {
    f"after-a-restart{SUFFIX}": after_a_restart, f"by-the-book{SUFFIX}": by_the_book,
    f"whatever-happens{SUFFIX}": whatever_happens}


def recorded(story: Story, core_version: int = CORE_VERSION) -> bytes:
    """As the recorder writes it."""
    before, steps, after = story
    packer, at = Packer(), steps[0][0].at
    parts = [packer.begin(Head(software="golden", site_id=before.plan.id, epoch="0123456789abcdef",
                               boot=at.boot, number=1, mono_ns=at.mono_ns, utc=at.utc,
                               core_version=core_version), before)]
    parts += (packer.steps(steps[n:n + _BLOCK]) for n in range(0, len(steps), _BLOCK))
    return b"".join((*parts, packer.end(len(steps), after)))


def verdict(folder: Path) -> str | None:
    """What is wrong with the golden recordings and what to do about it; None: nothing."""
    if not all((folder / name).exists() for name in STORIES):
        return f"there are no golden recordings of CORE_VERSION {CORE_VERSION}: {WRITE}"
    try:
        found = [replay(folder / name) for name in STORIES]
    except Unreadable as error:
        raised = "written by core version" in str(error)
        return f"{error}: the state has another shape: {WRITE if raised else RAISE}"
    if any(one.other_core for one in found):
        return f"the golden recordings are not of CORE_VERSION {CORE_VERSION}: {WRITE}"
    lines = [line for one in found if one.differs is not None for line in difference(one)]
    if not lines:
        return None
    return "\n".join((*lines, f"the core's behaviour changed and CORE_VERSION is still {CORE_VERSION}:"
                      f" {RAISE}"))
