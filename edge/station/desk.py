"""Answers what comes in through the three sockets. Which action a socket allows stands in
`edge/link/allowed.py`; what touches the site is decided by the core.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from edge.controller.effects import Stream
from edge.controller.events import CloudSeen, Event, RequestReceived
from edge.controller.request import Request
from edge.controller.snapshot import Snapshot
from edge.controller.trouble import DeviceError
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Row
from edge.link import card_protocol, line_protocol
from edge.link import health as figures
from edge.link import journal_protocol as protocol
from edge.link.messages import Reply, accepted, arguments, failed, refused, resulted
from edge.link.peer import Peer
from edge.outlet.board_service import BoardService
from edge.outlet.selftest import self_test
from edge.station.line_desk import LineDesk
from edge.station.meter_driver import MeterDriver
from edge.station.outlet_driver import OutletDriver

CORE_TIMEOUT_S = 2.0
MAX_WORDS = 200  # of a reason to pin


class CardCalls(Protocol):
    """Answers what is asked about cards; see `edge.station.cards`."""

    def takes(self, action: str) -> bool: ...

    async def handle(self, request: Request) -> Reply: ...

    async def reservation(self, request: Request) -> Request: ...


class Desk:
    """Belongs to one loop. `cards` None: there is neither reader nor store, as in a safe stop."""

    def __init__(self, *, journal: Journal, description: protocol.SiteDescription,
                 hand_in: Callable[[Event], None], snapshot: Callable[[], Snapshot],
                 outlets: dict[str, OutletDriver], meters: dict[str, MeterDriver],
                 services: dict[str, BoardService], lines: LineDesk,
                 health: Callable[[], Awaitable[figures.Health]],
                 pin: Callable[[str], None] = lambda _: None,
                 cards: CardCalls | None = None) -> None:
        self._cards = cards
        self.asked: Peer | None = None  # who said that he can be asked about cards
        self._journal, self._description = journal, description
        self._hand_in, self._snapshot, self._health = hand_in, snapshot, health
        self._pin, self._lines = pin, lines
        self._outlets, self._meters, self._services = outlets, meters, services
        self._waiting: dict[str, asyncio.Future[str | None]] = {}
        self._count = itertools.count(1)

    def answered(self, request_id: str, refusal: str | None) -> None:
        """The core's answer to a request that was handed in."""
        waiting = self._waiting.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(refusal)

    async def handle(self, peer: Peer, request: Request) -> Reply:
        """One call. Never raises for what a client can send."""
        try:
            if request.action == line_protocol.TRANSACT:
                return await self._lines.transact(peer, request)
            if request.action == protocol.STATUS:
                return self._cloud_seen(peer, request)
            return await self._handle(request)
        except (JournalError, DeviceError) as error:
            return failed(request, str(error))

    async def _handle(self, request: Request) -> Reply:
        match request.action:
            case protocol.READ:
                return await self._read(request)
            case protocol.ACKED:
                acked = arguments(request, protocol.JournalAcked)
                await self._journal.acked(acked.epoch, Stream(acked.stream), acked.seq,
                                          bytes.fromhex(acked.hash))
                return accepted(request)
            case protocol.HEADS:
                return resulted(request, self._heads())
            case protocol.DESCRIBE:
                return resulted(request, self._description)
            case "status":
                return resulted(request, self._snapshot())
            case figures.HEALTH:
                return resulted(request, await self._health())
            case line_protocol.LINES:
                return self._lines.lines(request)
            case "board.info" | "board.selftest" | "meter.read":
                return await self._look(request)
            case "recorder.pin":
                words = arguments(request, dict[str, str]).get("words", "")
                self._pin(words[:MAX_WORDS] or "a technician asked for it")
                return accepted(request)
            case "ui.language":
                return accepted(request)  # each screen keeps its own; nothing of the site changes
            case protocol.COMMAND:
                return refused(request, "commands from the cloud are not taken by this version")
            case card_protocol.SET if self._cards is not None:
                return await self._ask_core(await self._cards.reservation(request))
            case _ if self._cards is not None and self._cards.takes(request.action):
                return await self._cards.handle(request)
            case _:
                return await self._ask_core(request)

    def _cloud_seen(self, peer: Peer, request: Request) -> Reply:
        status = arguments(request, protocol.SyncStatus)
        answers = status.connected and status.answers_cards
        if answers or self.asked == peer:
            self.asked = peer if answers else None
        self._hand_in(CloudSeen(connected=status.connected, pending=status.pending,
                                last_ack_age_s=status.last_ack_age_s, answers_cards=answers))
        return accepted(request)

    async def _ask_core(self, request: Request) -> Reply:
        """Under an id of our own: two clients may count their requests alike."""
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        own_id = f"{request.origin}-{next(self._count)}"
        self._waiting[own_id] = future
        try:
            self._hand_in(RequestReceived(request=msgspec.structs.replace(request, id=own_id)))
            refusal = await asyncio.wait_for(future, CORE_TIMEOUT_S)
        finally:
            del self._waiting[own_id]
        return accepted(request) if refusal is None else refused(request, refusal)

    async def _look(self, request: Request) -> Reply:
        wanted = arguments(request, dict[str, str])
        if request.action != "meter.read":
            evse_id = wanted.get("evse_id", "")
            if evse_id not in self._outlets:
                return refused(request, f"evse_id: expected one of {', '.join(self._outlets)}")
            if request.action == "board.info":
                return resulted(request, await self._outlets[evse_id].board.poll())
            return resulted(request, await self_test(self._services[evse_id]))
        meter = self._meters.get(wanted.get("meter_id", ""))
        if meter is None:
            return refused(request, f"meter_id: expected one of {', '.join(self._meters)}")
        return resulted(request, await meter.meter.read())

    async def _read(self, request: Request) -> Reply:
        wanted = arguments(request, protocol.JournalRead)
        stream = Stream(wanted.stream)
        rows = await self._journal.read(stream, wanted.after, wanted.limit)
        return resulted(request, protocol.JournalRows(
            epoch=self._journal.epoch, stream=wanted.stream, rows=_within_frame(rows),
            tail=self._journal.heads()[stream].tail))

    def _heads(self) -> protocol.JournalHeads:
        return protocol.JournalHeads(
            epoch=self._journal.epoch, boot=self._journal.boot,
            streams={stream.value: protocol.StreamHead(seq=head.seq, acked=head.acked, tail=head.tail)
                     for stream, head in self._journal.heads().items()})


def _within_frame(rows: tuple[Row, ...]) -> tuple[protocol.WireRow, ...]:
    taken: list[protocol.WireRow] = []
    size = 0
    for row in rows:
        size += len(row.data)
        if taken and size > protocol.MAX_READ_BYTES:
            break
        taken.append(protocol.WireRow(
            seq=row.seq, type=row.type, utc=row.utc, boot=row.boot, mono_ns=row.mono_ns,
            clock_ok=row.clock_ok, data=row.data, prev=row.prev.hex(), hash=row.hash.hex()))
    return tuple(taken)
