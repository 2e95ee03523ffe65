"""Walk a journal's hash chain with nothing but its file, and say where it breaks.

SQLite's own checks do not notice a flipped bit in a row's content (measured: quick_check and
integrity_check both say "ok"); the chain does, down to the row. The controller may be running: every
read is short, so that its log of writes is not held up.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal import schema
from edge.journal.errors import JournalDamaged
from edge.journal.reading import reading, wal_damage
from edge.journal.row import kept_hash, row_hash
from edge.journal.rows import load_heads

MAX_BREAKS = 20
"""Reported per stream; a file that breaks more often is not read on."""
SLICE_ROWS = 500


class Break(Value):
    """The chain does not hold at row `seq` of `stream`; `why` says what was expected."""

    stream: Stream
    seq: int
    why: str


class Verification(Value):
    """What was found. `rows`: how many each stream holds. `troubles`: what is wrong beside rows."""

    epoch: str
    boot: int
    rows: dict[Stream, int]
    breaks: tuple[Break, ...]
    troubles: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Everything is what was written."""
        return not self.breaks and not self.troubles


def verify(path: Path, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Verification:
    """Check every row of the journal at `path`; reads only. `progress`: rows done, of how many.

    Raises `JournalError` when the file cannot be opened and `JournalDamaged` when it is no journal
    or SQLite finds its pages damaged.
    """
    lost = wal_damage(path)
    with reading(path) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            found = [line for (line,) in db.execute(f"PRAGMA quick_check('{table}')").fetchall()]
            if found != ["ok"]:
                raise JournalDamaged(f"{path}: {'; '.join(found[:5])}")
        meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
        walk = _Walk(db, meta, progress)
        for stream in Stream:
            walk.stream(stream)
        troubles = [lost] if lost is not None else []
        if meta["schema"] >= schema.TAILS_SINCE:
            troubles += _troubles(db, meta)
    return Verification(epoch=meta["epoch"], boot=meta["boot"], rows=walk.rows,
                        breaks=tuple(walk.breaks), troubles=tuple(troubles))


class _At(NamedTuple):
    """Where the walk stands: after row `seq`, whose hash is `hash`."""

    seq: int
    hash: bytes


class _Walk:
    """Each slice within one short transaction, in which head and tail are those of its rows."""

    def __init__(self, db: sqlite3.Connection, meta: dict[str, Any],
                 progress: Callable[[int, int], None]) -> None:
        self._db, self._epoch, self._progress = db, meta["epoch"], progress
        self._tails = "tail, tail_hash" if meta["schema"] >= schema.TAILS_SINCE else "0, zeroblob(32)"
        self.rows: dict[Stream, int] = {}
        self.breaks: list[Break] = []
        self._of = sum(db.execute(f"SELECT count(*) FROM row_{s.value}").fetchone()[0] for s in Stream)

    def stream(self, stream: Stream) -> None:
        """From its tail to its head."""
        at, count, breaks = _At(0, b""), 0, len(self.breaks)
        while True:
            self._db.execute("BEGIN")
            try:
                head, head_hash, tail, tail_hash = self._db.execute(
                    f"SELECT head, head_hash, {self._tails} FROM stream WHERE name = ?",
                    (stream.value,)).fetchone()
                if at.seq <= tail:  # at the beginning, or rows have gone meanwhile
                    at = _At(tail, tail_hash)
                found = self._db.execute(
                    "SELECT seq, type, utc, boot, mono_ns, clock_ok, data, hash"
                    f" FROM row_{stream.value} WHERE seq > ? ORDER BY seq LIMIT ?",
                    (at.seq, SLICE_ROWS)).fetchall()
            finally:
                self._db.execute("COMMIT")
            for row in found:
                at = self._row(stream, at, row)
            count += len(found)
            self._progress(sum(self.rows.values()) + count, self._of)
            if len(self.breaks) - breaks >= MAX_BREAKS or not found:
                break
        self.rows[stream] = count if not found else self._count(stream)
        if not found and at != (head, head_hash):
            self._break(stream, at.seq + 1,
                        f"ends at {at.seq}, the head says {head}, or their hashes differ")

    def _count(self, stream: Stream) -> int:
        (rows,) = self._db.execute(f"SELECT count(*) FROM row_{stream.value}").fetchone()
        return int(rows)

    def _row(self, stream: Stream, at: _At, row: tuple[Any, ...]) -> _At:
        seq, type_, utc, boot, mono_ns, clock_ok, data, hash_ = row
        if seq != at.seq + 1:
            self._break(stream, at.seq + 1, f"missing, the next row is {seq}")
        elif not isinstance(data, bytes) or hash_ != row_hash(
                at.hash, self._epoch, stream.value, seq, type_, utc, boot, mono_ns, bool(clock_ok),
                data):
            self._break(stream, seq, "its content or its place is not what its hash says")
        return _At(seq, hash_)

    def _break(self, stream: Stream, seq: int, why: str) -> None:
        self.breaks.append(Break(stream=stream, seq=seq, why=why))


def _troubles(db: sqlite3.Connection, meta: dict[str, Any]) -> list[str]:
    found = []
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != meta["schema"]:
        found.append(f"schema {meta['schema']}, and {version} in its header")
    try:
        load_heads(db)
    except ValueError as error:
        found.append(str(error))
    for table, key in (("session", "transaction_id"), ("kept", "key")):
        found += [f"{table} {name} is not what its hash says" for name, body, sum_ in db.execute(
            f"SELECT {key}, body, hash FROM {table}").fetchall() if kept_hash(name, body) != sum_]
    return found
