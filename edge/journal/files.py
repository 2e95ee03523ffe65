"""The files of a journal: what SQLite has beside it, names that are free, sizes. Changes nothing."""

from datetime import UTC, datetime
from pathlib import Path

PARTS = ("", "-wal", "-shm")
"""What is added to the name of a database: itself, its log of writes and the log's index."""


def wal_of(path: Path) -> Path:
    """SQLite's log of writes, beside the file of a database."""
    return path.with_name(path.name + "-wal")


def size(path: Path) -> int:
    """Of a file, in bytes; 0: there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def free_name(path: Path, word: str) -> str:
    """`journal.db.<word>-<when>`: a name that no part of a database in that folder has. It says when
    by a clock that may be wrong: it only has to be free.
    """
    first = name = f"{path.name}.{word}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}"
    number = 1
    while any(path.with_name(name + part).exists() for part in PARTS):
        number += 1
        name = f"{first}-{number}"
    return name
