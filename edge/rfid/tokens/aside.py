"""A damaged file of the card room is set aside, and a new one begun: no site stands still for it.

Nothing is deleted: a technician may still read what is left. Until a list is applied or a card is
entered, nobody is known, which is the safe side; sessions go on, and whoever began one can end it.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from edge.rfid.tokens.database import STRANGE, StoreError
from edge.rfid.tokens.schema import CARDS_FILE, TAPS_FILE

_MARK = ".damaged-"
_WITH_LOGS = ("", "-wal", "-shm")


def is_damage(error: StoreError) -> bool:
    """Whether the file's content is at fault, and not a lock, the disk, a mode or another pepper."""
    cause = error.__cause__
    return isinstance(cause, STRANGE) or (
        isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError))


def set_aside(path: Path, now: datetime) -> Path:
    """Renames a file and its logs; returns its new name. Raises OSError, ValueError for other files."""
    if path.name not in (CARDS_FILE, TAPS_FILE):
        raise ValueError(f"{path.name}: expected {CARDS_FILE} or {TAPS_FILE}")
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    kept, n = path.with_name(f"{path.name}{_MARK}{stamp}"), 0
    while kept.exists():
        n += 1
        kept = path.with_name(f"{path.name}{_MARK}{stamp}-{n}")
    for log in reversed(_WITH_LOGS):  # the file itself last: without it, its logs say nothing
        part = path.with_name(path.name + log)
        if part.exists():
            part.rename(kept.with_name(kept.name + log))
    return kept


def set_aside_files(state_dir: Path, name: str = CARDS_FILE) -> tuple[str, ...]:
    """Names of the damaged ones that are kept, oldest first."""
    return tuple(sorted(path.name for path in state_dir.glob(f"{name}{_MARK}*")
                        if not path.name.endswith(_WITH_LOGS[1:])))
