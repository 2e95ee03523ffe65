"""A reader in a process of its own, a real store, and the cards of the virtual site's people."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

from fake_outlet import Tasks

from edge.controller.events import CardPresented, Event, ReaderBack
from edge.rfid.enrolling import enrol
from edge.rfid.store_port import StorePort, read_site_keys
from edge.rfid.tokens.list_entry import Card, Secret
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.secret import Protocol
from edge.rfid.tokens.store import TokenStore
from edge.rfid.wanted import SiteProofs
from edge.station.reader_driver import ReaderDriver
from edge.station.tap_book import TapBook
from hil_tests.virtual.field import CardField
from hil_tests.virtual.site_cards import (
    AUTHORITY_ID,
    AUTHORITY_POINT,
    DESFIRE_AID,
    META_KEY,
    NTAG424,
    SITE_CARDS,
    SITE_KEY,
    UID_KEY_NO,
    SiteCard,
)
from hil_tests.virtual.wallet import Wallet

NOW = "2026-11-22T10:00:00.000Z"
AWAY_S = 1.1  # a card counts as a new tap when it has been away for a second
GENEROUS_S = 30.0


def fill(store: TokenStore) -> None:
    """The people's cards onto the site's own list."""
    for card in SITE_CARDS:
        if card.listed:
            enrol(store, bytes.fromhex(card.uid), _entry(card))


def site_keys(folder: Path) -> None:
    """The keys that all cards of the site share, as an operator puts them there."""
    for name, key in (("uid-key", SITE_KEY), ("sun-meta-key", META_KEY)):
        (folder / name).write_bytes(bytes.fromhex(key))
        (folder / name).chmod(0o600)


def _entry(card: SiteCard) -> Card:
    secret = None
    if card.protocol in ("ev1", "ev2") and card.key is not None:
        secret = Secret(protocol=Protocol(card.protocol), key_no=card.key_no,
                        application=bytes.fromhex(card.application), keys=(bytes.fromhex(card.key),))
    elif card.protocol == "sun" and card.key is not None:
        secret = Secret(sun_key=bytes.fromhex(card.key))
    return Card(status="Blocked" if card.status == "Blocked" else "Accepted", contract=card.contract,
                group=card.group, role=card.role, level=card.level,  # type: ignore[arg-type]
                secret=secret)


class CardBench:
    """`taps` of the core's; whoever holds a card to the reader gets what the core heard."""

    def __init__(self, folder: Path, field: CardField, store: TokenLookup, tasks: Tasks) -> None:
        self.field, self.store, self.tasks = field, store, tasks
        self.wallet = Wallet({card.name: card.spec for card in SITE_CARDS})
        self.events: list[Event] = []
        self.book = TapBook(lambda: round(asyncio.get_running_loop().time() * 1e9))
        keys = read_site_keys(store.vault, (NTAG424, DESFIRE_AID), UID_KEY_NO)
        proofs = SiteProofs(real_uid=keys.real_uid, day="261122",
                            authorities={AUTHORITY_ID: bytes.fromhex(AUTHORITY_POINT)})
        port = StorePort(store, keys, utc=lambda: NOW, seal_unknown=lambda: True)
        self.driver = ReaderDriver(
            "front", f"udp:127.0.0.1:{field.port}", ("1",), virtual=True, tokens=port, book=self.book,
            proofs=lambda: proofs, hand_in=self._heard, spawn=self._spawn)
        self._news = asyncio.Event()
        self._away: set[str] = set()

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> object:
        return self.tasks.spawn(work)

    @property
    def taps(self) -> list[CardPresented]:
        return [event for event in self.events if isinstance(event, CardPresented)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(GENEROUS_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def tap(self, name: str, how: str = "well") -> CardPresented:
        """One tap of a card that has been away for long enough."""
        before, card = len(self.taps), self.wallet.card(name, how)
        number = next((one.uid for one in SITE_CARDS if one.name == name), name)
        if number in self._away:  # the same number, perhaps on a copy
            await asyncio.sleep(AWAY_S)
        self.field.present(card)
        await self.until(lambda: len(self.taps) > before)
        self.field.remove()
        self._away.add(number)
        return self.taps[-1]


@contextlib.asynccontextmanager
async def card_bench(folder: Path) -> AsyncIterator[CardBench]:
    """Ready: the reader has looked for cards."""
    field, tasks = CardField(), Tasks()
    await field.start()
    site_keys(folder)
    store = await TokenLookup.open(folder)
    await store.ask(fill)
    bench = CardBench(folder, field, store, tasks)
    try:
        await bench.driver.start()
        await bench.until(lambda: any(isinstance(event, ReaderBack) for event in bench.events))
        yield bench
    finally:
        await bench.driver.stop()
        await store.close()
        await field.stop()
    assert not tasks.failures
