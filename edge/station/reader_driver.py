"""One card reader between its process and the core: what was tapped is known and proven before the core
hears of it. Numbers and keys of cards go no further than this.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from edge.controller.events import CardPresented, Event, ReaderBack, ReaderLost
from edge.controller.trouble import DeviceError
from edge.rfid.supervisor import ReaderSupervisor
from edge.rfid.tap_flow import Shown, TapFlow, Tokens
from edge.rfid.wanted import SiteProofs
from edge.rfid.wire import TagSeen
from edge.station import trace
from edge.station.tap_book import TapBook

ACCEPTED, REFUSED = "accepted", "refused"

log = logging.getLogger(__name__)


class ReaderDriver:
    """Belongs to one loop."""

    def __init__(self, reader_id: str, path: str, serves: tuple[str, ...], *, virtual: bool,
                 tokens: Tokens, proofs: Callable[[], SiteProofs], book: TapBook,
                 hand_in: Callable[[Event], None],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self.reader_id, self.serves = reader_id, serves
        self._book, self._hand_in, self._spawn = book, hand_in, spawn
        self.looked = asyncio.Event()  # it answered for the first time, or is known to be lost
        self.supervisor = ReaderSupervisor(
            reader_id, path, virtual=virtual, on_tag=self._tag, on_lost=self._lost,
            on_back=self._back, on_proof=lambda proof: self._flow.proof(proof))
        self._flow = TapFlow(self.supervisor, tokens, proofs)

    async def start(self, on_failed: Callable[[BaseException], None] = lambda _: None) -> None:
        """`on_failed` hears of a defect of the supervision itself."""
        self.supervisor.on_failed = on_failed
        await self.supervisor.start()

    async def stop(self) -> None:
        await self.supervisor.stop()

    def tell(self, *, accepted: bool) -> None:
        """Beep or blink: the card was taken, or not."""
        self.supervisor.feedback(ACCEPTED if accepted else REFUSED)

    def _lost(self, error: str) -> None:
        self.looked.set()
        self._flow.lost()
        self._hand_in(ReaderLost(reader_id=self.reader_id, error=error))

    def _back(self) -> None:
        self.looked.set()
        self._hand_in(ReaderBack(reader_id=self.reader_id))

    def _tag(self, tag: TagSeen) -> None:
        trace.mark("tag", self.reader_id, tag.mono_ns)
        self._spawn(self._take(tag))

    async def _take(self, tag: TagSeen) -> None:
        try:
            shown = await self._flow.take(tag)
        except DeviceError as error:
            log.error("reader %s: token store: %s", self.reader_id, error)
            self.tell(accepted=False)
            return
        if self._book.take(shown):
            log.info("reader %s: a card, shown to a technician", self.reader_id)
            return
        self._book.note(shown)
        self._hand_in(presented(shown, self.serves))
        trace.mark("decided", f"{self.reader_id}/L{int(shown.level)}", tag.mono_ns)


def presented(shown: Shown, serves: tuple[str, ...]) -> CardPresented:
    """What the core hears of a card."""
    return CardPresented(
        reader_id=shown.tag.reader_id, evse_ids=serves, token=shown.token, level=shown.level,
        record=shown.record, unproven=shown.unproven, source=shown.source, random=shown.random)
