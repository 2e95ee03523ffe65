"""Keeps the journal in bounds: old rows go every ten minutes, telemetry at once when room is short.

Everything runs on the journal's thread, one slice between two commits. Nothing that fails here fails
the station: rows that stay are no danger, and a disk that does not answer is a fault of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from edge.controller.events import CommitsTimed, DiskSeen, Event, Header, JournalHurt
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.retention import KeepDays
from edge.journal.row import Batch

PERIOD_S = 600.0
PAUSE_S = 0.5
"""Between two slices of old rows: a backlog of months may take an hour, and nobody notices."""
PACE_S = 5.0
LOW, FULL = "disk low", "disk full"

log = logging.getLogger(__name__)


class Books(Protocol):
    """The part of the journal that is kept in bounds."""

    full: bool
    on_full: Callable[[], None]

    async def forget(self, day: str, keep: KeepDays) -> int: ...

    async def thin(self, at: Batch, because: str) -> int: ...

    async def hold_reserve(self) -> None: ...

    async def relieve(self) -> None: ...

    def pace(self) -> tuple[float, int] | None: ...


class Housekeeper:
    """Belongs to one loop. `low`: whether the core says that the disk is low or full."""

    def __init__(self, journal: Books, keep: KeepDays, *, now: Callable[[], Header],
                 low: Callable[[], bool], hand_in: Callable[[Event], None]) -> None:
        self._journal, self._keep = journal, keep
        self._now, self._low, self._hand_in = now, low, hand_in
        self._short = asyncio.Event()
        self._hurt = False
        journal.on_full = self._short.set

    def seen(self, event: Event) -> None:
        """Hand in what the disk watch saw; where the core finds it low, room is made at once."""
        self._hand_in(event)
        if isinstance(event, DiskSeen) and self._low():
            self._short.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.tidy()
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._short.wait()
            except TimeoutError:
                continue
            await self.make_room()

    async def watch_pace(self) -> None:
        """For ever: how long commits take, whenever there were new ones."""
        told = 0
        while True:
            pace = self._journal.pace()
            if pace is not None and pace[1] != told:
                told = pace[1]
                self._hand_in(CommitsTimed(typical_ms=pace[0], commits=told))
            await asyncio.sleep(PACE_S)

    async def tidy(self) -> None:
        """Let all go that is old enough; and keep the reserve."""
        at = self._now()
        try:
            while at.clock_ok and at.utc is not None and not self._hurt:
                if not await self._journal.forget(at.utc[:10], self._keep):
                    break
                await asyncio.sleep(PAUSE_S)
            if not self._journal.full:
                await self._journal.hold_reserve()
        except JournalError as error:
            self._failed(error)

    async def make_room(self) -> None:
        """Thin telemetry. On a full disk the reserve goes first: deleting needs room, too."""
        self._short.clear()
        at = self._now()
        full = self._journal.full
        stamp = Batch(mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok)
        try:
            if full:
                await self._journal.relieve()
            while not self._hurt and await self._journal.thin(stamp, FULL if full else LOW):
                pass  # each slice waits its turn behind what there is to commit
            if full:
                await self._journal.relieve()
        except JournalError as error:
            self._failed(error)

    def _failed(self, error: JournalError) -> None:
        log.error("journal: old rows stay: %s", error)
        if isinstance(error, JournalDamaged) and not self._hurt:
            self._hurt = True  # what is damaged stays as it is for those who salvage
            self._hand_in(JournalHurt(error=str(error)))
