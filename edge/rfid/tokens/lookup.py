"""The token store for the controller's loop: a thread of its own, so that no disk holds up a tick."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.rfid.tokens.pepper import load_or_create_pepper
from edge.rfid.tokens.store import FILE_NAME, TokenStore

T = TypeVar("T")


class TokenLookup:
    """`await TokenLookup.open(state_dir)`, `lookup`, `unseal`, `close`; raises as TokenStore does."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cards")
        self._store: TokenStore | None = None

    @classmethod
    async def open(cls, state_dir: Path) -> "TokenLookup":
        """Opens pepper and store below `state_dir`; creates both when they are missing.

        Raises PepperError, StoreError, OSError.
        """
        lookup = cls(state_dir)
        try:
            await lookup._in_thread(lookup._open)
        except BaseException:
            lookup._thread.shutdown(wait=False)
            raise
        return lookup

    async def lookup(self, uid: bytes, *,
                     level: Level = Level.UID) -> tuple[IdToken, TokenRecord | None]:
        """See TokenStore.lookup."""
        return await self._in_thread(lambda: self._opened().lookup(uid, level=level))

    async def unseal(self, sealed: str, ref: str) -> bytes:
        """See TokenStore.unseal."""
        return await self._in_thread(lambda: self._opened().unseal(sealed, ref))

    async def close(self) -> None:
        """Gives the file back and ends the thread."""
        store, self._store = self._store, None
        if store is not None:
            await self._in_thread(store.close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        pepper = load_or_create_pepper(self._state_dir)
        self._store = TokenStore.open(self._state_dir / FILE_NAME, pepper)

    def _opened(self) -> TokenStore:
        if self._store is None:
            raise RuntimeError("the token look-up is closed")
        return self._store

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
