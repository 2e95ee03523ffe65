"""A damaged journal becomes a new one that has everything which is proven; the old file stays.

`mend` may be killed at any moment and ends what it finds begun: the damaged files get their new name
(`aside.py`), the new journal is written under a name of its own (`rebuild.py`) and gets the journal's
name when it is whole and on the disk. Until then no controller has begun anything.
"""

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from edge.journal.aside import move_aside, note_of, under_way
from edge.journal.durable import sync_file, sync_folder
from edge.journal.errors import JournalError
from edge.journal.files import PARTS
from edge.journal.lock import OneOwner
from edge.journal.rebuild import rebuild
from edge.journal.salvage import salvage


def unfinished(path: Path) -> bool:
    """Whether a mending of the journal at `path` was begun and not ended."""
    return under_way(path) is not None


def mend(path: Path, why: str = "", *,
         new_epoch: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
    """Set the journal at `path` aside and put a new one in its place, with all that can be proven.

    `why`: what is wrong with it; of no use if a mending is unfinished, which is ended then. Raises
    `JournalInUse`, and `JournalError` if the disk does not let it (full, read-only): then nothing is
    lost, and it goes on when it is called again.
    """
    try:
        owner = OneOwner(path)
    except OSError as error:
        raise JournalError(f"{path}: {error}") from error
    try:
        _mended(path, why, new_epoch)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path}: damaged, and it cannot be mended: {error}") from error
    finally:
        owner.release()


def _mended(path: Path, why: str, new_epoch: Callable[[], str]) -> None:
    note = move_aside(path, why)
    if not path.exists():
        new = path.with_name(path.name + ".new")
        for part in PARTS:  # of a try that was cut short: all of it is in the old file
            new.with_name(new.name + part).unlink(missing_ok=True)
        with closing(salvage(path.with_name(note.to))) as found:
            rebuild(new, found, why=note.why, aside=note.to, new_epoch=new_epoch)
        sync_file(new)
        new.rename(path)
        sync_folder(path.parent)
    note_of(path).unlink()
    sync_folder(path.parent)
