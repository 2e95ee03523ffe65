"""Keeps rows in order and loses none: batches go to the journal; what fails is tried again.

The barrier of rule 3: `written()` is the future that a granting effect waits for. While a batch
cannot be written, nothing behind it is written either, so that no row can overtake its cause.
"""

import asyncio
import itertools
import logging
from typing import NamedTuple, Protocol

from edge.journal.errors import BadBatch, JournalError
from edge.journal.row import Batch, Row

RETRY_S = 1.0

log = logging.getLogger(__name__)


class JournalPort(Protocol):
    """The part of the journal that is written to."""

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]": ...

    def oldest_pending_ns(self) -> int | None: ...


class _Job(NamedTuple):
    """A batch in its place; sorts by `number`, which is unique."""

    number: int
    batch: Batch
    done: "asyncio.Future[None]"


class Scribe:
    """Belongs to one loop. `error`: why the last try failed, until one succeeds; else None."""

    def __init__(self, journal: JournalPort) -> None:
        self._journal = journal
        self._numbers = itertools.count()
        self._sent: dict[int, asyncio.Future[tuple[Row, ...]]] = {}  # by number, in order
        self._failed: list[_Job] = []
        self._waiting: list[_Job] = []
        self._held = False  # after a failure: nothing is sent until all of it is tried again
        self._last: asyncio.Future[None] | None = None
        self.error: str | None = None

    def write(self, batch: Batch) -> None:
        """Queue a batch; never blocks."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last = done
        self._pass_on(_Job(next(self._numbers), batch, done))

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

    def _pass_on(self, job: _Job) -> None:
        if self._held or self._fails():
            self._waiting.append(job)
            return
        future = self._sent[job.number] = self._journal.append(job.batch)
        if future.done():  # refused at once: nothing behind it may be taken
            self._note(future)
        future.add_done_callback(lambda future: self._ended(job, future))

    def _fails(self) -> bool:
        """Whether a batch has failed of which `_ended` was not told yet."""
        for future in self._sent.values():
            if not future.done():
                return False
            if not isinstance(future.exception(), BadBatch | None):
                return True
        return False

    def _note(self, future: "asyncio.Future[tuple[Row, ...]]") -> bool:
        """Whether it was written. `BadBatch` is raised: a defect of ours, not of the disk."""
        try:
            future.result()
        except BadBatch:
            raise  # trying again would block all that follow
        except JournalError as error:
            if self.error is None:
                log.error("journal: %s; trying again every %g s", error, RETRY_S)
            self.error, self._held = str(error), True
            return False
        if not self._held:
            self.error = None
        return True

    def _ended(self, job: _Job, future: "asyncio.Future[tuple[Row, ...]]") -> None:
        """Not always in order: what the journal refuses at once ends before what is under way."""
        del self._sent[job.number]
        if self._note(future):
            job.done.set_result(None)
        else:
            self._failed.append(job)
        if self._held and not self._sent:
            asyncio.get_running_loop().call_later(RETRY_S, self._again)

    def _again(self) -> None:
        """All that failed, in their order, and then what came after."""
        again = [*sorted(self._failed), *self._waiting]
        self._failed.clear()
        self._waiting.clear()
        self._held = False
        for job in again:
            self._pass_on(job)
