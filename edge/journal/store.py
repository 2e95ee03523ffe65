"""The journal's file: synchronous, one connection, one thread at a time. Knows no asyncio.

A commit that fails (disk full, I/O) leaves the file as it was. After an I/O error the connection
is opened anew before the next write, since what the page cache holds is not to be trusted.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.errors import BadBatch, JournalDamaged, JournalError, JournalTooNew
from edge.journal.row import NO_ROW, Batch, Row, sealed

_POISON = (OverflowError, ValueError, sqlite3.ProgrammingError, sqlite3.InterfaceError,
           sqlite3.DataError, sqlite3.IntegrityError)

#: What reading a file ends in if its names are not those that were written.
STRANGE = (UnicodeDecodeError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream stands: last committed seq, its hash, last seq the cloud acknowledged."""

    seq: int
    hash: bytes
    acked: int


class Store:
    """An open journal. `epoch` names the file for ever, `boot` counts how often it was opened.

    `new`: the file began with this opening.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, busy_s: float) -> None:
        self._path = path
        self._busy_s = busy_s
        self._db: sqlite3.Connection | None = db
        self.epoch = ""
        self.boot = 0
        self.new = False
        self._closed = False
        self._heads: dict[Stream, Head] = {}
        self._acks_to_save: set[Stream] = set()
        """Acknowledgements are written with the next rows: one lost is only asked for again."""

    @classmethod
    def open(cls, path: Path, *, new_epoch: Callable[[], str], busy_s: float = 30.0) -> Self:
        """Open or create the journal at `path` and count the boot, durably.

        Raises `JournalDamaged` when the file is no whole journal, `JournalError` when it cannot be
        used. `new_epoch` gives 16 hex digits and is called for a new file only.
        """
        try:
            _create_private(path)
            db = schema.connect(path, busy_s=busy_s)
        except (*STRANGE, sqlite3.Error, OSError) as error:
            raise _unusable(error, path) from error
        store = cls(path, db, busy_s)
        try:
            store._start(db, new_epoch)
        except (*STRANGE, sqlite3.Error) as error:
            db.close()
            raise _unusable(error, path) from error
        except JournalError:
            db.close()
            raise
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
                self._save_heads(db, self._heads, self._acks_to_save)
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error
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
        db = self._connection()
        heads = dict(self._heads)
        try:
            db.execute("BEGIN IMMEDIATE")
            rows = [self._insert(db, batch, heads) for batch in batches]
            touched = {row.stream for group in rows for row in group} | self._acks_to_save
            self._save_heads(db, heads, touched)
            db.execute("COMMIT")
        except (*_POISON, sqlite3.Error) as error:
            self._undo(db, error)
            raise _translated(error, self._path) from error
        self._heads = heads
        self._acks_to_save.clear()
        return rows

    def read(self, stream: Stream, after: int, limit: int) -> tuple[Row, ...]:
        """Up to `limit` consecutive rows with seq > `after`, oldest first."""
        try:
            found = self._connection().execute(
                "SELECT seq, hash, type, utc, boot, mono_ns, clock_ok, data"
                f" FROM row_{stream.value} WHERE seq >= ? ORDER BY seq LIMIT ?",
                (after, limit + 1)).fetchall()
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error
        rows: list[Row] = []
        prev = NO_ROW
        for seq, hash_, type_, utc, boot, mono_ns, clock_ok, data in found:
            if seq > after and len(rows) < limit:
                rows.append(Row(epoch=self.epoch, stream=stream, seq=seq, type=type_, utc=utc,
                                boot=boot, mono_ns=mono_ns, clock_ok=bool(clock_ok), data=data,
                                prev=prev, hash=hash_))
            prev = hash_
        return tuple(rows)

    def acknowledge(self, epoch: str, stream: Stream, seq: int, hash_: bytes) -> None:
        """Move the watermark of `stream` up to `seq`; never down. `hash_` must be ours there."""
        if epoch != self.epoch:
            raise JournalError(f"acknowledged epoch {epoch!r}, this journal is {self.epoch}")
        head = self._heads[stream]
        if not 1 <= seq <= head.seq:
            raise JournalError(f"acknowledged {stream} {seq}, it holds 1 to {head.seq}")
        try:
            found = self._connection().execute(
                f"SELECT hash FROM row_{stream.value} WHERE seq = ?", (seq,)).fetchone()
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error
        if found is None or found[0] != hash_:
            raise JournalError(f"acknowledged {stream} {seq} with hash {hash_.hex()},"
                               f" ours is {found[0].hex() if found else 'not there'}")
        if seq > head.acked:
            self._heads[stream] = Head(head.seq, head.hash, seq)
            self._acks_to_save.add(stream)

    def sessions(self) -> dict[str, bytes]:
        """What the last batches asked to keep, by transaction id."""
        return self._pairs("SELECT transaction_id, body FROM session")

    def kept(self) -> dict[str, bytes]:
        """Everything else that was kept, by its key."""
        return self._pairs("SELECT key, body FROM kept")

    def _pairs(self, question: str) -> dict[str, bytes]:
        try:
            return dict(self._connection().execute(question).fetchall())
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error

    def clock_floor_utc(self) -> str | None:
        """The latest trusted time among the last rows: it cannot be earlier than that now."""
        try:
            known = [found[0] for stream in Stream for found in self._connection().execute(
                f"SELECT utc FROM row_{stream.value} WHERE clock_ok AND utc IS NOT NULL"
                " ORDER BY seq DESC LIMIT 1")]
        except sqlite3.Error as error:
            raise _translated(error, self._path) from error
        return max(filter(_is_time, known), default=None)

    def _start(self, db: sqlite3.Connection, new_epoch: Callable[[], str]) -> None:
        if not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            self._create(db, new_epoch())
            self.new = True
        result = [found[0] for found in db.execute("PRAGMA quick_check(5)")]
        if result != ["ok"]:
            raise JournalDamaged(f"{self._path}: {'; '.join(result)}")
        self._migrate(db)
        self.epoch, self.boot, self._heads = self._load(db)
        for look in schema.LOOKS:
            db.execute(look)
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE meta SET v = v + 1 WHERE k = 'boot'")
        db.execute("COMMIT")
        self.boot += 1

    def _create(self, db: sqlite3.Connection, epoch: str) -> None:
        if len(epoch) != 16 or int(epoch, 16) < 0:
            raise ValueError(f"an epoch is 16 hex digits, not {epoch!r}")
        db.execute("BEGIN IMMEDIATE")
        for statement in schema.DDL.split(";"):
            db.execute(statement)
        db.executemany("INSERT INTO meta VALUES(?, ?)",
                       [("schema", schema.VERSION), ("epoch", epoch), ("boot", 0)])
        db.executemany("INSERT INTO stream VALUES(?, 0, ?, 0)",
                       [(stream.value, NO_ROW) for stream in Stream])
        db.execute("COMMIT")
        _sync_folder(self._path.parent)

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Bring a file of an earlier version up to ours: rows and chains stay as they are."""
        (found,) = db.execute("SELECT v FROM meta WHERE k = 'schema'").fetchone() or (None,)
        while found in schema.MIGRATIONS:
            db.execute("BEGIN IMMEDIATE")
            for statement in schema.MIGRATIONS[found].split(";"):
                db.execute(statement)
            found += 1
            db.execute("UPDATE meta SET v = ? WHERE k = 'schema'", (found,))
            db.execute("COMMIT")

    def _load(self, db: sqlite3.Connection) -> tuple[str, int, dict[Stream, Head]]:
        meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
        found = meta.get("schema")
        if found != schema.VERSION:
            newer = isinstance(found, int) and found > schema.VERSION
            raise (JournalTooNew if newer else JournalDamaged)(
                f"{self._path}: schema {found}, expected {schema.VERSION}")
        names = {name for name, in db.execute("SELECT name FROM stream")}
        if names != set(Stream) or not isinstance(meta["boot"], int):
            raise JournalDamaged(f"{self._path}: streams {sorted(names)}, boot {meta['boot']!r}")
        heads = {Stream(name): Head(seq, hash_, acked) for name, seq, hash_, acked in
                 db.execute("SELECT name, head, head_hash, acked FROM stream")}
        for stream, head in heads.items():
            last = db.execute(f"SELECT seq, hash FROM row_{stream.value}"
                              " ORDER BY seq DESC LIMIT 1").fetchone()
            if last is not None and last != (head.seq, head.hash):
                raise JournalDamaged(f"{self._path}: {stream} ends at {last[0]}, its head is"
                                     f" {head.seq}, or their hashes differ")
        return meta["epoch"], meta["boot"], heads

    def _insert(self, db: sqlite3.Connection, batch: Batch,
                heads: dict[Stream, Head]) -> tuple[Row, ...]:
        rows = []
        for new in batch.rows:
            head = heads[new.stream]
            row = sealed(new, batch, epoch=self.epoch, boot=self.boot, seq=head.seq + 1,
                         prev=head.hash)
            db.execute(f"INSERT INTO row_{new.stream.value} VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                       (row.seq, row.type, row.utc, row.boot, row.mono_ns, row.clock_ok, row.data,
                        row.hash))
            heads[new.stream] = Head(row.seq, row.hash, head.acked)
            rows.append(row)
        for table, key, values in (("session", "transaction_id", batch.sessions),
                                   ("kept", "key", batch.kept)):
            for name, body in values.items():
                if body is None:
                    db.execute(f"DELETE FROM {table} WHERE {key} = ?", (name,))
                else:
                    db.execute(f"INSERT OR REPLACE INTO {table} VALUES(?, ?)", (name, body))
        return tuple(rows)

    @staticmethod
    def _save_heads(db: sqlite3.Connection, heads: dict[Stream, Head], which: set[Stream]) -> None:
        db.executemany("UPDATE stream SET head = ?, head_hash = ?, acked = ? WHERE name = ?",
                       [(heads[s].seq, heads[s].hash, heads[s].acked, s.value) for s in which])

    def _undo(self, db: sqlite3.Connection, error: Exception) -> None:
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the connection is given up below, and what it had begun with it
        else:
            if not _is_io_error(error):
                return
        self._db = None
        db.close()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise JournalError(f"{self._path} is closed")
        if self._db is None:
            try:
                self._db = self._reopened()
            except (sqlite3.Error, OSError) as error:
                raise _translated(error, self._path) from error
        return self._db

    def _reopened(self) -> sqlite3.Connection:
        if not self._path.exists():  # never begin a second journal in the middle of a boot
            raise JournalError(f"{self._path} is gone")
        db = schema.connect(self._path, busy_s=self._busy_s)
        try:
            epoch, boot, heads = self._load(db)
            if (epoch, boot) != (self.epoch, self.boot):
                raise JournalDamaged(f"{self._path} was replaced: epoch {epoch} boot {boot},"
                                     f" expected {self.epoch} boot {self.boot}")
        except (sqlite3.Error, JournalError):
            db.close()
            raise
        for stream in self._acks_to_save:
            heads[stream] = Head(heads[stream].seq, heads[stream].hash, self._heads[stream].acked)
        self._heads = heads
        return db


def _translated(error: Exception, path: Path) -> JournalError:
    text = f"{path}: {type(error).__name__}: {error}"
    if isinstance(error, _POISON):
        return BadBatch(text)
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return JournalDamaged(text)
    return JournalError(text)


def _is_time(utc: str) -> bool:
    try:
        return datetime.fromisoformat(utc).tzinfo is not None
    except ValueError:  # damaged: it would sort anywhere
        return False


def _unusable(error: Exception, path: Path) -> JournalError:
    """Of a file that is being opened: tables that are not there, or not ours, are damage too. SQLite's
    own check does not look at names.
    """
    if isinstance(error, STRANGE) or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return JournalDamaged(f"{path}: {type(error).__name__}: {error}")
    return _translated(error, path)


def _is_io_error(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
                                                sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _create_private(path: Path) -> None:
    """Rows name people's cards: nobody else reads the file. SQLite gives -wal the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
