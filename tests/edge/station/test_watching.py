"""The watchdog is fed while everything lives, heard at a real datagram socket, in virtual time."""

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest
from core_desk import plan
from fake_journal import FakeJournal
from notified import heard, listening
from virtual_time import now_ns, virtual

from edge.bus.link import Link, WireCounts
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.controller.trouble import LineDown
from edge.station.clock import Clock
from edge.station.notify import Notifier
from edge.station.scribe import Scribe
from edge.station.station import Station
from edge.station.vitals import LATE_S, STUCK_S, Vitals
from edge.station.watching import VitalLost, watch

WATCHDOG_S = 8.0
ASK = read_input(0x48, 2)


class Wire(Link):
    """A unit that answers after 50 ms, until `how` says otherwise."""

    late_s, where, is_open, how = 1.0, "wire", True, "answers"

    def __init__(self) -> None:
        self.on_lost, self.on_frame, self.counts = lambda: None, None, WireCounts()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        if self.how == "hangs":
            await asyncio.Event().wait()
        if self.how == "fails":
            raise TypeError("an answer that no code expects")
        await asyncio.sleep(0.05)
        return pdu[:1] + bytes((unit,)), 0.01


class Room:
    """A line with work on it ten times a second, a thread, and a watch over both."""

    def __init__(self, address: str) -> None:
        self.wire, self.ends = Wire(), threading.Event()
        self.thread = threading.Thread(target=self.ends.wait, daemon=True)
        self.thread.start()
        self.owner = LineOwner(self.wire)
        self.notifier = Notifier(address, WATCHDOG_S)
        self.station = Station(plan(2), Clock(boot=1, floor_utc=None, mono_ns=now_ns),
                               Scribe(FakeJournal()))
        self.vitals = Vitals(clock_ns=now_ns, lines={"cabinet": self.owner.pulse},
                             threads={"journal": self.thread.is_alive})

    async def work(self) -> None:
        while True:
            with contextlib.suppress(LineDown):
                await self.owner.transact(1, ASK, BusClass.BOARD)
            await asyncio.sleep(0.1)

    async def run(self, during_s: float) -> VitalLost | None:
        """What the watch ended with, within the time."""
        watching = asyncio.ensure_future(watch(self.vitals, self.notifier, self.station))
        await asyncio.wait([watching], timeout=during_s)
        if watching.done():
            error = watching.exception()
            assert isinstance(error, VitalLost)
            return error
        watching.cancel()
        return None


@contextlib.asynccontextmanager
async def room(folder: Path):
    with listening(str(folder / "notify")) as listener:
        found = Room(str(folder / "notify"))
        await found.owner.start()
        work = asyncio.ensure_future(found.work())
        try:
            yield found, lambda: heard(listener).count("WATCHDOG=1")
        finally:
            found.ends.set()
            work.cancel()
            with contextlib.suppress(TypeError):
                await found.owner.close()
            found.notifier.close()


@virtual
async def test_all_is_well_and_it_is_fed_four_times_in_each_period(tmp_path):
    async with room(tmp_path) as (found, fed):
        watching = asyncio.ensure_future(watch(found.vitals, found.notifier, found.station))
        fed_per_period = []
        for _ in range(10):
            await asyncio.sleep(WATCHDOG_S)
            fed_per_period.append(fed())
        watching.cancel()
        assert set(fed_per_period) <= {4, 5}


@pytest.mark.parametrize(("how", "words", "within_s"), [
    ("fails", "owner of line cabinet", 1.0), ("hangs", "line cabinet", STUCK_S + 4.0)])
def test_an_owner_that_died_or_hangs_is_no_longer_fed(tmp_path, how, words, within_s):
    @virtual
    async def play():
        async with room(tmp_path) as (found, fed):
            assert await found.run(WATCHDOG_S) is None and fed()
            found.wire.how = how
            error = await found.run(within_s)
            assert error is not None and words in str(error)
            fed()
            assert await found.run(WATCHDOG_S) is not None and fed() == 0
    play()


def test_a_thread_that_ended_is_no_longer_fed(tmp_path):
    @virtual
    async def play():
        async with room(tmp_path) as (found, fed):
            found.ends.set()
            found.thread.join()
            error = await found.run(WATCHDOG_S)
            assert error is not None and "journal" in str(error) and fed() == 0
    play()


@pytest.mark.parametrize(("late_s", "feeds"), [(LATE_S - 0.5, True), (LATE_S + 0.5, False)])
def test_a_loop_that_is_late_each_time_is_not_fed(tmp_path, late_s, feeds):
    @virtual
    async def play():
        async with room(tmp_path) as (found, fed):
            hung_ns = 0

            def clock_ns() -> int:
                """The loop's own clock, and each beat so much later than it was due."""
                nonlocal hung_ns
                hung_ns += round(late_s * 1e9)
                return now_ns() + hung_ns
            found.vitals = Vitals(clock_ns=clock_ns, lines={}, threads={})
            found.station.clock.mono_ns = lambda: now_ns() + hung_ns
            assert await found.run(5 * WATCHDOG_S) is None
            assert bool(fed()) is feeds
    play()
