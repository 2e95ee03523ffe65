"""Whether the journal's name still leads to the file that is open, and how it is put back.

SQLite goes on writing to a file that was deleted or renamed, and says nothing: all of it would be gone
at the next start. As long as the process lives it has everything, so it writes it to its place again.
"""

import contextlib
import sqlite3
from pathlib import Path

from edge.journal.durable import sync_file, sync_folder
from edge.journal.files import free_name, wal_of
from edge.journal.opening import create_private


class Place:
    """Made when the file was opened, by the only one who may replace it (`OneOwner`)."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError` if there is no file."""
        self._path, self._log = path, wal_of(path)
        self._files = {path: _identity(path)}

    def lost(self) -> bool:
        """Whether a name leads to nothing, or to another file. Raises `OSError` if none can tell."""
        if self._log not in self._files and self._log.exists():  # it comes with the first commit;
            self._files[self._log] = _identity(self._log)  # rows are there until they are moved
        try:
            return any(_identity(path) != file for path, file in self._files.items())
        except FileNotFoundError:
            return True

    def put_back(self, db: sqlite3.Connection) -> None:
        """Write all that `db` holds to the place where it belongs, and close `db`.

        Whatever has that name now gets another one. Raises `OSError` and `sqlite3.Error`; then `db`
        is as it was, and nothing has that name or what had it before.
        """
        copy, begun = _rescued(self._path), self._path.with_name(self._path.name + ".rescuing")
        begun.unlink(missing_ok=True)  # of a try that failed: `db` holds all of it
        create_private(begun)
        to = sqlite3.connect(begun)
        try:
            db.backup(to)
        finally:
            to.close()
        sync_file(begun)
        begun.rename(copy)
        try:
            sync_folder(self._path.parent)  # from here on the next start can end it
            stranger = self._path.with_name(free_name(self._path, "stranger"))
            if self._path.exists():
                self._path.rename(stranger)
            if self._log.exists() and _identity(self._log) != self._files.get(self._log):
                self._log.rename(wal_of(stranger))  # it is not ours
            copy.rename(self._path)
        except OSError:  # perhaps the file comes back by itself, and later rows go into that
            with contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)
            raise
        sync_folder(self._path.parent)
        db.close()  # it takes its log of writes with it, before the next one opens the new file


def end_putting_back(path: Path) -> bool:
    """What a process that died over `put_back` left: all of a journal, without its name. Whether there
    was any. Whatever has that name gets another one; its log, too, of which nothing is needed.

    For who is about to open the journal. Raises `OSError`.
    """
    copy = _rescued(path)
    if not copy.exists():
        return False
    stranger = path.with_name(free_name(path, "stranger"))
    for part in ("", "-wal"):
        if path.with_name(path.name + part).exists():
            path.with_name(path.name + part).rename(stranger.with_name(stranger.name + part))
    copy.rename(path)
    sync_folder(path.parent)
    return True


def _rescued(path: Path) -> Path:
    return path.with_name(path.name + ".rescued")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
