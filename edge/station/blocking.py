"""Blocking calls beside the loop, that may take for ever without anybody having to wait for them.

The loop's own pool of threads is joined when the process ends: a read that hangs in the kernel (a
1-Wire sensor, a flash card that dies) would keep a controller from ending. These threads do not.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from edge.controller.trouble import DeviceError
from edge.journal.errors import JournalError

T = TypeVar("T")


class BlockingCall(Generic[T]):
    """One call at a time, each in a thread of its own. Belongs to one loop."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        """`call` runs in a thread and touches nothing of the loop."""
        self._call, self._name = call, name
        self._under_way: asyncio.Future[T] | None = None

    async def result(self, timeout_s: float) -> T:
        """What the call returns, or the `DeviceError`, `JournalError` or `OSError` that it raises;
        `TimeoutError` while it takes longer: then the same call is waited for next time, and no second
        one is begun. Who asks while one is under way gets what that one returns.
        """
        if self._under_way is None:
            self._under_way = self._begin()
        mine = self._under_way
        done, _ = await asyncio.wait([mine], timeout=timeout_s)
        if not done:
            raise TimeoutError(f"{self._name}: no answer within {timeout_s:g} s")
        if self._under_way is mine:  # the first of those who waited for it
            self._under_way = None
        return mine.result()

    def _begin(self) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(how: Callable[[Any], None], value: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(lambda: None if future.done() else how(value))

        def work() -> None:
            try:
                value = self._call()
            except (DeviceError, JournalError, OSError) as error:
                settle(future.set_exception, error)
            else:
                settle(future.set_result, value)

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future
