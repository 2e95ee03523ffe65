"""A WAL as raw bytes: its frames, which of them SQLite would read, and whether it was damaged.

SQLite reads a WAL up to the first frame whose checksum is wrong and takes the rest for a commit that
a power cut tore. So a bit that flipped in an older frame takes every later commit back, silently.
Here the two are told apart: after each commit the WAL is fsynced, so a power cut tears one commit,
the last. And only after that SQLite counts it in its index (`-shm`): frames that are counted and not
there were there. Formats: https://sqlite.org/fileformat2.html#walformat, https://sqlite.org/walformat.html
"""

import struct
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge.journal.files import wal_of

_HEADER, _FRAME, _INDEX = 32, 24, 48
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_BOTH = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One version of page `page`. `whole`: its checksum is right after that of the frame before."""

    page: int
    ends_commit: bool
    whole: bool
    image: memoryview


class Wal:
    """`page_size` 0: its header cannot be read. `frames`: of the newest generation, from the first."""

    def __init__(self, content: bytes, index: bytes = b"") -> None:
        """`content`: of the whole file, which may be cut off anywhere. `index`: of its `-shm`."""
        self._counted = 0
        self.rest = memoryview(b"")  # of a frame that is cut off
        self.older = tuple[memoryview, ...]()
        """Pages of an earlier generation: all of it is in the file, where that is whole."""
        self.page_size, self.header_whole, self.frames = 0, False, tuple[Frame, ...]()
        self._readable = 0
        if len(content) < _HEADER:
            return
        magic, _, size, _, sum1, sum2 = struct.unpack_from(">IIII8xII", content)
        order = _MAGIC.get(magic, "<")
        self.header_whole = magic in _MAGIC and (sum1, sum2) == _summed(order, content[:24], 0, 0)
        plausible = size in (512 << n for n in range(8))
        self.page_size = size if plausible else 4096 if len(content) > _HEADER else 0
        if self.page_size:
            mine = content[16:24] if self.header_whole else self._commonest(content, index)
            self._read(memoryview(content), order, mine, (sum1, sum2))
            self._counted = _counted(index, mine)

    def _commonest(self, content: bytes, index: bytes) -> bytes:
        """The generation that the index tells of, or else most frames."""
        if _counted(index, index[32:40]):
            return index[32:40]
        step = _FRAME + self.page_size
        found = Counter(content[at + 8:at + 16] for at in range(_HEADER, len(content) - step + 1, step))
        del found[bytes(8)]
        return found.most_common(1)[0][0] if found else bytes(8)

    def _read(self, content: memoryview, order: str, salts: bytes, seed: tuple[int, int]) -> None:
        step = _FRAME + self.page_size
        frames, unbroken = [], self.header_whole
        for at in range(_HEADER, len(content) - step + 1, step):
            page, size_after, theirs, sum1, sum2 = struct.unpack_from(">II8sII", content, at)
            image = content[at + _FRAME:at + step]
            ours = page > 0 and theirs == salts
            whole = ours and _summed(order, image, *_summed(order, content[at:at + 8], *seed)) == (
                sum1, sum2)
            frames.append(Frame(page if ours else 0, ours and size_after > 0, whole, image))
            unbroken = unbroken and whole
            if unbroken and size_after:
                self._readable = len(frames)
            seed = (sum1, sum2)
        if at := (len(content) - _HEADER) % step:
            self.rest = content[-at:][_FRAME:]
        last = max((n for n, frame in enumerate(frames, 1) if frame.page), default=0)
        self.frames = tuple(frames[:last])
        self.older = tuple(frame.image for frame in frames[last:])

    @property
    def readable(self) -> tuple[Frame, ...]:
        """What SQLite reads of it: whole commits, up to the first frame that is damaged."""
        return self.frames[:self._readable]

    @property
    def damage(self) -> str | None:
        """Why what SQLite reads of it is not all that was committed; None: a power cut explains it."""
        if self._counted > self._readable:
            return f"its WAL has {self._readable} whole frames of {self._counted} that were committed"
        commits = 0
        for frame in self.frames[self._readable:]:  # a run of whole frames, with two commits in it
            commits = commits + frame.ends_commit if frame.whole else 0
            if commits > 1:
                return (f"its WAL is damaged after frame {self._readable} of {len(self.frames)}, and"
                        " later commits are whole")
        return None

    @property
    def committed(self) -> tuple[Frame, ...]:
        """What was committed: all that SQLite reads; of a damaged WAL also what follows. A frame that
        is not whole is one that was: perhaps of that page.
        """
        if self.damage is None:
            return self.readable
        last = max((n for n, frame in enumerate(self.frames) if frame.ends_commit), default=-1)
        return self.frames[:last + 1]

    @property
    def cut_short(self) -> bool:
        """Frames that were committed are missing."""
        return self._counted > len(self.frames)


def read_wal(path: Path) -> Wal:
    """Of the database at `path`; empty if there is none. Raises `OSError`.

    To be called while no connection of this process is open: closing any descriptor of these files
    drops the locks that SQLite holds.
    """
    index = path.with_name(path.name + "-shm")
    try:
        return Wal(wal_of(path).read_bytes(), index.read_bytes() if index.exists() else b"")
    except FileNotFoundError:
        return Wal(b"")


def _counted(index: bytes, salts: bytes) -> int:
    """Frames of the generation `salts` that an index tells of; 0 if it cannot be believed."""
    head = index[:_INDEX]
    if len(head) < _INDEX or head != index[_INDEX:2 * _INDEX] or head[32:40] != salts:
        return 0
    native = "<" if sys.byteorder == "little" else ">"
    right = struct.unpack_from("=II", head, 40) == _summed(native, head[:40], 0, 0)
    return int(struct.unpack_from("=I", head, 16)[0]) if right else 0


def _summed(order: str, content: bytes | memoryview, sum1: int, sum2: int) -> tuple[int, int]:
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for first, second in zip(words, words, strict=True):
        sum1 = sum1 + first + sum2 & _BOTH
        sum2 = sum2 + second + sum1 & _BOTH
    return sum1, sum2
