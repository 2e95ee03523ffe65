"""How much room there is for the journal: every ten seconds, off the loop.

A site may bound its state folder (`paths.state_limit_mb`): then what counts is the lesser of what
the disk has and what the bound leaves.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.controller.events import DiskSeen, Event
from edge.station.blocking import BlockingCall

PERIOD_S = 10.0
PATIENCE_S = 5.0
_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own (stat(2))

log = logging.getLogger(__name__)


class Room(NamedTuple):
    """Of a folder, in bytes."""

    free: int
    total: int


def room(folder: Path, limit_bytes: int | None = None) -> Room:
    """What is left for this user, by the disk and by the bound. Raises `OSError`."""
    disk = os.statvfs(folder)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if limit_bytes is None:
        return Room(free, total)
    return Room(max(0, min(free, limit_bytes - _used(folder))), min(total, limit_bytes))


def _used(folder: Path) -> int:
    used = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    used += _used(Path(entry.path))
                    continue
                used += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
            except (FileNotFoundError, PermissionError):
                continue  # SQLite's own files come and go; lost+found is root's
    return used


class DiskWatch:
    """Belongs to one loop. A disk that does not answer hands in nothing: it may only be busy, and one
    that fails stalls the journal, which is a fault of its own and ends no session.
    """

    def __init__(self, look: Callable[[], Room], *, hand_in: Callable[[Event], None],
                 period_s: float = PERIOD_S, patience_s: float = PATIENCE_S) -> None:
        """`look` may block, in a thread; it raises `OSError`."""
        self._look, self._hand_in = BlockingCall(look, "disk"), hand_in
        self._period_s, self._patience_s = period_s, patience_s
        self._failing = False

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._period_s)

    async def look(self) -> None:
        """Look once and hand in what was found."""
        try:
            found = await self._look.result(self._patience_s)
        except OSError as error:  # TimeoutError is one
            if not self._failing:
                log.warning("state folder: %s", error)
            self._failing = True
            return
        self._failing = False
        self._hand_in(DiskSeen(free_bytes=found.free, total_bytes=found.total))
