"""A journal's file opened by somebody who may not write to it: beside its controller, set aside, or on
a medium that cannot be written at all.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge.journal import schema
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.files import wal_of
from edge.journal.sqlite_trouble import STRANGE, primary_code
from edge.journal.wal import read_wal

_NO_PLACE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Each statement is a short read of its own, unless it is told.

    SQLite wants to put a file beside one that has a WAL; where it cannot, a copy is read. Raises
    `JournalError` if there is no such file or it cannot be opened, and `JournalDamaged` for whatever
    SQLite says within the `with`.
    """
    if not path.is_file():
        raise JournalError(f"{path}: no such file")
    with contextlib.ExitStack() as stack:
        try:
            db = _connected(path)
            if db is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forecourt-")))
                db = _copied(path, folder)
        except OSError as error:
            raise JournalError(f"{path}: {error}") from error
        except sqlite3.Error as error:
            raise _said(error, path) from error
        stack.callback(db.close)
        try:
            yield db
        except (sqlite3.Error, *STRANGE) as error:
            raise _said(error, path) from error


def has_controller(path: Path) -> bool:
    """Whether somebody holds its lock."""
    try:
        fd = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def wal_damage(path: Path) -> str | None:
    """What SQLite would not tell: commits that its WAL lost. None also while it is being written."""
    try:
        return None if has_controller(path) else read_wal(path).damage
    except OSError:
        return None


def _connected(path: Path) -> sqlite3.Connection | None:
    """None: there is no place for SQLite's own files."""
    db = schema.connect_read_only(path)
    try:
        db.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if primary_code(error) in _NO_PLACE:
            db.close()
            return None
    return db  # of damage the next question says so, too


def _copied(path: Path, folder: Path) -> sqlite3.Connection:
    copy = folder / path.name
    shutil.copyfile(path, copy)
    if wal_of(path).exists():
        shutil.copyfile(wal_of(path), wal_of(copy))
    return schema.connect_read_only(copy)


def _said(error: Exception, path: Path) -> JournalError:
    busy = primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, *_NO_PLACE)
    return (JournalError if busy else JournalDamaged)(f"{path}: {type(error).__name__}: {error}")
