"""The journal in a safe stop: the row that it began, the row that it ended, and the cloud's socket."""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

import msgspec

from edge.controller import kept
from edge.controller.effects import Keep, Stream
from edge.controller.events import Event, Header, TallyRestored
from edge.controller.faults import Fault, FaultTally
from edge.controller.records import EV_FAULT, notify_event
from edge.controller.request import Origin
from edge.controller.snapshot import Snapshot
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow
from edge.link.health import Health
from edge.link.messages import JOURNAL_GROWN
from edge.link.server import LinkServer
from edge.station.clock import Clock
from edge.station.config_sections import Site
from edge.station.describing import description
from edge.station.desk import Desk
from edge.station.line_desk import LineDesk

PATIENCE_S = 3.0
"""So long the disk is waited for when a technician ends it; the watchdog ends who waits for 10 s."""

log = logging.getLogger(__name__)


class Stopped(Protocol):
    """The safe stop that these are the books of."""

    tally: FaultTally
    why: str

    def snapshot(self) -> Snapshot: ...


class StoppedBooks:
    """An open journal and `sync.sock`. Belongs to one loop."""

    def __init__(self, journal: Journal, server: LinkServer, clock: Clock, stop: Stopped) -> None:
        self._journal, self._server, self._clock, self._stop = journal, server, clock, stop

    @classmethod
    async def open(cls, site: Site, stop: Stopped) -> "StoppedBooks":
        """Open both, and record that the safe stop began. Raises `JournalError`, `OSError`."""
        journal = await Journal.open(Path(site.paths.state) / "journal.db")
        try:
            books = await cls._of(site, stop, journal)
            await books._begin(stop.why)
        except BaseException:
            await _closed(journal)
            raise
        return books

    @classmethod
    async def _of(cls, site: Site, stop: Stopped, journal: Journal) -> "StoppedBooks":
        clock = Clock(boot=journal.boot, floor_utc=await journal.clock_floor_utc())
        desk = Desk(journal=journal, description=description(site, journal.epoch), hand_in=_ignored,
                    snapshot=stop.snapshot, outlets={}, meters={}, services={},
                    lines=LineDesk({}, {}, {}), health=_no_health)
        server = LinkServer(Path(site.paths.run), Origin.SYNC, desk.handle,
                            group=site.paths.socket_groups.sync)
        journal.on_grown = lambda _: server.push(
            JOURNAL_GROWN, {s.value: head.seq for s, head in journal.heads().items()})
        try:
            await server.start()
        except LookupError as error:
            raise OSError(f"{server.path}: {error}") from error
        return cls(journal, server, clock, stop)

    async def _begin(self, why: str) -> None:
        """A safe stop that itself was killed has begun once."""
        key = self._kept(self._stop.tally).key
        body = (await self._journal.kept()).get(key)
        restored = None if body is None else kept.restored(key, body)
        at, tally = self._clock.header(), self._stop.tally
        if isinstance(restored, TallyRestored):
            tally = restored.tally
        if tally.standing is None:
            since_utc = at.utc if at.clock_ok else None
            fault = Fault(code=tally.code, where=tally.where, since_utc=since_utc,
                          since_mono_ns=at.mono_ns, detail=why, boot=at.boot)
            if tally.count == 0:
                tally = msgspec.structs.replace(tally, first_utc=since_utc, first_boot=at.boot,
                                                first_mono_ns=at.mono_ns)
            tally = msgspec.structs.replace(
                tally, count=tally.count + 1, last_utc=since_utc, last_boot=at.boot,
                last_mono_ns=at.mono_ns, standing=fault)
            await self._journal.append(self._batch(at, tally, fault, cleared=False))
        self._stop.tally = tally

    async def over(self) -> None:
        """The fault was cleared. Waits for the disk a while, and for nothing else."""
        fault = self._stop.tally.standing
        if fault is None:
            return
        self._stop.tally = msgspec.structs.replace(self._stop.tally, standing=None)
        batch = self._batch(self._clock.header(), self._stop.tally, fault, cleared=True)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._journal.append(batch)
        except (JournalError, TimeoutError) as error:  # the next start ends it
            log.error("safe stop: its end is not recorded: %s", error or "the disk stands still")

    async def close(self) -> None:
        """Let go of both."""
        await self._server.close()
        await _closed(self._journal)

    def _batch(self, at: Header, tally: FaultTally, fault: Fault, *, cleared: bool) -> Batch:
        row = notify_event(fault, None, event_id=1, utc=at.utc, cleared=cleared)
        keep = self._kept(tally)
        return Batch(mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok,
                     rows=(NewRow(stream=Stream.EV, type=EV_FAULT, data=msgspec.json.encode(row)),),
                     kept={keep.key: None if keep.data is None else bytes(keep.data)})

    @staticmethod
    def _kept(tally: FaultTally) -> Keep:
        return kept.keep_tally(tally)


async def _closed(journal: Journal) -> None:
    try:
        await journal.close()
    except JournalError as error:
        log.error("safe stop: %s", error)


def _ignored(_: Event) -> None:
    """There is no core to hear of it."""


async def _no_health() -> Health:
    raise JournalError("safe stop: there are no figures without a controller")
