"""The journal's file: synchronous, one connection, one thread at a time. Knows no asyncio.

A commit that fails (disk full, I/O) leaves the file as it was, or is found by the next try (see
`doubt.py`). After an I/O error the connection is opened anew before the next write, since what the
page cache holds is not to be trusted.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from edge.controller.effects import Stream
from edge.journal import checks, opening, pruning, rows, schema
from edge.journal.doubt import Doubt, write_again
from edge.journal.errors import JournalDamaged, JournalError, JournalFull
from edge.journal.files import size, wal_of
from edge.journal.place import Place, end_putting_back
from edge.journal.report import Report, untold
from edge.journal.retention import KeepDays, Lived
from edge.journal.row import Batch, Head, Row
from edge.journal.salvage import CLOCK_FLOOR, is_time
from edge.journal.sqlite_trouble import POISON, STRANGE, is_io_error, translated, unusable
from edge.journal.walk import Examined, examined

T = TypeVar("T")

CRAMPED_BYTES = schema.LOG_BYTES * 3 // 2
"""A log that is so long was not folded in when it should have been: no room, or somebody reads."""
NOTED_S = 300
"""What is lived through is noted so often at most."""


class Store:
    """An open journal. `epoch` names the file for ever, `boot` counts how often it was opened.

    `new`: the file began with this opening.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, busy_s: float) -> None:
        self._path = self.path = path
        self._busy_s, self._factory = busy_s, type(db)
        self._db: sqlite3.Connection | None = db
        self.epoch = ""
        self.boot = 0
        self.new = False
        self._closed = False
        self._heads: rows.Heads = {}
        self._doubt, self._in_doubt = Doubt(), False
        self._place = Place(path)
        self.put_back = 0  # how often its file had been taken away
        self.file_bytes = self.log_bytes = 0  # as of the last change
        self.cramped = False  # the log of writes could not be folded in, for want of room
        self._noted: tuple[str, dict[Stream, int]] = "", {}
        self._so_far: Lived | None = None
        self._lived_s = 0  # not noted yet
        self._acks_to_save: set[Stream] = set()
        """Acknowledgements are written with the next rows: one lost is only asked for again."""

    @classmethod
    def open(cls, path: Path, *, new_epoch: Callable[[], str], busy_s: float = 30.0,
             factory: type[sqlite3.Connection] = sqlite3.Connection) -> Self:
        """Open or create the journal at `path` and count the boot, durably.

        Raises `JournalDamaged` when the file is no whole journal, `JournalError` when it cannot be
        used. `new_epoch` gives 16 hex digits and is called for a new file only.
        """
        try:
            end_putting_back(path)
            checks.before_opening(path)
            opening.create_private(path)
            db = schema.connect(path, busy_s=busy_s, factory=factory)
        except (*STRANGE, sqlite3.Error, OSError) as error:
            raise unusable(error, path) from error
        store = cls(path, db, busy_s)
        try:
            found = opening.begin(db, path, new_epoch)
        except (*STRANGE, sqlite3.Error) as error:
            schema.close_unchanged(db, path)
            raise unusable(error, path) from error
        except JournalError:
            schema.close_unchanged(db, path)
            raise
        store.epoch, store.boot, store.new = found.epoch, found.boot, found.new
        store._heads = found.heads
        store._measure()
        return store

    def close(self) -> None:
        """Write outstanding acknowledgements and close. Safe to call twice."""
        db, self._db = self._db, None
        self._closed = True
        if db is None:
            return
        try:
            if self._acks_to_save:
                db.execute("BEGIN IMMEDIATE")
                rows.save_heads(db, self._heads, self._acks_to_save)
                db.execute("COMMIT")
        except sqlite3.Error:
            pass  # they are asked for again; a full disk must not make a failure of an orderly end
        finally:
            db.close()

    def heads(self) -> dict[Stream, Head]:
        """Every stream, as committed."""
        return dict(self._heads)

    def append(self, batches: Sequence[Batch]) -> list[tuple[Row, ...]]:
        """Commit all batches in one transaction; the rows of each. All or nothing.

        Raises `BadBatch` if one of them can never be written, else `JournalError`.
        """
        if all(batch.empty for batch in batches):
            return [() for _ in batches]
        db = self._for_writing()
        heads = dict(self._heads)
        written = self._doubt.already(batches)
        there = len(written)
        if there == len(batches):
            self._doubt.settled(there, wrote=False)
            return written
        try:
            db.execute("BEGIN IMMEDIATE")
            written += [rows.insert(db, batch, heads, epoch=self.epoch, boot=self.boot)
                        for batch in batches[there:]]
            touched = {row.stream for group in written for row in group} | self._acks_to_save
            rows.save_heads(db, heads, touched)
            db.execute("COMMIT")
        except (*POISON, sqlite3.Error) as error:
            if is_io_error(error):
                self._doubt.failed(batches[:len(written)], written)
            self._undo(db, error)
            raise translated(error, self._path) from error
        self._doubt.settled(there, wrote=True)
        self._heads = heads
        self._acks_to_save.clear()
        self._measure()
        self.cramped = self.log_bytes > CRAMPED_BYTES and self._no_room(db)
        return written

    def read(self, stream: Stream, after: int, limit: int) -> tuple[Row, ...]:
        """Up to `limit` consecutive rows that are held, with seq > `after`, oldest first."""
        try:
            return rows.read(self._connection(), self.epoch, stream, self._heads[stream].tail_hash,
                             after, limit)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def acknowledge(self, epoch: str, stream: Stream, seq: int, hash_: bytes) -> int:
        """Move the watermark of `stream` up to `seq`; never down. Where it stands then.

        `hash_` must be ours there. Of a row before the last that is no longer held nothing can be
        checked, and nothing moves.
        """
        if epoch != self.epoch:
            raise JournalError(f"acknowledged epoch {epoch!r}, this journal is {self.epoch}")
        head = self._heads[stream]
        if not 1 <= seq <= head.seq:
            raise JournalError(f"acknowledged {stream} {seq}, it holds 1 to {head.seq}")
        if seq < head.tail:
            return head.acked
        found = head.tail_hash if seq == head.tail else self._look(lambda db: rows.hash_of(
            db, stream, seq))
        if found != hash_:
            raise JournalError(f"acknowledged {stream} {seq} with hash {hash_.hex()},"
                               f" ours is {found.hex() if isinstance(found, bytes) else 'not there'}")
        if seq > head.acked:
            self._heads[stream] = msgspec.structs.replace(head, acked=seq)
            self._acks_to_save.add(stream)
        return self._heads[stream].acked

    def live(self, seconds: int) -> None:
        """So much time has passed, by a clock that is never set."""
        self._lived_s += seconds

    def note_day(self, day: str) -> None:
        """It is that UTC day ("2026-03-01"), as a trusted clock tells, and so much is acknowledged and
        was lived through. Writes only if there is something new.
        """
        seen = {s: head.acked for s, head in self._heads.items()}
        if self._noted != (day, seen) or self._lived_s >= NOTED_S:
            now = self._lived()
            self._so_far = self._change(lambda db, heads: pruning.note_day(db, heads, day, now))
            self._lived_s = 0
            self._noted = day, seen

    def _lived(self) -> Lived:
        if self._so_far is None:
            self._so_far = self._look(pruning.lived)
        return msgspec.structs.replace(self._so_far, s=self._so_far.s + self._lived_s)

    def forget(self, day: str, keep: KeepDays) -> int:
        """Delete one slice of rows that need not stay on `day`; how many (0: there are no more).

        Raises `JournalDamaged` if one of them is not what its hash says: then none goes.
        """
        now = self._lived()
        return self._change(lambda db, heads: pruning.forget(db, self.epoch, heads, day, keep, now))

    def thin(self, at: Batch, because: str) -> tuple[int, Row | None]:
        """Delete one slice of telemetry for room, oldest first; how many rows that were, and the row
        of stream ev, stamped as `at`, that says so if the cloud does not hold them. Raises as `forget`.
        """
        return self._change(
            lambda db, heads: pruning.thin(db, self.epoch, self.boot, heads, at, because))

    def fold_in(self) -> bool:
        """Move SQLite's log of writes into the file and give its room back to the disk; whether there
        was room for that. Until then the log cannot begin anew, and grows with every commit.
        """
        try:
            busy, _, _ = self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            if isinstance(found := translated(error, self._path), JournalFull):
                return False
            raise found from error
        self._measure()
        return not busy

    def _measure(self) -> None:
        """Commits say nothing of a log that could not be folded in: they only make it longer."""
        self.file_bytes, self.log_bytes = size(self._path), size(wal_of(self._path))

    @staticmethod
    def _no_room(db: sqlite3.Connection) -> bool:
        """Whether the file cannot grow by what is in the log. Waits for no reader, and never raises:
        what was committed is committed.
        """
        try:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return False

    def spare_bytes(self) -> int:
        """How much can be written without the file growing."""
        return self._look(pruning.spare_bytes)

    def oldest_utc(self) -> dict[Stream, str | None]:
        """When the oldest row of each stream was written, as it says."""
        return self._look(lambda db: {s: pruning.oldest_utc(db, s) for s in Stream})

    def _look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._connection())
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def _change(self, work: Callable[[sqlite3.Connection, rows.Heads], T]) -> T:
        """One transaction of our own; all or nothing."""
        db, heads = self._for_writing(), dict(self._heads)
        try:
            db.execute("BEGIN IMMEDIATE")
            done = work(db, heads)
            db.execute("COMMIT")
        except (*POISON, sqlite3.Error, JournalDamaged) as error:
            self._undo(db, error)
            if isinstance(error, JournalDamaged):
                with contextlib.suppress(JournalError):
                    self.note_hurt(str(error))
                raise JournalDamaged(f"{self._path}: {error}") from None
            raise translated(error, self._path) from error
        self._heads = heads
        self._measure()
        return done

    def examine(self, stream: Stream, after: int, limit: int) -> Examined:
        """Whether rows after `after` are what was written. Damaged pages are damage, too."""
        try:
            return examined(stream, after, self.read(stream, after, limit), self._heads)
        except JournalDamaged as error:
            return Examined(last=after, damage=str(error))

    def note_hurt(self, why: str) -> None:
        """Damage was found while it was in use: the next start sets the file aside."""
        try:
            self._connection().execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (checks.HURT, why))
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def sessions(self) -> dict[str, bytes]:
        """What the last batches asked to keep, by transaction id."""
        return self._pairs("SELECT transaction_id, body FROM session")

    def kept(self) -> dict[str, bytes]:
        """Everything else that was kept, by its key."""
        return self._pairs("SELECT key, body FROM kept")

    def _pairs(self, question: str) -> dict[str, bytes]:
        return dict(self._look(lambda db: db.execute(question).fetchall()))

    def untold(self) -> Report | None:
        """What became of the journal before this one, until a row tells it."""
        return self._look(lambda db: untold(db, self._heads))

    def clock_floor_utc(self) -> str | None:
        """The latest trusted time among the last rows, and of a damaged journal before this one: it
        cannot be earlier than that now.
        """
        floor, heads = self.kept().get(CLOCK_FLOOR, b"").decode(), self._heads.items()
        # It is noted every day: where no clock was trusted for a week, not all of its rows are read.
        known = self._look(lambda db: [utc for stream, head in heads for utc in rows.last_utc(
            db, stream, head.seq - checks.NEWEST_ROWS if is_time(floor) else head.tail)])
        return max(filter(is_time, [floor, *known]), default=None)

    def _undo(self, db: sqlite3.Connection, error: Exception) -> None:
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the connection is given up below, and what it had begun with it
        else:
            if not is_io_error(error):
                return
        self._db = None
        db.close()

    def _in_its_place(self) -> sqlite3.Connection:
        """The connection, to the file that has the journal's name, so that the next start finds it."""
        db = self._connection()
        try:
            if not self._place.lost():
                return db
            self._place.put_back(db)
            self.put_back += 1
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self._path) from error
        self._db = None
        return self._connection()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise JournalError(f"{self._path} is closed")
        if self._db is None:
            try:
                self._db = self._reopened()
                self._place = Place(self._path)
            except (*STRANGE, sqlite3.Error, OSError) as error:
                raise unusable(error, self._path) from error
        return self._db

    def _for_writing(self) -> sqlite3.Connection:
        """Reading needs no disk that takes anything; what was read in doubt is written again first."""
        db = self._in_its_place()
        if self._in_doubt:
            try:
                write_again(db)
            except sqlite3.Error as error:
                self._undo(db, error)
                raise translated(error, self._path) from error
            self._doubt.look(self._heads)
            self._in_doubt = False
        return db

    def _reopened(self) -> sqlite3.Connection:
        if not self._path.exists():  # never begin a second journal in the middle of a boot
            raise JournalError(f"{self._path} is gone")
        db = schema.connect(self._path, busy_s=self._busy_s, factory=self._factory)
        try:
            found = opening.load(db, self._path)
            if (found.epoch, found.boot) != (self.epoch, self.boot):
                raise JournalDamaged(
                    f"{self._path} was replaced: epoch {found.epoch} boot {found.boot},"
                    f" expected {self.epoch} boot {self.boot}")
        except (*STRANGE, sqlite3.Error, JournalError):
            db.close()
            raise
        for stream in self._acks_to_save:
            found.heads[stream] = msgspec.structs.replace(
                found.heads[stream], acked=self._heads[stream].acked)
        self._heads = found.heads
        self._in_doubt = True
        return db
