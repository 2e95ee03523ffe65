"""The loop around the core: order, and what happens when a step does not end."""

import asyncio

import pytest
from core_desk import ANNA, BERT, Desk, plan
from fake_journal import FakeJournal
from virtual_time import now_ns, virtual

from edge.controller.effects import Effect
from edge.controller.events import (
    CardPresented,
    Header,
    JournalStalled,
    JournalWell,
    Started,
    Tick,
)
from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.journal.errors import JournalError
from edge.journal.row import Batch
from edge.station.clock import Clock
from edge.station.scribe import Scribe
from edge.station.station import STALLED_S, Station


def station(journal: FakeJournal | None = None) -> tuple[Station, Scribe]:
    scribe = Scribe(journal or FakeJournal())
    return Station(plan(1), Clock(boot=1, floor_utc=None, mono_ns=now_ns), scribe), scribe


@virtual
async def test_an_event_that_comes_out_of_an_effect_is_taken_after_all_effects_of_its_step():
    found, _ = station()
    order: list[str] = []

    def run_effects(at: Header, effects: tuple[Effect, ...]) -> None:
        order.append("begin")
        if len(order) == 1:
            found.hand_in(Tick())
        order.append("end")

    found.run_effects = run_effects
    found.hand_in(Started(software="test"))
    assert order == ["begin", "end", "begin", "end"]


@virtual
async def test_a_step_that_breaks_is_the_failure_of_the_station_whoever_handed_its_event_in():
    found, _ = station()

    def broken(at: Header, effects: tuple[Effect, ...]) -> None:
        raise OSError("the pin is gone")

    found.run_effects = broken
    with pytest.raises(OSError):
        found.hand_in(Tick())
    assert isinstance(found.failure.result(), OSError)


@virtual
async def test_the_first_failure_of_a_task_ends_the_station():
    found, _ = station()

    async def dies(error: Exception) -> None:
        raise error

    found.spawn(dies(ValueError("first")))
    found.spawn(dies(KeyError("second")))
    assert isinstance(await found.failure, ValueError)


@pytest.mark.parametrize("way", ["slow", "full"])
@virtual
async def test_a_disk_that_stalls_or_is_full_is_told_once_and_its_recovery_too(way):
    journal = FakeJournal()
    found, scribe = station(journal)
    told: list[str] = []
    hand_in = found.hand_in

    def listen(event: object) -> None:
        if isinstance(event, JournalStalled | JournalWell):
            told.append(type(event).__name__)
        hand_in(event)

    found.hand_in = listen
    ticking = found.spawn(found.tick())
    scribe.write(Batch(mono_ns=now_ns()))
    if way == "full":
        journal.fail(JournalError("disk full"))
    await asyncio.sleep(STALLED_S + 0.6)
    assert told == ["JournalStalled"]
    journal.commit()
    await asyncio.sleep(1)
    assert told == ["JournalStalled", "JournalWell"]
    ticking.cancel()


@virtual
async def test_each_step_is_recorded_before_its_effects_and_in_order():
    found, _ = station()
    seen: list[str] = []
    found.recorded = lambda before, after, stamped, outcome: seen.append(
        f"{type(stamped.event).__name__} {len(outcome)} {before is after}")
    found.run_effects = lambda _at, effects: seen.append(f"run {len(effects)}")
    found.hand_in(Started(software="test"))
    assert seen[0].startswith("Started ")
    assert seen[0].endswith(" False")
    assert seen[1] == "run " + seen[0].split()[1]


@virtual
async def test_a_step_that_fails_is_recorded_with_what_it_raised_and_the_state_before_it():
    found, _ = station()
    before, seen = found.site, []
    found.recorded = lambda *step: seen.append(step)
    found.failing = lambda error: seen.append(error)
    with pytest.raises(AssertionError) as raised:
        found.hand_in("no event")  # type: ignore[arg-type]
    (was, now, stamped, outcome), failing = seen
    assert was is now is before
    assert stamped.event == "no event"
    assert outcome is failing is raised.value


async def test_a_card_begins_nothing_while_the_controller_ends_and_still_stops_its_own():
    desk = Desk(plan(2))
    desk.charge("1", ANNA)
    desk.run(10)
    at, _ = station()
    at.site, taken = desk.site, []
    at.recorded = lambda _before, _after, stamped, _effects: taken.append(stamped.event)
    ended: list[bool] = []
    at.grant_no_more = lambda: ended.append(True)

    def tap(token: IdToken) -> None:
        at.hand_in(CardPresented(reader_id="front", evse_ids=("1", "2", "nowhere"), token=token,
                                 level=Level.UID, record=TokenRecord(token=token)))
    tap(BERT)
    assert len(taken) == 1, "before"
    at.wind_down()
    tap(BERT)
    assert ended == [True] and len(taken) == 1
    tap(ANNA)
    at.hand_in(Tick())
    assert len(taken) == 3
