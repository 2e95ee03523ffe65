"""How a journal's file begins, is brought up to our version, and is found whole at a start."""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal import checks, schema
from edge.journal.durable import sync_folder
from edge.journal.errors import JournalDamaged, JournalTooNew
from edge.journal.row import NO_ROW, Head
from edge.journal.rows import Heads, load_heads


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the file. `new`: it began with this opening."""

    epoch: str
    boot: int
    heads: Heads
    new: bool = False


def begin(db: sqlite3.Connection, path: Path, new_epoch: Callable[[], str]) -> Found:
    """Create what is not there, look whether it is whole, and count the boot, durably.

    Raises `JournalDamaged`, `JournalTooNew`, and whatever SQLite raises.
    """
    new = not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if new:
        if db.execute("PRAGMA page_count").fetchone() > (1,):
            raise JournalDamaged(f"{path}: it has pages, and no table")
        _create(db, path, new_epoch())
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if table not in schema.ROW_TABLES:
            checks.table(db, path, table)
    _migrate(db, path)
    found = load(db, path)
    for look in schema.LOOKS:
        db.execute(look)
    checks.newest(db, path, epoch=found.epoch, boot=found.boot, heads=found.heads)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE meta SET v = v + 1 WHERE k = 'boot'")
    db.execute("COMMIT")
    return Found(found.epoch, found.boot + 1, found.heads, new)


def load(db: sqlite3.Connection, path: Path) -> Found:
    """What a file of our version says of itself. Raises as `begin`."""
    meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
    version = _version(db, path)
    if version != schema.VERSION:
        newer = isinstance(version, int) and version > schema.VERSION
        raise (JournalTooNew if newer else JournalDamaged)(
            f"{path}: schema {version}, expected {schema.VERSION}")
    try:
        named = load_heads(db)
    except ValueError as error:
        raise JournalDamaged(f"{path}: {error}") from error
    if set(named) != set(Stream) or not isinstance(meta["boot"], int):
        raise JournalDamaged(f"{path}: streams {sorted(named)}, boot {meta['boot']!r}")
    heads = {Stream(name): head for name, head in named.items()}
    for stream, head in heads.items():
        last = db.execute(f"SELECT seq, hash FROM row_{stream.value}"
                          " ORDER BY seq DESC LIMIT 1").fetchone() or (head.tail, head.tail_hash)
        if last != (head.seq, head.hash):
            raise JournalDamaged(f"{path}: {stream} ends at {last[0]}, its head is {head.seq}, or"
                                 " their hashes differ")
    return Found(meta["epoch"], meta["boot"], heads)


def create_private(path: Path) -> None:
    """Rows name people's cards: nobody else reads the file. SQLite gives -wal the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _create(db: sqlite3.Connection, path: Path, epoch: str) -> None:
    if len(epoch) != 16 or int(epoch, 16) < 0:
        raise ValueError(f"an epoch is 16 hex digits, not {epoch!r}")
    db.execute("BEGIN IMMEDIATE")
    for statement in schema.DDL.split(";"):
        db.execute(statement)
    db.executemany("INSERT INTO meta VALUES(?, ?)",
                   [("schema", schema.VERSION), ("epoch", epoch), ("boot", 0)])
    db.execute(f"PRAGMA user_version = {schema.VERSION}")
    db.executemany("INSERT INTO stream VALUES(?, 0, ?, 0, 0, ?, ?)",
                   [(stream.value, NO_ROW, NO_ROW, Head().sum_of(stream.value)) for stream in Stream])
    db.execute("COMMIT")
    sync_folder(path.parent)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring a file of an earlier version up to ours: rows and chains stay as they are."""
    found = _version(db, path)
    while found in schema.MIGRATIONS:
        db.execute("BEGIN IMMEDIATE")
        for statement in schema.MIGRATIONS[found].split(";"):
            db.execute(statement)
        found += 1
        db.execute("UPDATE meta SET v = ? WHERE k = 'schema'", (found,))
        db.execute("COMMIT")


def _version(db: sqlite3.Connection, path: Path) -> object:
    """As both places have it. Raises `JournalDamaged` if they differ."""
    (found,) = db.execute("SELECT v FROM meta WHERE k = 'schema'").fetchone() or (None,)
    (again,) = db.execute("PRAGMA user_version").fetchone()
    numbered = isinstance(found, int) and found >= schema.NUMBERED_TWICE_SINCE
    if again != (found if numbered else 0):
        raise JournalDamaged(f"{path}: schema {found}, and {again} in its header")
    return found
