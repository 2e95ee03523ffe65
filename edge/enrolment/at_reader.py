"""The reader that a technician's command works at: a running controller's, or one of its own.

Through the controller a card that is wanted here reaches nobody else; without one, the command runs the
reader process itself, with the site's own list.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from edge.controller.trouble import LineDown
from edge.enrolment.site import Here
from edge.enrolment.telling import told
from edge.link import card_protocol as protocol
from edge.link.client import LinkClient
from edge.link.knocking import CONNECT_S, listens
from edge.rfid.enrolling import enrol
from edge.rfid.store_port import StorePort, read_site_keys
from edge.rfid.supervisor import ReaderSupervisor
from edge.rfid.tap_flow import TapFlow
from edge.rfid.tokens.list_entry import Card
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.uid import parse_uid
from edge.rfid.wanted import SiteProofs
from edge.rfid.wire import TagSeen

SOCKET = "service.sock"
MORE_S = 5.0  # than the controller itself waits
OPEN_S = 15.0


class AtReader(Protocol):
    """Where cards are shown. `controlled`: by a controller, through which we go."""

    controlled: bool

    async def next(self, within_s: float) -> protocol.CardShown:
        """Raises TimeoutError or LinkRefused when none was shown, LinkError, DeviceError."""
        ...

    async def enrol(self, wanted: protocol.CardEnrol) -> protocol.CardEnrolled:
        """Raises LinkError, DeviceError, ValueError."""
        ...


class Through:
    """A running controller's reader."""

    controlled = True

    def __init__(self, client: LinkClient, reader_id: str | None) -> None:
        self.client, self._reader_id = client, reader_id

    async def next(self, within_s: float) -> protocol.CardShown:
        """See `AtReader`."""
        wanted = protocol.CardNext(reader_id=self._reader_id, within_s=min(
            within_s, protocol.MAX_WAIT_S))
        return await self.client.ask(protocol.NEXT, wanted, protocol.CardShown,
                                     timeout_s=wanted.within_s + MORE_S)

    async def enrol(self, wanted: protocol.CardEnrol) -> protocol.CardEnrolled:
        """See `AtReader`."""
        return await self.client.ask(protocol.ENROL, wanted, protocol.CardEnrolled)


class OwnReader:
    """A reader process of our own, and the site's list."""

    controlled = False

    def __init__(self, reader_id: str, path: str, here: Here, store: TokenLookup) -> None:
        """Raises ValueError for a path that cannot or must not be used, VaultError, OSError."""
        self._store = store
        self._tags: asyncio.Queue[TagSeen] = asyncio.Queue()
        self._lost: str | None = None
        self._looked = asyncio.Event()
        self._supervisor = ReaderSupervisor(
            reader_id, path, virtual=here.virtual, on_tag=self._tags.put_nowait, on_lost=self._on_lost,
            on_back=self._on_back, on_proof=lambda proof: self._flow.proof(proof))
        keys = read_site_keys(store.vault, here.proofs.uid_applications, here.proofs.uid_key_no)
        self._flow = TapFlow(
            self._supervisor, StorePort(store, keys, utc=_now, seal_unknown=lambda: False),
            lambda: SiteProofs(
                real_uid=keys.real_uid, day=_now()[2:10].replace("-", ""),
                authorities={name: bytes.fromhex(p) for name, p in here.proofs.authorities.items()}))

    async def open(self) -> None:
        """Raises LineDown where the reader does not answer."""
        await self._supervisor.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), OPEN_S)
        if self._lost is not None or not self._looked.is_set():
            raise LineDown("open the card reader", where=self._supervisor.reader_id,
                           got=self._lost or "no answer", expected="a reader that answers")

    async def close(self) -> None:
        """Gives it back."""
        await self._supervisor.stop()

    async def next(self, within_s: float) -> protocol.CardShown:
        """See `AtReader`."""
        async with asyncio.timeout(within_s):
            tag = await self._tags.get()
        return told(await self._flow.take(tag), {})

    async def enrol(self, wanted: protocol.CardEnrol) -> protocol.CardEnrolled:
        """See `AtReader`. What was refused by a controller is known to that alone."""
        if wanted.uid is None:
            raise ValueError("no controller runs: refused cards are not remembered")
        uid, card = parse_uid(wanted.uid), msgspec.json.decode(wanted.card, type=Card)
        done = await self._store.ask(lambda store: enrol(store, uid, card))
        return protocol.CardEnrolled(last4=done.record.token.last4, ref=done.record.token.ref,
                                     replaced=done.replaced)

    def _on_lost(self, error: str) -> None:
        self._lost = error
        self._looked.set()
        self._flow.lost()

    def _on_back(self) -> None:
        self._lost = None
        self._looked.set()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def at_reader(here: Here, reader_id: str | None, path: str | None,
                    say: Callable[[str], None] = lambda _: None) -> AsyncIterator[AtReader]:
    """The controller's where one runs, else `path`, or the site's only one (or `reader_id`).

    Raises ValueError, LinkError, DeviceError, OSError.
    """
    if listens(here.run / SOCKET):
        if reader_id is not None and here.readers and reader_id not in here.readers:
            raise ValueError(f"reader: got {reader_id}, expected one of {', '.join(here.readers)}")
        client = LinkClient(here.run / SOCKET)
        await client.connect(timeout_s=CONNECT_S)
        try:
            yield Through(client, reader_id)
        finally:
            await client.close()
        return
    name, where = _reader(here, reader_id, path)
    store = await TokenLookup.open(here.state)
    try:
        reader = OwnReader(name, where, here, store)
        try:
            await reader.open()
            say(f"No controller runs: reader {name} is ours meanwhile.")
            yield reader
        finally:
            await reader.close()
    finally:
        await store.close()


def _reader(here: Here, reader_id: str | None, path: str | None) -> tuple[str, str]:
    if path is not None:
        return reader_id or "reader", path
    if reader_id is None and len(here.readers) == 1:
        return next(iter(here.readers.items()))
    if reader_id in here.readers:
        return str(reader_id), here.readers[str(reader_id)]
    raise ValueError(f"reader: got {reader_id or 'none'}, expected --path, or --reader with one of "
                     f"{', '.join(here.readers) or 'none: the site has no reader'}")
