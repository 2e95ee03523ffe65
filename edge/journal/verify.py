"""Walk a journal's hash chain with nothing but its file, and say where it breaks.

SQLite's own checks do not notice a flipped bit in a row's content (measured: quick_check and
integrity_check both say "ok"); the chain does, down to the row.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal import schema
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.row import row_hash
from edge.journal.sqlite_trouble import STRANGE

MAX_BREAKS = 20
"""Reported per stream; a file that breaks more often is not read on."""


class Break(Value):
    """The chain does not hold at row `seq` of `stream`; `why` says what was expected."""

    stream: Stream
    seq: int
    why: str


class Verification(Value):
    """What was found. `rows`: how many each stream holds."""

    epoch: str
    boot: int
    rows: dict[Stream, int]
    breaks: tuple[Break, ...]


def verify(path: Path) -> Verification:
    """Check every row of the journal at `path`; reads only, and the controller may be running.

    Raises `JournalError` when the file cannot be opened and `JournalDamaged` when it is no journal
    or SQLite finds its pages damaged.
    """
    if not path.is_file():
        raise JournalError(f"{path}: no such file")
    try:
        db = schema.connect_read_only(path)
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {error}") from error
    try:
        return _verified(db, path)
    except (sqlite3.DatabaseError, *STRANGE) as error:
        raise JournalDamaged(f"{path}: {type(error).__name__}: {error}") from error
    finally:
        db.close()


def _verified(db: sqlite3.Connection, path: Path) -> Verification:
    db.execute("BEGIN")  # one moment of a journal that may be growing
    found = [line for (line,) in db.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise JournalDamaged(f"{path}: {'; '.join(found)}")
    meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
    breaks: list[Break] = []
    rows = {}
    for stream in Stream:
        (rows[stream],) = db.execute(f"SELECT count(*) FROM row_{stream.value}").fetchone()
        for number, broken in enumerate(_breaks(db, meta, stream), 1):
            breaks.append(broken)
            if number == MAX_BREAKS:
                break
    return Verification(epoch=meta["epoch"], boot=meta["boot"], rows=rows, breaks=tuple(breaks))


def _breaks(db: sqlite3.Connection, meta: dict[str, Any], stream: Stream) -> Iterator[Break]:
    tails = "tail, tail_hash" if meta["schema"] >= schema.TAILS_SINCE else "0, zeroblob(32)"
    head, head_hash, tail, prev = db.execute(
        f"SELECT head, head_hash, {tails} FROM stream WHERE name = ?", (stream.value,)).fetchone()
    epoch, expected = meta["epoch"], tail + 1
    for seq, type_, utc, boot, mono_ns, clock_ok, data, hash_ in db.execute(
            f"SELECT seq, type, utc, boot, mono_ns, clock_ok, data, hash FROM row_{stream.value}"
            " ORDER BY seq"):
        if seq != expected:
            yield Break(stream=stream, seq=expected, why=f"missing, the next row is {seq}")
        elif not isinstance(data, bytes) or hash_ != row_hash(
                prev, epoch, stream.value, seq, type_, utc, boot, mono_ns, bool(clock_ok), data):
            yield Break(stream=stream, seq=seq,
                        why="its content or its place is not what its hash says")
        expected, prev = seq + 1, hash_
    if (expected - 1, prev) != (head, head_hash):
        yield Break(stream=stream, seq=expected,
                    why=f"ends at {expected - 1}, the head says {head}, or their hashes differ")
