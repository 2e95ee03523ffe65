"""The operator's list in `cards.db`: a writer's connection of its own, beside whoever looks cards up.

No transaction but that of a differential list takes longer than a few milliseconds. Readers are held up
by none: the file has a write-ahead log. One writer at a time, by a lock on a file beside it.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.rfid.tokens import database
from edge.rfid.tokens.database import Factory, StoreError, transaction, wall
from edge.rfid.tokens.list_file import Manifest
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.schema import CARDS_VERSION, list_table
from edge.rfid.tokens.store import ListHead

Row = tuple[bytes, bytes, bytes | None]  # ref, record, private
LOCK_FILE = "list.lock"
_BUSY_S = 5.0
_AIM_S = 0.005  # of one transaction
_FEWEST, _MOST = 100, 2000  # rows in one
_PAUSE_S = 0.001
_CACHE_KIB = 16_384


class ListBusy(StoreError):
    """Another process is applying a list."""


class ListStore:
    """`with ListStore.open(path, pepper)`: of a `cards.db` that TokenStore has opened once."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: int) -> None:
        self._db, self._path, self._lock = connection, path, lock
        self._rows = 500

    @classmethod
    def open(cls, path: Path, pepper: Pepper, *,
             factory: Factory = sqlite3.Connection) -> "ListStore":
        """Raises ListBusy when another process has it, StoreError."""
        with wall("open the list", path):
            lock = os.open(path.with_name(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _take(lock, path)
                db = database.connect(path, factory=factory, busy_s=_BUSY_S)
            except BaseException:
                os.close(lock)
                raise
        store = cls(db, path, lock)
        try:
            with wall("open the list", path):
                found = database.refuse_strange(db, path, version=CARDS_VERSION, check=pepper.check())
                if found != CARDS_VERSION:
                    raise StoreError("open the list", where=str(path), got=f"version {found}",
                                     expected="a store that is up to date")
                db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> "ListStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives file and lock back."""
        self._db.close()
        os.close(self._lock)

    def head(self) -> ListHead:
        """Which list holds."""
        with wall("read the list's head", self._path):
            row = self._db.execute("SELECT generation, version, hash, tokens, issued_utc, "
                                   "confirmed_utc FROM list_head").fetchone()
        return ListHead(generation=row[0], version=row[1], hash=row[2], tokens=row[3],
                        issued_utc=row[4], confirmed_utc=row[5])

    def clear(self, generation: int) -> Iterator[int]:
        """Empties the table of a generation that does not hold, a slice at a time; yields the rows."""
        table = list_table(generation)
        while True:
            with self._slice("clear an old list"):
                found = self._db.execute(
                    f"DELETE FROM {table} WHERE ref IN (SELECT ref FROM {table} ORDER BY ref LIMIT ?)",
                    (self._rows,)).rowcount
            if not found:
                return
            yield found

    def add(self, generation: int, rows: Sequence[Row]) -> Iterator[int]:
        """Writes rows of a draft, in the order of their refs, a slice at a time."""
        first = 0
        while first < len(rows):
            some = rows[first:first + self._rows]
            with self._slice("write the list"):
                self._db.executemany(f"INSERT INTO {list_table(generation)} VALUES (?, ?, ?)", some)
            first += len(some)
            yield len(some)

    def count(self, generation: int) -> int:
        """Rows of a generation."""
        with wall("count the list", self._path):
            return int(self._db.execute(f"SELECT count(*) FROM {list_table(generation)}").fetchone()[0])

    def switch(self, generation: int, manifest: Manifest, hashed: bytes, message: bytes) -> None:
        """Makes a written generation the list, by one durable transaction."""
        self._durable()
        with wall("switch to the list", self._path), transaction(self._db):
            self._set_head(generation, manifest.entries, manifest, hashed, message)

    def change(self, manifest: Manifest, hashed: bytes, message: bytes,
               rows: Sequence[Row], gone: Sequence[bytes]) -> int:
        """Applies a differential list in one durable transaction; returns how many tokens there are."""
        self._durable()
        with wall("change the list", self._path), transaction(self._db):
            head = self.head()
            table = list_table(head.generation)
            tokens = head.tokens
            tokens -= self._db.executemany(f"DELETE FROM {table} WHERE ref = ?",
                                           [(ref,) for ref in gone]).rowcount if gone else 0
            if rows:
                self._db.executemany(f"UPDATE {table} SET record = ?2, private = ?3 WHERE ref = ?1",
                                     rows)
                tokens += self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)",
                                               rows).rowcount
            self._set_head(head.generation, tokens, manifest, hashed, message)
        return tokens

    def settle(self) -> None:
        """Brings the log into the file and makes it short. As far as others let it: nothing waits."""
        with wall("settle the list", self._path):
            self._db.execute("PRAGMA busy_timeout = 0")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _set_head(self, generation: int, tokens: int, manifest: Manifest, hashed: bytes,
                  message: bytes) -> None:
        self._db.execute(
            "UPDATE list_head SET generation = ?, version = ?, hash = ?, tokens = ?, issued_utc = ?, "
            "confirmed_utc = ?, manifest = ?",
            (generation, manifest.version, hashed, tokens, manifest.issued_utc, manifest.issued_utc,
             message))

    def _durable(self) -> None:
        with wall("write the list", self._path):
            self._db.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _slice(self, what: str) -> Iterator[None]:
        """A short transaction that need not last, and a pause for others. Learns its size."""
        with wall(what, self._path):
            self._db.execute("PRAGMA synchronous = NORMAL")  # a draft may get lost, not torn
            began = time.monotonic()
            with transaction(self._db):
                yield
        took = time.monotonic() - began
        self._rows = max(_FEWEST, min(_MOST, self._rows * 5 // 4 if took < _AIM_S else self._rows // 2))
        time.sleep(_PAUSE_S)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ListBusy("open the list", where=str(path), got="another process that applies a list",
                       expected="one at a time") from None
