"""All about cards between core, store, readers and cloud, in one place for the wiring."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping

from edge.controller.effects import AskCloud, NoteRefusal, RememberCard, TellReader
from edge.controller.events import CostSeen, Event, Header, ListSeen
from edge.controller.idtoken import Source
from edge.controller.request import Request
from edge.controller.session import Session
from edge.controller.state import Site
from edge.controller.trouble import DeviceError
from edge.link import card_protocol as protocol
from edge.link.messages import Reply
from edge.rfid.store_port import SiteKeys, StorePort
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.store import ListHead
from edge.rfid.wanted import SiteProofs
from edge.station.card_desk import CardDesk
from edge.station.cloud_cards import CloudCards
from edge.station.reader_driver import ReaderDriver
from edge.station.station import Station
from edge.station.tap_book import TapBook

LOOK_S = 10.0  # between two looks at the list, and at what sessions with a quota of money cost

CardEffect = AskCloud | RememberCard | NoteRefusal | TellReader

log = logging.getLogger(__name__)


class Cards:
    """Belongs to one loop. `readers` are added when they are there."""

    def __init__(self, *, store: TokenLookup, book: TapBook, cloud: CloudCards, desk: CardDesk,
                 hand_in: Callable[[Event], None],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self._store, self.book, self.cloud, self._desk = store, book, cloud, desk
        self._hand_in, self._spawn = hand_in, spawn
        self.readers: Mapping[str, ReaderDriver] = {}
        self._kept: set[str] = set()
        self._seen: tuple[ListHead | None, str] = (None, "")

    def run(self, effect: CardEffect) -> None:
        """What the core says about a card. Returns at once."""
        match effect:
            case AskCloud():
                self.cloud.ask(effect)
            case RememberCard():
                self.cloud.remember(effect)
            case NoteRefusal():
                self.book.refused(effect)
            case TellReader():
                self.book.told(effect)
                if effect.reader_id in self.readers:
                    self.readers[effect.reader_id].tell(accepted=effect.accepted)

    def charges(self, session: Session) -> None:
        """The number of a card that no list knows was sealed for a moment: now a bill needs it."""
        ref = session.token.ref
        if session.source not in (Source.LIST, Source.OWN, Source.FREE_VEND) and ref not in self._kept:
            self._spawn(self._keep(ref))

    async def _keep(self, ref: str) -> None:
        try:
            await self._store.keep(ref)
            self._kept.add(ref)
        except DeviceError as error:
            log.error("token %s: its seal may be lost: %s", ref[:8], error)

    def takes(self, action: str) -> bool:
        """Whether `handle` answers it."""
        return action == protocol.ANSWER or action in CardDesk.ACTIONS

    async def handle(self, request: Request) -> Reply:
        """Raises `msgspec.ValidationError`, TimeoutError and DeviceError."""
        if request.action == protocol.ANSWER:
            return await self.cloud.answer(request)
        return await self._desk.handle(request)

    async def reservation(self, request: Request) -> Request:
        """As the core may see it: with references instead of numbers."""
        return await self.cloud.reservation(request)

    async def look_at_list(self) -> None:
        """Hands in `ListSeen` if it changed. A list that cannot be looked at is as it was."""
        try:
            head = await self._store.ask(lambda store: store.list_head(), LOOK_S)
            hurt = await self._store.hurt()
        except DeviceError as error:
            log.error("the list of cards: %s", error)
            return
        if (head, hurt) != self._seen:
            self._seen = head, hurt
            self._hand_in(ListSeen(version=head.version, tokens=head.tokens, hurt=hurt,
                                   confirmed_utc=head.confirmed_utc))

    async def watch_list(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look_at_list()


def make_cards(station: Station, store: TokenLookup, serves: Mapping[str, tuple[str, ...]],
               asks: Callable[[], bool], push: Callable[[str, object], None]) -> Cards:
    """`asks`: whether somebody is connected who can be asked; `push`: to sync."""
    book = TapBook(station.clock.mono_ns)
    evses = {evse.ordinal: evse.id for evse in station.site.plan.evses}
    cloud = CloudCards(store=StoreFacts(store), evses=evses, answers=asks, push=push,
                       hand_in=station.hand_in, spawn=station.spawn)
    desk = CardDesk(book, store, serves, lambda: (station.site, station.clock.header()))
    return Cards(store=store, book=book, cloud=cloud, desk=desk, hand_in=station.hand_in,
                 spawn=station.spawn)


class StoreFacts:
    """`edge.station.cloud_cards.CardFacts` on a store."""

    def __init__(self, store: TokenLookup) -> None:
        self._store = store
        self.unseal, self.remember = store.unseal, store.remember

    async def ref(self, token_type: str, value: bytes) -> str:
        """The reference that a number has at this site."""
        return self._store.vault.pepper.ref(token_type, value)


async def watch_costs(site: Callable[[], Site], at: Callable[[], Header],
                      cost: Callable[[Session, Header], str | None],
                      hand_in: Callable[[Event], None]) -> None:
    """What each running session costs so far whose account has a quota of money. For ever."""
    while True:
        await asyncio.sleep(LOOK_S)
        for outlet in site().outlets.values():
            session = outlet.session
            if session is None or all(quota.cost is None for quota in session.quotas):
                continue
            so_far = cost(session, at())
            if so_far is not None and so_far != session.cost:
                hand_in(CostSeen(evse_id=outlet.evse_id, cost=so_far,
                                 transaction_id=session.transaction_id))


def proofs_of(keys: SiteKeys, authorities: Mapping[str, str], site: Callable[[], Site],
              at: Callable[[], Header]) -> Callable[[], SiteProofs]:
    """What the site can prove cards with, at each tap. `authorities`: points in hex, by their ids."""
    points = {name: bytes.fromhex(point) for name, point in authorities.items()}

    def now() -> SiteProofs:
        header = at()
        day = header.utc[2:10].replace("-", "") if header.utc and header.clock_ok else None
        return SiteProofs(real_uid=keys.real_uid, authorities=points, day=day,
                          min_level=site().plan.cards.min_level)
    return now


def store_port(store: TokenLookup, keys: SiteKeys, site: Callable[[], Site],
               at: Callable[[], Header]) -> StorePort:
    """Where a tap looks a card up."""
    def utc() -> str | None:
        header = at()
        return header.utc if header.clock_ok else None

    def seal_unknown() -> bool:
        now = site()
        return now.plan.cards.unknown_offline or now.answers_cards

    return StorePort(store, keys, utc=utc, seal_unknown=seal_unknown)
