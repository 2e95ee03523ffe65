"""Judging a few EVSEs only comes to what judging all of them does."""

from collections.abc import Callable

import msgspec
import pytest
from both_ways import difference
from core_desk import BERT, UTC_MS, Desk, plan
from golden import FOLDER, STORIES
from surrounded import SURROUNDED, large, surrounded

from edge.controller.clockwork import text
from edge.controller.effects import Effect
from edge.controller.events import LimitRestored, ReadingTaken, SensorSeen, Stamped
from edge.controller.reading import PerPhase, Reading
from edge.controller.site import Sensor, SensorPlace, SitePlan, Timers
from edge.controller.state import Limit, Site, initial
from edge.recorder.segment import Segment


def patient(some: SitePlan) -> SitePlan:
    """One that judges everything only where it must: the look once a second would hide much."""
    return msgspec.structs.replace(some, timers=msgspec.structs.replace(some.timers, whole_s=1e9))


class Watched(Desk):
    """Keeps the story, and counts the steps that judged everything and those that judged a few."""

    def __init__(self) -> None:
        self.story: list[Stamped] = []
        self.whole = self.narrow = 0
        sensor = Sensor(id="cabinet", place=SensorPlace.CABINET, evse_ids=("1", "2"))
        site_plan = plan(3, fuse_a=20.0)
        grid, row = site_plan.circuits
        super().__init__(msgspec.structs.replace(
            site_plan, sensors=(sensor,), timers=Timers(sensor_stale_s=3600.0, renew_s=3.3),
            circuits=(grid, msgspec.structs.replace(row, meter_id="bay-1"))))

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        self.story.append(stamped)
        judged_all = self.site.rest is None or self.site.rest.whole_ns == self.site.rest.at_ns
        self.whole, self.narrow = self.whole + judged_all, self.narrow + (not judged_all)


def judge(seeds: range, happenings: int, plan_of: Callable[[int], SitePlan]) -> None:
    told = judged_few = 0
    for seed in seeds:
        story = surrounded(seed, happenings, plan_of(seed))
        differs, narrow = difference(initial(plan_of(seed)), story)
        assert differs is None, (seed, differs)
        told, judged_few = told + len(story), judged_few + narrow
    print(f"{len(seeds)} stories, {told} steps, {judged_few} of them judged a few")
    assert judged_few > told / 10


def test_random_stories_come_out_the_same_however_few_are_judged() -> None:
    judge(range(2), 8, lambda _: SURROUNDED)


@pytest.mark.slow
def test_many_random_stories_come_out_the_same_however_few_are_judged() -> None:
    judge(range(1000, 1100), 25, lambda _: SURROUNDED)


@pytest.mark.slow
def test_random_stories_of_large_sites_come_out_the_same_however_few_are_judged() -> None:
    judge(range(3000, 3100), 15, large)


@pytest.mark.slow
def test_the_golden_stories_come_out_the_same_however_few_are_judged() -> None:
    judged_few = 0
    for name in STORIES:
        segment = Segment(FOLDER / name)
        site, _ = segment.keyframe()
        begun = msgspec.structs.replace(site, plan=patient(site.plan), rest=None)
        differs, narrow = difference(begun, [recorded.stamped for recorded in segment.steps()])
        assert differs is None, (name, differs)
        judged_few += narrow
    assert judged_few > 500


def cable(desk: Watched) -> None:
    """One car's cable turns out to be a thin one: the others get what it leaves, at once."""
    desk.devices["1"].proximity_a = 6


def clock(desk: Watched) -> None:
    """It is not trusted any more: a fault of the station, of no event that says so."""
    desk.clock_ok = False


def heat(desk: Watched) -> None:
    """A sensor says so, once, as often before that it is cool."""
    desk.feed(SensorSeen(sensor_id="cabinet", celsius=86.0))


def silence(desk: Watched) -> None:
    """Nobody says anything of an outlet: only time passes."""
    desk.devices["1"].board_answers = desk.devices["1"].meter_answers = False


def limit(desk: Watched) -> None:
    """It ends by itself, with no event of its own."""
    desk.request("limit.set", where="row-a", current_a=14.0, ttl_s=4.0)


def wall(desk: Watched) -> None:
    """It ends at a moment that only the wall clock can tell."""
    until_utc = text(UTC_MS + desk.now_ns // 1_000_000 + 3_700)
    desk.feed(LimitRestored(where="row-a", limit=Limit(
        current_a=14.0, because="limit", until_utc=until_utc)))


def circuit(desk: Watched) -> None:
    """A bay's meter is that of its circuit too, and shows that others draw from it."""
    for _ in range(9):
        desk.run(1, step_s=0.5)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=2_000, power_w=0.0,
            current_a=PerPhase(L1=0.0, L2=0.0, L3=25.0))))


def test_what_concerns_others_and_what_only_time_brings_comes_out_the_same() -> None:
    for happens in (cable, clock, heat, silence, limit, wall, circuit):
        desk = Watched()
        desk.charge()
        desk.charge("2", BERT)
        for celsius in (20.0, 21.0, 20.0):
            desk.feed(SensorSeen(sensor_id="cabinet", celsius=celsius))
            desk.run(3, step_s=0.5)
        assert desk.narrow > desk.whole / 4
        happens(desk)
        desk.run(12, step_s=0.5)
        differs, _ = difference(initial(patient(desk.site.plan)), desk.story)
        assert differs is None, (happens.__doc__, differs)


def test_a_site_at_rest_and_one_that_charges_are_judged_whole_about_once_a_second() -> None:
    desk = Watched()
    for charging in (False, True):
        if charging:
            desk.charge()
        desk.run(10)
        desk.whole = desk.narrow = 0
        desk.run(10)
        assert desk.narrow > 3 * desk.whole > 0
