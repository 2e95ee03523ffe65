"""A small SQLite file of the card room: private, durable, of one version and of one site's pepper."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.controller.trouble import DeviceError

BUSY_S = 2.0
STRANGE = (UnicodeDecodeError, TypeError)
"""What sqlite3 and its callers say of damaged pages: text that is none, a number for bytes."""
Factory = type[sqlite3.Connection]
Migrate = Callable[[sqlite3.Connection, int], None]
"""Brings an older version up to date, inside the transaction that then says so."""


class StoreError(DeviceError):
    """The file cannot be used: damaged, full, held by somebody, or of another site."""


@contextmanager
def wall(what: str, path: Path) -> Iterator[None]:
    """Whatever the file does comes out as StoreError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(what, where=str(path), got=f"{type(error).__name__}: {error}",
                         expected=f"a usable {path.name}") from error
    except STRANGE as error:
        raise StoreError(what, where=str(path), got=f"damaged content ({type(error).__name__})",
                         expected=f"a usable {path.name}") from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing. Takes the write lock at once, so that nobody is overtaken half-way."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def connect(path: Path, *, factory: Factory = sqlite3.Connection,
            busy_s: float = BUSY_S) -> sqlite3.Connection:
    """Opens or creates the file, mode 0600. Raises sqlite3.Error, OSError."""
    _create(path)
    db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, factory=factory)
    try:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA secure_delete = ON")  # what is erased leaves no bytes behind
    except BaseException:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """A new file is private, and WAL and shm take over its mode. One that is there is not touched: to
    close it would take SQLite's locks from all other connections of this process (POSIX), and the next
    process to leave would remove the log that they use.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def refuse_strange(db: sqlite3.Connection, path: Path, *, version: int, check: bytes) -> int:
    """The version that the file has, 0 for a new one. Raises StoreError for a later version, and for
    a file that another pepper has keyed (`check`: `Pepper.check()`), before anything is written.
    """
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        raise StoreError("open the token store", where=str(path), got=f"version {found}",
                         expected=f"version {version}")
    if found:
        keyed = db.execute("SELECT value FROM meta WHERE name = 'pepper'").fetchone()
        if keyed is None or keyed[0] != check:
            raise StoreError("open the token store", where=str(path),
                             got="a store keyed by another pepper",
                             expected="the pepper of this site; restore it from the backup")
    return found


def prepare(db: sqlite3.Connection, path: Path, tables: Sequence[str], *, version: int, check: bytes,
            migrate: Migrate | None = None) -> bool:
    """Creates the tables or brings them up to date; whether there was something to do.

    Raises StoreError as `refuse_strange`.
    """
    if refuse_strange(db, path, version=version, check=check) == version:
        return False
    with transaction(db):
        found = refuse_strange(db, path, version=version, check=check)  # perhaps somebody was first
        if found == version:
            return False
        for statement in tables:
            db.execute(statement)
        if found and migrate is not None:
            migrate(db, found)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('pepper', ?)", (check,))
        db.execute(f"PRAGMA user_version = {version}")
    return True


def scrub(db: sqlite3.Connection, path: Path) -> None:
    """Takes old pages out of the log of writes. Raises StoreError while another process reads them."""
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError("take erased rows out of the log of writes", where=str(path),
                         got="it is being read", expected="nobody reading; try again")
