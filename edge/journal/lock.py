"""One controller per journal: a lock that dies with its process, beside the journal's file.

Not on the file itself: closing any descriptor of a database drops the POSIX locks that SQLite holds.
"""

import fcntl
import os
from pathlib import Path

from edge.journal.errors import JournalInUse


class OneOwner:
    """Holds `path` + `.lock` until `release`; raises `JournalInUse` if somebody else does."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock")
        self._fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise JournalInUse(f"{path} is in use by process {owner or '?'}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one have it."""
        os.close(self._fd)
