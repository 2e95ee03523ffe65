"""Some room that is kept for the moment when the disk is full: a file that can be given up.

Rows can only be deleted by writing (SQLite's log of writes grows first), so that without it a full
disk could not even be thinned.
"""

import contextlib
import os
from pathlib import Path

SIZE_BYTES = 8_000_000
"""Twice what SQLite's log of writes grows to (1000 pages of 4 kB, checkpointed then)."""
WANTS_FREE = 5
"""It is made where so many times its size are free: it shall not fill the disk itself."""


class Reserve:
    """The file beside the journal at `path`. Its methods block, and raise nothing: it is a help."""

    def __init__(self, path: Path, size: int = SIZE_BYTES) -> None:
        self._path, self._size = path.with_name(path.name + ".reserve"), size

    @property
    def held(self) -> bool:
        """Whether it is there, whole."""
        try:
            return self._path.stat().st_blocks * 512 >= self._size
        except OSError:
            return False

    def hold(self) -> bool:
        """Make it if there is room; whether it is there."""
        if self.held:
            return True
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < WANTS_FREE * self._size:
                return False
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give its room back; whether there was any."""
        held = self.held
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return held
