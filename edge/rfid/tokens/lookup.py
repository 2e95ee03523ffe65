"""The token store for the controller's loop: a thread of its own, so that no disk holds up a tick."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from edge.controller.idtoken import TokenRecord
from edge.controller.trouble import DeviceTimeout
from edge.rfid.tokens.aside import is_damage, set_aside, set_aside_files
from edge.rfid.tokens.database import Factory, StoreError
from edge.rfid.tokens.list_remains import clear_remains
from edge.rfid.tokens.schema import CARDS_FILE, TAPS_FILE
from edge.rfid.tokens.store import Stored, TokenStore
from edge.rfid.tokens.vault import Vault

T = TypeVar("T")
FILES = (CARDS_FILE, TAPS_FILE)
LOOK_UP_S = 0.3  # the card is let go half a second after it was held

log = logging.getLogger(__name__)


class TokenLookup:
    """`await TokenLookup.open(state_dir)`; every method raises as TokenStore's, and DeviceTimeout."""

    def __init__(self, state_dir: Path, credentials: Path | None, factory: Factory) -> None:
        self._state_dir, self._credentials, self._factory = state_dir, credentials, factory
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cards")
        self._store: TokenStore | None = None
        self._tidied = ""  # the day

    @classmethod
    async def open(cls, state_dir: Path, credentials: Path | None = None, *,
                   factory: Factory = sqlite3.Connection) -> "TokenLookup":
        """Opens secrets and store below `state_dir`; creates them when they are missing.

        `credentials`: the folder that systemd gave this service. Raises VaultError, StoreError,
        OSError.
        """
        lookup = cls(state_dir, credentials, factory)
        try:
            await lookup._in_thread(lookup._open, None)
        except BaseException:
            lookup._thread.shutdown(wait=False)
            raise
        return lookup

    @property
    def vault(self) -> Vault:
        """Read in the thread that opened it; what it reads later is the caller's to take elsewhere."""
        return self._opened().vault

    async def lookup(self, uid: bytes, *, utc: str | None = None, seal_unknown: bool = False,
                     within_s: float = LOOK_UP_S) -> Stored:
        """See TokenStore.lookup. Without an answer in time it is one with an `error`: whoever charges
        can still end it. A card that is seen for the first time waits for the disk to keep its seal,
        and is known without one when that takes longer.
        """
        store, clock = self._opened(), asyncio.get_running_loop().time
        until = clock() + within_s
        stored = Stored(token=store.token(uid))
        try:
            stored = await self._in_thread(
                lambda: store.look(uid, utc=utc, seal_unknown=seal_unknown), within_s)
            if stored.error or stored.token.sealed or (stored.record is None and not seal_unknown):
                return stored
            found = stored
            return await self._in_thread(
                lambda: store.seal(found, uid, seal_unknown=seal_unknown), until - clock())
        except DeviceTimeout as error:
            return replace(stored, error=str(error))
        finally:
            self._tidy(utc)

    async def fresh(self, ref: str, counter: int, *, within_s: float = LOOK_UP_S) -> bool:
        """See Taps.fresh. One that comes too late was noted perhaps, and is no proof."""
        return await self.ask(lambda store: store.taps.fresh(ref, counter), within_s)

    async def remember(self, record: TokenRecord, until_utc: str | None) -> None:
        """See Taps.remember; its seal is kept as well."""
        await self.ask(lambda store: store.taps.remember(record, until_utc))

    async def keep(self, ref: str) -> None:
        """See Taps.keep."""
        await self.ask(lambda store: store.taps.keep(ref))

    async def unseal(self, sealed: str, ref: str) -> bytes:
        """See TokenStore.unseal."""
        return await self.ask(lambda store: store.unseal(sealed, ref))

    async def ask(self, question: Callable[[TokenStore], T], within_s: float | None = None) -> T:
        """Anything else, in the store's thread. With `within_s` it raises DeviceTimeout after it."""
        store = self._opened()
        return await self._in_thread(lambda: question(store), within_s)

    async def clear_list(self) -> None:
        """Clears what an update of the list that was cut off has left, on a thread of its own."""
        try:
            await asyncio.to_thread(clear_remains, self._state_dir, self._opened().vault)
        except StoreError as error:  # nobody reads it; the next update tries again
            log.warning("%s", error)

    async def close(self) -> None:
        """Gives the files back."""
        store, self._store = self._store, None
        if store is not None:
            await self._in_thread(store.close, None)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        vault = Vault.load(self._state_dir, self._credentials)
        for _ in FILES:  # each of them may be damaged
            try:
                self._store = TokenStore.open(self._state_dir, vault, factory=self._factory)
                return
            except StoreError as error:
                if not is_damage(error):
                    raise
                kept = set_aside(Path(error.where), datetime.now(UTC))
                log.critical("%s; it is set aside as %s", error, kept.name)
        self._store = TokenStore.open(self._state_dir, vault, factory=self._factory)

    async def hurt(self) -> str:
        """What became of a damaged store, as long as no card has been entered anew; "" if nothing did.
        Raises StoreError, DeviceTimeout.
        """
        kept = await asyncio.to_thread(set_aside_files, self._state_dir)
        if not kept or await self.ask(TokenStore.knows_any, None):
            return ""
        return f"{CARDS_FILE} was damaged and is set aside as {kept[-1]}; no card is known"

    def _tidy(self, utc: str | None) -> None:
        """Once a day, behind a tap: what the cloud said and holds no more is kept no longer."""
        store = self._store
        if store is None or utc is None or utc[:10] == self._tidied:
            return
        self._tidied = utc[:10]

        def forget() -> None:
            try:
                store.taps.expire(utc)
            except StoreError as error:
                log.warning("%s", error)

        self._thread.submit(forget)

    def _opened(self) -> TokenStore:
        if self._store is None:
            raise RuntimeError("the token look-up is closed")
        return self._store

    async def _in_thread(self, work: Callable[[], T], within_s: float | None) -> T:
        """What has not begun by then is not begun any more."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError:
            raise DeviceTimeout("ask the token store", where=str(self._state_dir), expected="an answer",
                                got=f"nothing within {within_s or 0:.3g} s") from None
