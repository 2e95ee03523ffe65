"""The journal as the loop sees it: `append` returns at once, a thread waits for the disk.

Batches that arrive while a commit runs are committed together in the next one. Reads and
acknowledgements run on the same thread and connection, one at a time between commits.

    journal = await Journal.open(state_dir / "journal.db")
    rows = await journal.append(Batch(mono_ns=..., rows=(NewRow(...),)))   # durable now
"""

import asyncio
import logging
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import msgspec

from edge.controller.effects import Stream
from edge.journal.errors import (
    BadBatch,
    JournalAside,
    JournalDamaged,
    JournalError,
    JournalFull,
    JournalTooNew,
    NotTried,
)
from edge.journal.lock import OneOwner
from edge.journal.report import Report
from edge.journal.reserve import Reserve
from edge.journal.retention import SPARE_BYTES, KeepDays
from edge.journal.row import Batch, Head, Row
from edge.journal.stats import CommitStats, JournalStats, Latencies, StreamStats, WrittenBytes
from edge.journal.store import Store
from edge.journal.walk import Examined
from edge.journal.writer import Committed, Writer

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_READ_ROWS = 500
MAX_SEQ = 2**63 - 1  # of an INTEGER of SQLite
MAX_PENDING = 10_000
"""Batches that may wait for the disk. Beyond it `append` fails at once: memory is bounded too."""


class Journal:
    """The append-only log. Made by `open`; used from the one event loop that opened it."""

    def __init__(self, writer: Writer, store: Store, owner: OneOwner, reserve: Reserve,
                 sqlite_version: str, clock: Callable[[], int],
                 on_grown: Callable[[dict[str, int]], None] | None) -> None:
        self._writer = writer
        self._store = store
        self._owner = owner
        self._clock, self._lived_until_ns = clock, clock()
        self._loop = asyncio.get_running_loop()
        self._pending: deque[tuple[int, asyncio.Future[tuple[Row, ...]]]] = deque()
        self._heads = store.heads()
        self._closing = False
        self.epoch = store.epoch
        self.boot = store.boot
        self.new = store.new
        self.sqlite_version = sqlite_version
        self._name, self._reserve = store.path.name, reserve
        self._latencies, self._written = Latencies(), WrittenBytes(writer.thread_id)
        self._oldest_utc: dict[Stream, str | None] = dict.fromkeys(Stream)
        self.full = False
        """The last commit found no room on the disk."""
        self.on_full: Callable[[], None] = lambda: None
        self.on_put_back: Callable[[str], None] = lambda _why: None
        self._put_back = 0
        self.latency = CommitStats()
        self.on_grown = on_grown

    @classmethod
    async def open(cls, path: Path, *, on_grown: Callable[[dict[str, int]], None] | None = None,
                   new_epoch: Callable[[], str] = lambda: secrets.token_hex(8),
                   clock: Callable[[], int] = time.monotonic_ns, busy_s: float = 30.0,
                   factory: type[sqlite3.Connection] = sqlite3.Connection) -> "Journal":
        """Open or create the journal at `path` and count this boot.

        `on_grown` is called on the loop after rows were committed, with the last seq of each stream
        that grew. Raises `JournalInUse`, `JournalDamaged`, `JournalError` (unusable: permissions,
        disk full, ...). `busy_s`: how long a foreign lock on the file is waited for.
        `factory`: as of `sqlite3.connect`, for those who watch every statement.
        """
        try:
            owner = OneOwner(path)
        except OSError as error:
            raise JournalError(f"{path}: {error}") from error
        writer, reserve = Writer(f"journal {path.name}", asyncio.get_running_loop()), Reserve(path)

        def opened() -> tuple[Store, dict[Stream, str | None]]:
            try:
                store = Store.open(path, new_epoch=new_epoch, busy_s=busy_s, factory=factory)
            except (JournalAside, JournalDamaged, JournalTooNew):
                raise
            except JournalError:  # a full disk has many names while a file is opened
                if not reserve.release():
                    raise
                store = Store.open(path, new_epoch=new_epoch, busy_s=busy_s, factory=factory)
            return store, store.oldest_utc()

        try:
            store, oldest_utc = await asyncio.wrap_future(writer.call(opened))
        except BaseException:
            await asyncio.shield(writer.stop())
            owner.release()
            raise
        journal = cls(writer, store, owner, reserve, sqlite3.sqlite_version, clock, on_grown)
        journal._oldest_utc = oldest_utc
        writer.start_writing(store, journal._committed)
        return journal

    @property
    def alive(self) -> bool:
        """Whether the thread runs; a supervisor feeds its watchdog only then."""
        return self._writer.alive

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]":
        """Queue `batch`; the future holds its rows once they are on the disk. Never blocks.

        Futures resolve in the order of `append`. One fails with `JournalError` if its batch was not
        committed (then nothing of it was), and with it all that were appended before this was known:
        no row overtakes its cause, and whoever tries again does so in the old order. What is
        appended later is tried. `BadBatch` fails alone. Cancelling takes no batch back.
        """
        future: asyncio.Future[tuple[Row, ...]] = self._loop.create_future()
        if self._closing or len(self._pending) >= MAX_PENDING:
            future.set_exception(NotTried(
                "the journal is closed" if self._closing
                else f"{MAX_PENDING} batches wait for the disk already"))
            return future
        self._pending.append((self._clock(), future))
        self._writer.append(batch)
        return future

    def oldest_pending_ns(self) -> int | None:
        """When the oldest batch that is not committed yet was appended; `None`: there is none."""
        return self._pending[0][0] if self._pending else None

    def heads(self) -> dict[Stream, Head]:
        """Where each stream stands, as far as the loop was told."""
        return dict(self._heads)

    async def read(self, stream: Stream, after: int, limit: int = MAX_READ_ROWS) -> tuple[Row, ...]:
        """Consecutive rows with seq > `after`, oldest first, `limit` (1..500) at most."""
        if not (1 <= limit <= MAX_READ_ROWS and 0 <= after <= MAX_SEQ):
            raise JournalError(f"read after {after} limit {limit}: expected after 0 to {MAX_SEQ},"
                               f" limit 1 to {MAX_READ_ROWS}")
        return await self._ask(lambda: self._store.read(stream, after, limit))

    async def acked(self, epoch: str, stream: Stream, seq: int, hash_: bytes) -> None:
        """The cloud holds `stream` up to `seq`. Raises `JournalError` if that row is not ours.

        A lower seq than an earlier one is checked and changes nothing. Durable with the next rows.
        """
        acked = await self._ask(lambda: self._store.acknowledge(epoch, stream, seq, hash_))
        head = self._heads[stream]
        self._heads[stream] = msgspec.structs.replace(head, acked=max(head.acked, acked))

    async def forget(self, day: str, keep: KeepDays) -> int:
        """Delete one slice of rows that need not stay on the UTC day `day` ("2026-03-01"), which a
        trusted clock told; how many (0: there are no more). What was acknowledged counts from today
        at the latest, and the journal must have been open for as many days since. Raises
        `JournalDamaged` if one of them is not what its hash says: none goes.
        """
        lived_s = (self._clock() - self._lived_until_ns) // 1_000_000_000
        self._lived_until_ns += lived_s * 1_000_000_000

        def work() -> int:
            self._store.live(lived_s)
            self._store.note_day(day)
            return self._store.forget(day, keep)

        return await self._pruned(work)

    async def thin(self, at: Batch, because: str) -> int:
        """Delete one slice of telemetry, oldest first, if the file has less room within itself than
        `SPARE_BYTES`; how many rows (0: it has, or there are no more). What the cloud does not hold is
        told by a row of stream ev, stamped as `at`, in the same transaction. Raises as `forget`.
        """
        def work() -> int:
            if self._store.spare_bytes() >= SPARE_BYTES:
                return 0
            rows, gap = self._store.thin(at, because)
            if gap is not None:
                log.warning("journal: telemetry up to row %d given up: %s",
                            self._store.heads()[Stream.TM].tail, because)
            return rows

        return await self._pruned(work)

    async def hold_reserve(self) -> None:
        """Keep some room for when the disk is full, if there is any."""
        await self._ask(self._reserve.hold)

    async def relieve(self) -> None:
        """On a full disk: give the reserve back to it, and then what the log of writes takes."""
        def work() -> None:
            if self._reserve.release():
                log.warning("journal: the disk is full, the reserve is given up")
            if not self._store.fold_in():
                log.error("journal: the disk is full, the log of writes stays")

        await self._ask(work)

    async def _pruned(self, work: Callable[[], int]) -> int:
        def on_thread() -> tuple[int, dict[Stream, Head], dict[Stream, str | None]]:
            rows = work()
            return rows, self._store.heads(), self._store.oldest_utc()

        rows, heads, self._oldest_utc = await self._ask(on_thread)
        grown = {}
        for stream, head in heads.items():
            known = self._heads[stream]
            last = max(known, head, key=lambda h: h.seq)  # the loop may know of later commits
            self._heads[stream] = msgspec.structs.replace(
                known, seq=last.seq, hash=last.hash, tail=head.tail, tail_hash=head.tail_hash)
            if head.seq > known.seq:
                grown[stream.value] = head.seq
        if grown and self.on_grown is not None:
            self.on_grown(grown)
        return rows

    def pace(self) -> tuple[float, int] | None:
        """What a commit takes lately, in ms, and how many there were; None: too few to tell."""
        typical_ms = self._latencies.typical_ms()
        return None if typical_ms is None else (typical_ms, self.latency.commits)

    def stats(self) -> JournalStats:
        """As far as the loop was told; never waits for the disk."""
        return JournalStats(
            epoch=self.epoch, boot=self.boot, sqlite_version=self.sqlite_version,
            streams={stream: StreamStats(first_seq=head.tail + 1, last_seq=head.seq,
                                         acked_seq=head.acked, oldest_utc=self._oldest_utc[stream])
                     for stream, head in self._heads.items()},
            file_bytes=self._store.file_bytes, wal_bytes=self._store.log_bytes,
            reserve_held=self._reserve.held, commits=self.latency.commits, rows=self.latency.rows,
            failures=self.latency.failures, latency=self._latencies.stats(),
            written_bytes=self._written.total(), written_today_bytes=self._written.today(),
            day=self._written.day, full=self.full)

    async def sessions(self) -> dict[str, bytes]:
        """The sessions that are kept, by transaction id."""
        return await self._ask(self._store.sessions)

    async def kept(self) -> dict[str, bytes]:
        """Everything else that is kept across restarts, by its key."""
        return await self._ask(self._store.kept)

    async def examine(self, stream: Stream, after: int, limit: int) -> Examined:
        """Whether the rows after `after` are what was written, `limit` of them at most."""
        return await self._ask(lambda: self._store.examine(stream, after, limit))

    async def note_hurt(self, why: str) -> None:
        """Say in the file that it is damaged, so that the next start sets it aside."""
        await self._ask(lambda: self._store.note_hurt(why))

    async def untold(self) -> Report | None:
        """What became of a damaged journal before this one, until a row of stream ev tells it."""
        return await self._ask(self._store.untold)

    async def clock_floor_utc(self) -> str | None:
        """It cannot be earlier than this (ISO 8601 as recorded); `None`: nothing is known."""
        return await self._ask(self._store.clock_floor_utc)

    async def close(self, *, timeout_s: float = 10.0) -> None:
        """Write what waits, then close the file; `JournalError` if the disk takes longer."""
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer.stop(self._store.close)
        except TimeoutError:  # the thread still has the file, so the lock stays too
            raise JournalError(f"not closed within {timeout_s} s: the disk stands still") from None
        except JournalError:
            self._owner.release()
            raise
        self._owner.release()

    async def _ask(self, question: Callable[[], T]) -> T:
        if self._closing:
            raise JournalError("the journal is closed")
        answer: Future[T] = self._writer.call(question)
        return await asyncio.wrap_future(answer)

    def _committed(self, done: Committed) -> None:
        """On the loop: the first `len(done)` pending batches were written, or failed."""
        since_ns = self._pending[0][0]
        grown: dict[str, int] = {}
        for rows in done:
            _, future = self._pending.popleft()
            if isinstance(rows, JournalError):
                self._fail(future, rows)
                continue
            for row in rows:
                self._note(row)
                grown[row.stream.value] = row.seq
            self.latency.rows += len(rows)
            if not future.done():
                future.set_result(rows)
        self.latency.commits += 1
        self.latency.last_ms = (self._clock() - since_ns) / 1e6
        self.latency.max_ms = max(self.latency.max_ms, self.latency.last_ms)
        self._latencies.add(self.latency.last_ms)
        self.full = isinstance(done[-1], JournalFull) or self._store.cramped
        if self.full:
            self.on_full()
        if isinstance(done[-1], JournalError) and not isinstance(done[-1], BadBatch):
            self._fail_queued(done[-1])
        if grown and self.on_grown is not None:
            self.on_grown(grown)
        if self._store.put_back > self._put_back:
            self._put_back = self._store.put_back
            self.on_put_back(f"{self._name} was deleted or replaced while it was open; it was"
                             " written to its place again")

    def _note(self, row: Row) -> None:
        head = self._heads[row.stream]
        if row.seq > head.seq:
            self._heads[row.stream] = msgspec.structs.replace(head, seq=row.seq, hash=row.hash)
        if row.seq == head.tail + 1:
            self._oldest_utc[row.stream] = row.utc
        if row.clock_ok and row.utc is not None:
            self._written.note(row.utc[:10])

    def _fail_queued(self, why: JournalError) -> None:
        self._writer.forget()
        while self._pending:
            self._fail(self._pending.popleft()[1],
                       NotTried(f"not tried, since one before it failed: {why}"))

    def _fail(self, future: "asyncio.Future[tuple[Row, ...]]", error: JournalError) -> None:
        self.latency.failures += 1
        if not future.done():
            future.set_exception(error)
