"""What is looked at before a journal is written to again: damage that SQLite's own check does not see.

Bounded, so that a start stays quick: the older rows are walked while the controller runs (`walk.py`).
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.aside import under_way
from edge.journal.errors import JournalAside, JournalDamaged
from edge.journal.files import wal_of
from edge.journal.pages import Pages
from edge.journal.row import Head, kept_hash
from edge.journal.rows import read
from edge.journal.wal import read_wal

NEWEST_ROWS = 300
"""Of each stream, whose chain is checked at a start: those that a power cut may have hit, and more."""
_HEADER_BYTES = 100
_WAL_MODE = b"\2\2"  # https://sqlite.org/fileformat2.html 1.3.3: else SQLite looks for no WAL
_MAX_EMPTY = 65536  # one page: a journal that was just being created
HURT = "hurt"
"""Key of `meta`: what was found while the journal was in use."""


def before_opening(path: Path) -> None:
    """Raises `JournalDamaged` if SQLite would take back commits, or throw them away; `OSError`; and
    `JournalAside` while its mending is unfinished: a new one would pass for what comes of that.

    No connection of this process may be open: closing the file here drops its locks.
    """
    if under_way(path) is not None:
        raise JournalAside(f"{path}: it was damaged, and mending it was begun and not ended")
    wal = wal_of(path)
    has_commits = wal.exists() and wal.stat().st_size > 0
    if has_commits and (not path.exists() or not path.stat().st_size):
        raise JournalDamaged(f"{path} is not there or empty, and its WAL is not")
    wal_read = read_wal(path)
    if has_commits and wal_read.damage is not None:
        raise JournalDamaged(f"{path}: {wal_read.damage}")
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    if len(head) == _HEADER_BYTES and head[18:20] != _WAL_MODE and path.stat().st_size > _MAX_EMPTY:
        raise JournalDamaged(f"{path}: its header does not tell of a WAL")
    if head or has_commits:
        with closing(Pages(path, wal_read)) as pages:
            damage = pages.free_list_damage()
        if damage is not None:
            raise JournalDamaged(f"{path}: {damage}")


def table(db: sqlite3.Connection, path: Path, name: str) -> None:
    """Raises `JournalDamaged` if the pages of a table are no tree. Raises whatever SQLite raises."""
    result = [found[0] for found in db.execute(
        "PRAGMA quick_check('{}')".format(name.replace("'", "''")))]
    if result != ["ok"]:
        raise JournalDamaged(f"{path}: {'; '.join(result[:5])}")


def newest(db: sqlite3.Connection, path: Path, *, epoch: str, boot: int,
           heads: Mapping[Stream, Head]) -> None:
    """Raises `JournalDamaged` if the newest rows, or anything kept, are not what was written.

    `boot`: how often it was opened before. Raises whatever SQLite raises.
    """
    found = db.execute("SELECT v FROM meta WHERE k = ?", (HURT,)).fetchone()
    if found is not None:
        raise JournalDamaged(f"{path}: {found[0]}")
    for stream, head in heads.items():
        after = max(head.tail, head.seq - NEWEST_ROWS)
        rows = read(db, epoch, stream, head.tail_hash, after, NEWEST_ROWS)
        if len(rows) != head.seq - after:
            raise JournalDamaged(f"{path}: {stream} has {len(rows)} rows after {after}, its head is"
                                 f" {head.seq}")
        for row in rows:
            if not row.intact():
                raise JournalDamaged(f"{path}: {stream} {row.seq} is not what its hash says")
            if row.boot > boot:
                raise JournalDamaged(f"{path}: boot {boot}, and {stream} {row.seq} is of {row.boot}")
    for table, key in (("session", "transaction_id"), ("kept", "key")):
        for name, body, sum_ in db.execute(f"SELECT {key}, body, hash FROM {table}"):
            if sum_ != kept_hash(name, body):
                raise JournalDamaged(f"{path}: {table} {name} is not what its hash says")
