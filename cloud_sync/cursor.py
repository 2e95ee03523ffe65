"""Where each stream stood, kept in `sync.db` across restarts of sync.

What is lost here is not lost: the controller knows what it was told, and the ingest answers again.
So a write costs no flush (`synchronous=NORMAL`), which spares the card.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from edge.controller.struct import Value

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor(
  epoch TEXT NOT NULL, stream TEXT NOT NULL, acked INTEGER NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY(epoch, stream)) WITHOUT ROWID
"""

_UPSERT = """
INSERT INTO cursor(epoch, stream, acked, hash) VALUES(?, ?, ?, ?)
ON CONFLICT(epoch, stream) DO UPDATE SET acked = excluded.acked, hash = excluded.hash
WHERE excluded.acked > cursor.acked
"""


class Position(Value):
    """The last acknowledged row of a stream and its hash (64 hex digits)."""

    seq: int
    hash: str


class CursorStore:
    """The file `sync.db`; one connection, used by one thread.

    A file that is damaged is renamed aside (`.damaged`) and begun anew. Raises OSError when there can
    be no file at that path.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, unreadable, full: not damaged
                raise OSError(f"{path}: {error}") from error
            path.replace(path.with_name(path.name + ".damaged"))
            for companion in ("-wal", "-shm"):
                path.with_name(path.name + companion).unlink(missing_ok=True)
            self._db = _open(path)

    def load(self, epoch: str) -> dict[str, Position]:
        """Each stream's position in `epoch`; streams without one are missing."""
        rows = self._db.execute("SELECT stream, acked, hash FROM cursor WHERE epoch = ?", (epoch,))
        return {stream: Position(seq=seq, hash=hash_) for stream, seq, hash_ in rows}

    def save(self, epoch: str, positions: Mapping[str, Position]) -> bool:
        """Keep the positions; other streams and epochs stay as they are. False, and logged, when the
        disk will not: rows go on."""
        rows = [(epoch, stream, position.seq, position.hash) for stream, position in positions.items()]
        try:
            with self._db:
                self._db.executemany(_UPSERT, rows)
        except sqlite3.Error as error:
            log.warning("sync.db: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0)
    with contextlib.ExitStack() as on_error:
        on_error.callback(db.close)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(_SCHEMA)
        on_error.pop_all()
    return db
