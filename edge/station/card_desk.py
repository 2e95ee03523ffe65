"""Answers a technician who works with cards: shows the next one, tells of taps, enrols a refused one.

Only through `service.sock`. What holds a number in clear is an answer, and goes no other way.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec

from edge.controller.authorisation.allowed import judge
from edge.controller.events import Header
from edge.controller.request import Request
from edge.controller.state import Site
from edge.controller.trouble import DeviceError
from edge.controller.turn import Turn
from edge.enrolment.telling import told
from edge.link import card_protocol as protocol
from edge.link.messages import Reply, arguments, refused, resulted
from edge.rfid.enrolling import Enrolled, enrol
from edge.rfid.tap_flow import Shown
from edge.rfid.tokens.list_entry import Card
from edge.rfid.tokens.store import TokenStore
from edge.rfid.uid import UidError, parse_uid
from edge.station.tap_book import TapBook


class StoreThread(Protocol):
    """The store, in its thread. May raise DeviceError."""

    async def ask(self, question: Callable[[TokenStore], Enrolled]) -> Enrolled: ...


class CardDesk:
    """Belongs to one loop. `serves`: the EVSEs of each reader."""

    def __init__(self, book: TapBook, store: StoreThread, serves: Mapping[str, tuple[str, ...]],
                 look: Callable[[], tuple[Site, Header]]) -> None:
        self._book, self._store, self._serves, self._look = book, store, serves, look

    ACTIONS: Collection[str] = frozenset({
        protocol.NEXT, protocol.TAPS, protocol.REFUSALS, protocol.ENROL})

    async def handle(self, request: Request) -> Reply:
        """One of `ACTIONS`. Raises `msgspec.ValidationError`, TimeoutError and DeviceError."""
        match request.action:
            case protocol.NEXT:
                return await self._next(request)
            case protocol.TAPS:
                wanted = arguments(request, protocol.CardTaps)
                following, taps = await self._book.changes(wanted.after, wanted.within_s)
                return resulted(request, protocol.TapsSeen(next=following, taps=taps))
            case protocol.REFUSALS:
                return resulted(request, protocol.RefusedCards(taps=self._book.refusals()))
            case _:
                return await self._enrol(request)

    async def _next(self, request: Request) -> Reply:
        wanted = arguments(request, protocol.CardNext)
        if wanted.reader_id is not None and wanted.reader_id not in self._serves:
            return refused(request, f"reader_id: got {wanted.reader_id!r}, expected one of "
                                    f"{', '.join(self._serves) or 'none: there is no reader'}")
        try:
            shown = await self._book.next(wanted.reader_id, wanted.within_s)
        except TimeoutError:
            return refused(request, f"no card was shown within {wanted.within_s:g} s")
        return resulted(request, told(shown, self._allowed(shown)))

    def _allowed(self, shown: Shown) -> dict[str, str]:
        """What the core would say to it at each EVSE of its reader, were it to begin a session now."""
        site, at = self._look()
        evse_ids = self._serves.get(shown.tag.reader_id, ())
        if shown.record is None:
            return dict.fromkeys(evse_ids, "its number is random" if shown.random else "unknown here")
        if shown.unproven is not None:
            return dict.fromkeys(evse_ids, f"its proof failed: {shown.unproven}")
        turn = Turn(site, at)
        found = {evse_id: judge(turn, shown.record, shown.level, evse_id, shown.source)
                 for evse_id in evse_ids}
        return {evse_id: "" if no is None else no.log for evse_id, no in found.items()}

    async def _enrol(self, request: Request) -> Reply:
        wanted = arguments(request, protocol.CardEnrol)
        card = msgspec.json.decode(wanted.card, type=Card)
        try:
            uid = self._number(wanted)
        except UidError as error:
            return refused(request, f"uid: {error}")
        if uid is None:
            return refused(request, f"index: got {wanted.index}, expected one of `card.refusals`: a "
                                    "refused card is remembered for 15 minutes")
        try:
            done = await self._store.ask(lambda store: enrol(store, uid, card))
        except ValueError as error:
            if isinstance(error, DeviceError):
                raise
            return refused(request, str(error))
        return resulted(request, protocol.CardEnrolled(
            last4=done.record.token.last4, ref=done.record.token.ref, replaced=done.replaced))

    def _number(self, wanted: protocol.CardEnrol) -> bytes | None:
        if wanted.uid is not None:
            return parse_uid(wanted.uid)
        shown = None if wanted.index is None else self._book.refused_card(wanted.index)
        return None if shown is None else shown.uid
