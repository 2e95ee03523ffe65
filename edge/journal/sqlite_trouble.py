"""What SQLite and Python raise over a file, in the words of `errors.py`."""

import sqlite3
from pathlib import Path

from edge.journal.errors import BadBatch, JournalDamaged, JournalError, JournalFull

#: What a batch that can never be written ends in.
POISON = (OverflowError, ValueError, sqlite3.ProgrammingError, sqlite3.InterfaceError,
          sqlite3.DataError, sqlite3.IntegrityError)

#: What reading a file ends in if its names are not those that were written.
STRANGE = (UnicodeDecodeError, KeyError, TypeError)


def primary_code(error: Exception) -> int | None:
    """SQLite's primary result code; None: the error is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def translated(error: Exception, path: Path) -> JournalError:
    """Of a file that is open."""
    text = f"{path}: {type(error).__name__}: {error}"
    if isinstance(error, POISON):
        return BadBatch(text)
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return JournalDamaged(text)
    if primary_code(error) == sqlite3.SQLITE_FULL:
        return JournalFull(text)
    return JournalError(text)


def unusable(error: Exception, path: Path) -> JournalError:
    """Of a file that is being opened: tables that are not there, or not ours, are damage too. SQLite's
    own check does not look at names.
    """
    if isinstance(error, STRANGE) or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return JournalDamaged(f"{path}: {type(error).__name__}: {error}")
    return translated(error, path)


def is_io_error(error: Exception) -> bool:
    """Whether what the connection's page cache holds is not to be trusted any more."""
    return primary_code(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
                                   sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
