"""One card reader between its process and the core: a tap is looked up before it enters the core."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from edge.controller.events import CardPresented, Event, ReaderBack, ReaderLost
from edge.controller.idtoken import Level
from edge.controller.trouble import DeviceError
from edge.rfid.supervisor import ReaderSupervisor
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.wire import TagSeen
from edge.station import trace

log = logging.getLogger(__name__)


class ReaderDriver:
    """Belongs to one loop. A UID goes from the reader to the look-up and no further."""

    def __init__(self, reader_id: str, path: str, serves: tuple[str, ...], *, virtual: bool,
                 tokens: TokenLookup, hand_in: Callable[[Event], None],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self.reader_id = reader_id
        self._serves, self._tokens, self._hand_in, self._spawn = serves, tokens, hand_in, spawn
        self.looked = asyncio.Event()  # it answered for the first time, or is known to be lost
        self.supervisor = ReaderSupervisor(reader_id, path, virtual=virtual, on_tag=self._tag,
                                           on_lost=self._lost, on_back=self._back)

    async def start(self, on_failed: Callable[[BaseException], None] = lambda _: None) -> None:
        """`on_failed` hears of a defect of the supervision itself."""
        self.supervisor.on_failed = on_failed
        await self.supervisor.start()

    async def stop(self) -> None:
        await self.supervisor.stop()

    def _lost(self, error: str) -> None:
        self.looked.set()
        self._hand_in(ReaderLost(reader_id=self.reader_id, error=error))

    def _back(self) -> None:
        self.looked.set()
        self._hand_in(ReaderBack(reader_id=self.reader_id))

    def _tag(self, tag: TagSeen) -> None:
        trace.mark("tag", self.reader_id, tag.mono_ns)
        if tag.random:
            log.info("reader %s: a card with a random id, which names nobody", self.reader_id)
        self._spawn(self._look_up(tag))

    async def _look_up(self, tag: TagSeen) -> None:
        try:
            token, record = await self._tokens.lookup(tag.uid, level=Level.UID)
        except DeviceError as error:
            log.error("reader %s: token store: %s", self.reader_id, error)
            return
        self._hand_in(CardPresented(reader_id=self.reader_id, evse_ids=self._serves, token=token,
                                    level=Level.UID, record=None if tag.random else record))
