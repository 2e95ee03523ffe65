"""Keeps rows in order and loses none: batches go to the journal; what fails is tried again.

The barrier of rule 3: `written()` is the future that a granting effect waits for. While a batch
cannot be written, nothing behind it is written either, so that no row can overtake its cause.

Memory while the disk takes nothing: telemetry is given up, all of it where the disk is full, else the
oldest beyond an hour; one row says so once something was written again. What is only kept (sessions,
tallies) takes the place of what was to be kept before. Rows of tx and ev are never given up: without
the journal no session begins, so they end with those that run, at a row a minute each.
"""

import asyncio
import itertools
import logging
from typing import NamedTuple, Protocol

import msgspec

from edge.controller.effects import Stream
from edge.controller.records import EV_GAP, Gap, raw
from edge.journal.errors import BadBatch, JournalError, JournalFull, NotTried
from edge.journal.row import Batch, NewRow, Row

RETRY_S = 1.0
MOST_TELEMETRY = 360
"""Rows of telemetry that wait at most: an hour of them."""

log = logging.getLogger(__name__)


class JournalPort(Protocol):
    """The part of the journal that is written to."""

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]": ...

    def oldest_pending_ns(self) -> int | None: ...


class _Job(NamedTuple):
    """A batch in its place; sorts by `number`, which is unique.

    `fixed`: a commit of it failed and may be in the file all the same (`edge/journal/doubt.py`), which
    is told by the batch: it must be tried again as it is.
    """

    number: int
    batch: Batch
    done: "tuple[asyncio.Future[None], ...]"
    fixed: bool = False


class _Dropped:
    """Telemetry that was given up since the last row that says so."""

    def __init__(self) -> None:
        self.rows = 0
        self._because = ""
        self._utc: list[str] = []  # of the oldest, and of the newest

    def add(self, batch: Batch, rows: int, because: str) -> None:
        self.rows, self._because = self.rows + rows, because
        if batch.utc is not None:
            self._utc = [*self._utc[:1], batch.utc]

    def gap(self, stamp: Batch) -> Batch:
        """The row that says so, written when and as `stamp` says."""
        gap = Gap(stream=Stream.TM.value, rows=self.rows, because=self._because,
                  from_utc=self._utc[0] if self._utc else None,
                  to_utc=self._utc[-1] if self._utc else None)
        return msgspec.structs.replace(stamp, sessions={}, kept={}, rows=(
            NewRow(stream=Stream.EV, type=EV_GAP, data=bytes(raw(gap))),))


class Scribe:
    """Belongs to one loop. `error`: why the last try failed, until one succeeds; else None."""

    def __init__(self, journal: JournalPort) -> None:
        self._journal = journal
        self._numbers = itertools.count()
        self._sent: dict[int, asyncio.Future[tuple[Row, ...]]] = {}  # by number, in order
        self._failed: list[_Job] = []
        self._waiting: list[_Job] = []
        self._held = False  # after a failure: nothing is sent until all of it is tried again
        self._full = False  # and that was for want of room
        self._dropped = _Dropped()
        self._newest: Batch | None = None
        self._last: asyncio.Future[None] | None = None
        self.error: str | None = None

    def write(self, batch: Batch) -> None:
        """Queue a batch; never blocks."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last, self._newest = done, batch
        self._pass_on(_Job(next(self._numbers), batch, (done,)))

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
            self._wait(job)
            return
        future = self._sent[job.number] = self._journal.append(job.batch)
        if future.done():  # refused at once: nothing behind it may be taken
            self._note(future)
        future.add_done_callback(lambda future: self._ended(job, future))

    def _wait(self, job: _Job) -> None:
        """Behind all that wait."""
        _join(self._waiting, job)
        if _telemetry(job.batch):
            self._thin()

    def _thin(self) -> None:
        """Give up telemetry that waits, as much as there must be; all else stays, in its order."""
        jobs = sorted([*self._failed, *self._waiting])
        over = sum(_telemetry(job.batch) for job in jobs) - (0 if self._full else MOST_TELEMETRY)
        self._failed.clear()
        self._waiting.clear()
        for job in jobs:
            if over > 0 and not job.fixed and (rows := _telemetry(job.batch)):
                over -= rows
                self._dropped.add(job.batch, rows, "disk full" if self._full else "not written")
                job = job._replace(batch=msgspec.structs.replace(job.batch, rows=tuple(
                    row for row in job.batch.rows if row.stream is not Stream.TM)))
            _join(self._failed, job)

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
            self._held = True
            if self.error is None or not isinstance(error, NotTried):  # what is to be told is the cause
                self.error, self._full = str(error), isinstance(error, JournalFull)
            return False
        if not self._held:
            self.error, self._full = None, False
        return True

    def _ended(self, job: _Job, future: "asyncio.Future[tuple[Row, ...]]") -> None:
        """Not always in order: what the journal refuses at once ends before what is under way."""
        del self._sent[job.number]
        if self._note(future):
            for done in job.done:
                done.set_result(None)
            self._tell_dropped()
        else:
            tried = not isinstance(future.exception(), JournalFull | NotTried)
            self._failed.append(job._replace(fixed=job.fixed or tried))
        if self._held and not self._sent:
            self._thin()
            asyncio.get_running_loop().call_later(RETRY_S, self._again)

    def _tell_dropped(self) -> None:
        if self._dropped.rows and not self._held and self._newest is not None:
            gap, self._dropped = self._dropped.gap(self._newest), _Dropped()
            self.write(gap)

    def _again(self) -> None:
        """All that failed, in their order, and then what came after."""
        again = [*sorted(self._failed), *self._waiting]
        self._failed.clear()
        self._waiting.clear()
        self._held = False
        for job in again:
            self._pass_on(job)


def _join(jobs: list[_Job], job: _Job) -> None:
    """Behind them. What has no rows becomes part of the one before: it says how things are then."""
    if not jobs or job.batch.rows or job.fixed or jobs[-1].fixed:
        jobs.append(job)
        return
    before = jobs.pop()
    jobs.append(_Job(before.number, msgspec.structs.replace(
        before.batch, sessions={**before.batch.sessions, **job.batch.sessions},
        kept={**before.batch.kept, **job.batch.kept}), before.done + job.done))


def _telemetry(batch: Batch) -> int:
    """How many rows of it may be given up."""
    return sum(row.stream is Stream.TM for row in batch.rows)
