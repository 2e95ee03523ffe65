"""The safe stop: what runs instead of a controller that has failed again and again.

It needs neither the core nor a bus nor a card reader. It holds every relay off, shows each driver the
fault page with whom to call, answers `status` and `fault.clear`, and, if the journal can be opened,
records the fault F606 and lets the cloud fetch it. It ends when a technician clears the fault or asks
the process to end; a restart of the computer ends it too (`starts.py`).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, FaultTally
from edge.controller.request import Origin, Request
from edge.controller.snapshot import EvseView, FaultView, Screen, Snapshot
from edge.link.messages import SNAPSHOT, Reply, accepted, arguments, refused, resulted
from edge.link.peer import Peer
from edge.link.server import LinkServer
from edge.station.alarm import asked
from edge.station.clock import Clock
from edge.station.config_sections import Site
from edge.station.describing import site_view
from edge.station.notify import Notifier
from edge.station.relays import relays_off
from edge.station.starts import LIMIT, WINDOW_S, StartsFile

WHERE = "controller"
PERIOD_S = 1.0
LAST_WORDS_S = 3.0
"""So long it is seen that the fault is gone, before the process ends and a controller is started."""

log = logging.getLogger(__name__)


class Books(Protocol):
    """The journal and the cloud's socket."""

    async def over(self) -> None: ...

    async def close(self) -> None: ...


class SafeStop:
    """Belongs to one loop. `clear`: somebody cleared the fault; `end`: or asked it to end."""

    def __init__(self, site: Site, clock: Clock, why: str) -> None:
        self._site, self._clock, self.why = site, clock, why
        self._view, self._seq = site_view(site, ""), 0
        self._since_utc = clock.header().utc
        self.tally = FaultTally(code=FaultCode.RESTART_LOOP, where=WHERE)
        self.cleared, self.end = asyncio.Event(), asyncio.Event()

    def snapshot(self) -> Snapshot:
        """Every EVSE on its fault page."""
        self._seq += 1
        at, kind = self._clock.header(), CATALOGUE[FaultCode.RESTART_LOOP]
        fault = FaultView(
            code=kind.code, name=kind.name, severity=kind.severity, where=WHERE, detail=self.why,
            since_utc=self._since_utc, count=self.tally.count, first_utc=self.tally.first_utc,
            last_utc=self.tally.last_utc)
        faults = () if self.cleared.is_set() else (fault,)
        return Snapshot(
            seq=self._seq, mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok, site=self._view,
            faults=faults, evses=tuple(
                EvseView(id=evse.id, label=evse.label, state="Faulted", screen=Screen.FAULT,
                         faults=faults) for evse in self._site.evses))

    async def handle(self, _peer: Peer, request: Request) -> Reply:
        """What a screen or a technician may ask now."""
        match request.action:
            case "status":
                return resulted(request, self.snapshot())
            case "ui.language":
                return accepted(request)
            case "fault.clear":
                code = arguments(request, dict[str, str]).get("code")
                if code == FaultCode.RESTART_LOOP:
                    self.cleared.set()
                    return accepted(request)
        return refused(request, "the controller is in safe stop: it answers status and fault.clear"
                                f" {FaultCode.RESTART_LOOP} only")


async def stand(site: Site, notifier: Notifier, starts: StartsFile) -> None:
    """Until the fault is cleared or the process is asked to end. Relays were dropped before."""
    clock = Clock(boot=0, floor_utc=None)
    stop = SafeStop(site, clock, f"{LIMIT} failed runs within {WINDOW_S / 60:.0f} minutes,"
                                 f" the last: {starts.now.last or 'unknown'}")
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(asked(stop.end.set))
        screens = [await stack.enter_async_context(_open(site, origin, stop))
                   for origin in (Origin.UI, Origin.SERVICE)]
        for screen in screens:  # whom to call, also while a disk is waited for
            screen.push(SNAPSHOT, stop.snapshot())
        books = await _books(site, stop, starts)
        if books is not None:
            stack.push_async_callback(books.close)
        ready = Path(site.paths.run) / "ready"
        ready.write_text("safe stop\n")
        stack.callback(ready.unlink, missing_ok=True)
        notifier.ready()
        notifier.status(f"SAFE STOP, {FaultCode.RESTART_LOOP}: every contactor is open, until a"
                        " technician clears the fault")
        await _until_left(site, stop, screens, notifier)
        if stop.cleared.is_set() and books is not None:
            await books.over()
        until_s = asyncio.get_running_loop().time() + LAST_WORDS_S
        while asyncio.get_running_loop().time() < until_s and not stop.end.is_set():
            await _turn(stop, screens, notifier, PERIOD_S / 4)
        notifier.stopping()


async def _books(site: Site, stop: SafeStop, starts: StartsFile) -> Books | None:
    """None where the journal is not to be had, whatever the reason: a safe stop stands without."""
    if starts.now.journal_tried:
        log.error("safe stop: without the journal, since the last one did not come back from it")
        return None
    starts.tries_journal(True)
    try:
        from edge.station.stopped_books import StoppedBooks

        return await StoppedBooks.open(site, stop)
    except Exception:
        log.exception("safe stop: without the journal")
        return None
    finally:
        starts.tries_journal(False)


async def _until_left(site: Site, stop: SafeStop, screens: list[LinkServer],
                      notifier: Notifier) -> None:
    off = False
    while not stop.cleared.is_set() and not stop.end.is_set():
        off = off or relays_off(site)
        await _turn(stop, screens, notifier, PERIOD_S)


async def _turn(stop: SafeStop, screens: list[LinkServer], notifier: Notifier, pause_s: float) -> None:
    for screen in screens:
        screen.push(SNAPSHOT, stop.snapshot())
    notifier.alive()
    left = [asyncio.ensure_future(event.wait()) for event in (stop.cleared, stop.end)
            if not event.is_set()]
    await asyncio.wait(left, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in left:
        wait.cancel()


@contextlib.asynccontextmanager
async def _open(site: Site, origin: Origin, stop: SafeStop) -> AsyncIterator[LinkServer]:
    server = LinkServer(Path(site.paths.run), origin, stop.handle,
                        group=getattr(site.paths.socket_groups, origin))
    await server.start()
    try:
        yield server
    finally:
        await server.close()
