"""One controller per journal: a lock that dies with its process, beside the journal's file.

Not on the file itself: closing any descriptor of a database drops the POSIX locks that SQLite holds.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from edge.journal.errors import JournalInUse

_WIDTH = 20  # of a process id and what stood there before


class OneOwner:
    """Holds `path` + `.lock` until `release`; raises `JournalInUse` if somebody else does."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock")
        try:
            self._fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # a disk that is read-only may still be somebody's
            self._refuse_if_held(path, lock)
            raise
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(self._fd)
            os.close(self._fd)
            raise JournalInUse(f"{path} is in use by process {owner}") from None
        with contextlib.suppress(OSError):  # a full disk: nobody need know who it is
            os.pwrite(self._fd, f"{os.getpid()}\n".ljust(_WIDTH).encode(), 0)

    @staticmethod
    def _refuse_if_held(path: Path, lock: Path) -> None:
        try:
            fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalInUse(f"{path} is in use by process {_owner(fd)}") from None
        finally:
            os.close(fd)

    def release(self) -> None:
        """Let the next one have it."""
        os.close(self._fd)


def _owner(fd: int) -> str:
    return os.pread(fd, _WIDTH, 0).decode("ascii", "replace").strip() or "?"
