"""The folder of segments: names, the order over all boots, and which go when there are too many."""

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.recorder.segment import SUFFIX

FOLDER = "flight"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
_NAME = re.compile(r"(\d{8,})-b(\d+)" + re.escape(SUFFIX))


class Kept(NamedTuple):
    """A segment on the disk."""

    number: int
    path: Path
    size: int


def segment_name(number: int, boot: int) -> str:
    """Sorts by age without any clock."""
    return f"{number:08d}-b{boot:05d}{SUFFIX}"


def number_of(name: str) -> int | None:
    """Of a segment's file name; None: it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def segments_in(folder: Path) -> list[Kept]:
    """The segments of a folder, the oldest first; none if it is not there. Raises `OSError`."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [Kept(number, Path(entry.path), entry.stat().st_size) for entry in entries
                 if (number := number_of(entry.name)) is not None]
    return sorted(found)


class Ring:
    """The segments of the last hours. Belongs to the recorder's thread. Methods raise `OSError`."""

    def __init__(self, folder: Path, *, most: int, most_bytes: int) -> None:
        """`most`: so many segments stay; together no more than `most_bytes`."""
        self.folder, self._most, self._most_bytes = folder, most, most_bytes
        self._kept: deque[Kept] = deque()

    def load(self) -> None:
        """Look at what is there; makes the folder."""
        self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._kept = deque(segments_in(self.folder))

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all its segments."""
        return sum(kept.size for kept in self._kept)

    def create(self, number: int, boot: int) -> tuple[Path, int]:
        """A new segment, the newest: its path, and a descriptor to write to, which is the caller's."""
        path = self.folder / segment_name(number, boot)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        self._kept.append(Kept(number, path, 0))
        return path, fd

    def grew(self, size: int) -> None:
        """The newest segment has that size now."""
        self._kept[-1] = self._kept[-1]._replace(size=size)

    def trim(self, most: int | None = None) -> None:
        """Let the oldest go until the rest is within the bounds. The newest always stays."""
        most = self._most if most is None else min(most, self._most)
        size = self.size
        while len(self._kept) > 1 and (len(self._kept) > most or size > self._most_bytes):
            oldest = self._kept.popleft()
            size -= oldest.size
            oldest.path.unlink(missing_ok=True)
