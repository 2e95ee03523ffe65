"""Old rows go by the day of a trusted clock; room is made at once, in the right order."""

import asyncio

import pytest
from virtual_time import virtual

from edge.controller.events import CommitsTimed, DiskSeen, Event, Header, JournalHurt
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.retention import KeepDays
from edge.journal.row import Batch
from edge.station.housekeeper import PACE_S, PERIOD_S, Housekeeper


class FakeBooks:
    """Says what it is asked for; `old` and `thick` slices are there to go."""

    def __init__(self, old: int = 0, thick: int = 0) -> None:
        self.old, self.thick, self.full = old, thick, False
        self.error: JournalError | None = None
        self.asked: list[str] = []
        self.timed: tuple[float, int] | None = None
        self.on_full = lambda: None

    async def forget(self, day: str, keep: KeepDays) -> int:
        self.asked.append(f"forget {day} {keep.telemetry}")
        self._fail()
        self.old -= 1
        return 500 if self.old >= 0 else 0

    async def thin(self, at: Batch, because: str) -> int:
        self.asked.append(f"thin {because} {at.utc}")
        self._fail()
        self.thick -= 1
        return 500 if self.thick >= 0 else 0

    async def hold_reserve(self) -> None:
        self.asked.append("hold")

    async def relieve(self) -> None:
        self.asked.append("relieve")

    def pace(self) -> tuple[float, int] | None:
        return self.timed

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class House:
    """A housekeeper and what is around it."""

    def __init__(self, books: FakeBooks) -> None:
        self.books, self.seen, self.low = books, list[Event](), False
        self.at = Header(mono_ns=1, boot=1, fresh_id="", utc="2026-03-01T12:00:00.000Z", clock_ok=True)
        self.keeper = Housekeeper(books, KeepDays(telemetry=3), now=lambda: self.at,
                                  low=lambda: self.low, hand_in=self.seen.append)


@virtual
async def test_old_rows_go_every_ten_minutes_slice_by_slice():
    house = House(FakeBooks(old=2))
    running = asyncio.create_task(house.keeper.run())
    await asyncio.sleep(PERIOD_S - 1)
    assert house.books.asked == ["forget 2026-03-01 3"] * 3 + ["hold"]
    await asyncio.sleep(PERIOD_S)
    assert house.books.asked[4:] == ["forget 2026-03-01 3", "hold"]
    running.cancel()


@virtual
async def test_a_clock_that_is_not_trusted_lets_nothing_go():
    house = House(FakeBooks(old=2))
    for clock_ok, utc in ((False, "2026-03-01T12:00:00.000Z"), (True, None)):
        house.at = Header(mono_ns=1, boot=1, fresh_id="", utc=utc, clock_ok=clock_ok)
        await house.keeper.tidy()
    assert house.books.asked == ["hold", "hold"]


@virtual
async def test_a_low_disk_is_thinned_at_once_and_one_with_room_is_not():
    house = House(FakeBooks(thick=1))
    running = asyncio.create_task(house.keeper.run())
    await asyncio.sleep(1)
    house.books.asked.clear()
    house.keeper.seen(DiskSeen(free_bytes=9, total_bytes=9))
    await asyncio.sleep(1)
    assert house.books.asked == []
    house.low = True
    house.keeper.seen(DiskSeen(free_bytes=1, total_bytes=9))
    await asyncio.sleep(1)
    assert house.books.asked[:2] == ["thin disk low 2026-03-01T12:00:00.000Z"] * 2
    assert house.seen == [DiskSeen(free_bytes=9, total_bytes=9), DiskSeen(free_bytes=1, total_bytes=9)]
    running.cancel()


@virtual
async def test_on_a_full_disk_the_reserve_goes_before_anything_is_deleted_and_is_not_made_again():
    house = House(FakeBooks(thick=1))
    running = asyncio.create_task(house.keeper.run())
    await asyncio.sleep(1)
    house.books.asked.clear()
    house.books.full = True
    house.books.on_full()
    await asyncio.sleep(1)
    stamp = "2026-03-01T12:00:00.000Z"
    thin = f"thin disk full {stamp}"
    assert house.books.asked[:4] == ["relieve", thin, thin, "relieve"]
    assert "hold" not in house.books.asked
    house.books.full = False
    await asyncio.sleep(PERIOD_S)
    assert "hold" in house.books.asked
    running.cancel()


@virtual
async def test_damage_is_told_once_and_nothing_goes_any_more():
    house = House(FakeBooks(old=9, thick=9))
    house.books.error = JournalDamaged("row 7")
    for _ in range(3):
        await house.keeper.tidy()
        await house.keeper.make_room()
    assert house.seen == [JournalHurt(error="row 7")]
    assert [a for a in house.books.asked if a != "hold"] == ["forget 2026-03-01 3"]


@pytest.mark.parametrize("what", ["tidy", "make_room"])
@virtual
async def test_a_disk_that_fails_is_no_failure_of_the_station(what: str):
    house = House(FakeBooks(old=9, thick=9))
    house.books.error = JournalError("I/O")
    await getattr(house.keeper, what)()
    house.books.error = None
    await getattr(house.keeper, what)()
    assert house.seen == [] and (house.books.old < 0 or house.books.thick < 0)


@virtual
async def test_the_pace_is_told_only_when_there_were_commits():
    house = House(FakeBooks())
    running = asyncio.create_task(house.keeper.watch_pace())
    await asyncio.sleep(PACE_S)
    house.books.timed = (12.5, 30)
    await asyncio.sleep(5 * PACE_S)
    house.books.timed = (13.5, 31)
    await asyncio.sleep(5 * PACE_S)
    assert house.seen == [CommitsTimed(typical_ms=12.5, commits=30),
                          CommitsTimed(typical_ms=13.5, commits=31)]
    running.cancel()
