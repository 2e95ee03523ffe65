"""Keeps rows in order and loses none: batches go to the journal; what fails is tried again.

The barrier of rule 3: `written()` is the future that a granting effect waits for. While a batch
cannot be written, nothing behind it is written either, so that no row can overtake its cause.
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from edge.journal.errors import BadBatch, JournalError
from edge.journal.row import Batch, Row

RETRY_S = 1.0

log = logging.getLogger(__name__)


class JournalPort(Protocol):
    """The part of the journal that is written to."""

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]": ...

    def oldest_pending_ns(self) -> int | None: ...


class Scribe:
    """Belongs to one loop. `error` says why nothing can be written now, or None."""

    def __init__(self, journal: JournalPort) -> None:
        self._journal = journal
        self._sent: deque[tuple[Batch, asyncio.Future[None]]] = deque()
        self._failed: deque[tuple[Batch, asyncio.Future[None]]] = deque()
        self._waiting: deque[tuple[Batch, asyncio.Future[None]]] = deque()
        self._last: asyncio.Future[None] | None = None
        self.error: str | None = None

    def write(self, batch: Batch) -> None:
        """Queue a batch; never blocks."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last = done
        if self.error is None:
            self._send(batch, done)
        else:
            self._waiting.append((batch, done))

    def written(self) -> "asyncio.Future[None] | None":
        """Done when everything written so far is on the disk; None: it is already."""
        return None if self._last is None or self._last.done() else self._last

    def stalled_since_ns(self) -> int | None:
        """When the oldest batch that is still not on the disk was handed to the journal."""
        return self._journal.oldest_pending_ns()

    async def flush(self) -> None:
        """Wait for everything (at an orderly end)."""
        while (last := self.written()) is not None:
            await last

    def _send(self, batch: Batch, done: "asyncio.Future[None]") -> None:
        self._sent.append((batch, done))
        self._journal.append(batch).add_done_callback(self._ended)

    def _ended(self, future: "asyncio.Future[tuple[Row, ...]]") -> None:
        """The journal answers in the order of `append`."""
        batch, done = self._sent.popleft()
        try:
            future.result()
        except BadBatch:
            raise  # a defect of ours, not of the disk: trying again would block all that follow
        except JournalError as error:
            if self.error is None:
                log.error("journal: %s; trying again every %g s", error, RETRY_S)
            self.error = str(error)
            self._failed.append((batch, done))
        else:
            done.set_result(None)
        if self.error is not None and not self._sent:
            asyncio.get_running_loop().call_later(RETRY_S, self._again)

    def _again(self) -> None:
        """All that failed, in their order, and then what came after."""
        again = [*self._failed, *self._waiting]
        self._failed.clear()
        self._waiting.clear()
        self.error = None
        for batch, done in again:
            self._send(batch, done)
