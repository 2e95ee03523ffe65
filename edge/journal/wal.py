"""A WAL as raw bytes: its frames, which of them SQLite would read, and whether it was damaged.

SQLite reads a WAL up to the first frame whose checksum is wrong and takes the rest for a commit that
a power cut tore. So a bit that flipped in an older frame takes every later commit back, silently.
Here the two are told apart: after each commit the WAL is fsynced, so a power cut tears one commit,
the last. Format: https://sqlite.org/fileformat2.html#walformat
"""

import struct
from dataclasses import dataclass
from pathlib import Path

_HEADER, _FRAME = 32, 24
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

    def __init__(self, content: bytes) -> None:
        """`content`: of the whole file, which may be cut off anywhere."""
        self.page_size, self.header_whole, self.frames = 0, False, tuple[Frame, ...]()
        self._readable = 0
        if len(content) < _HEADER:
            return
        magic, _, size, _, *salts, sum1, sum2 = struct.unpack_from(">IIIIIIII", content)
        order = _MAGIC.get(magic, "<")
        self.header_whole = magic in _MAGIC and (sum1, sum2) == _summed(order, content[:24], 0, 0)
        plausible = size in (512 << n for n in range(8))
        self.page_size = size if plausible else 4096 if len(content) > _HEADER else 0
        if self.page_size:
            self._read(memoryview(content), order, tuple(salts), (sum1, sum2))

    def _read(self, content: memoryview, order: str, salts: tuple[int, ...],
              seed: tuple[int, int]) -> None:
        step = _FRAME + self.page_size
        if not self.header_whole and len(content) >= _HEADER + step:  # as its first frame has them
            salts = struct.unpack_from(">8xII", content, _HEADER)
        frames, unbroken = [], self.header_whole
        for at in range(_HEADER, len(content) - step + 1, step):
            page, size_after, *theirs, sum1, sum2 = struct.unpack_from(">IIIIII", content, at)
            image = content[at + _FRAME:at + step]
            ours = page > 0 and tuple(theirs) == salts
            whole = ours and _summed(order, image, *_summed(order, content[at:at + 8], *seed)) == (
                sum1, sum2)
            frames.append(Frame(page if ours else 0, ours and size_after > 0, whole, image))
            unbroken = unbroken and whole
            if unbroken and size_after:
                self._readable = len(frames)
            seed = (sum1, sum2)
        while frames and not frames[-1].page:  # of an earlier generation, which is in the file itself
            frames.pop()
        self.frames = tuple(frames)

    @property
    def readable(self) -> tuple[Frame, ...]:
        """What SQLite reads of it: whole commits, up to the first frame that is damaged."""
        return self.frames[:self._readable]

    @property
    def damage(self) -> str | None:
        """Why what SQLite reads of it is not all that was committed; None: a power cut explains it."""
        commits = 0
        for frame in self.frames[self._readable:]:  # a run of whole frames, with two commits in it
            commits = commits + frame.ends_commit if frame.whole else 0
            if commits > 1:
                return (f"its WAL is damaged after frame {self._readable} of {len(self.frames)}, and"
                        " later commits are whole")
        return None

    @property
    def committed(self) -> tuple[Frame, ...]:
        """What was committed: all that SQLite reads; of a damaged WAL also what is whole after that."""
        if self.damage is None:
            return self.readable
        last = max(n for n, frame in enumerate(self.frames) if frame.ends_commit)
        return tuple(frame for frame in self.frames[:last + 1] if frame.whole)


def wal_of(path: Path) -> Path:
    """Beside the file of a database."""
    return path.with_name(path.name + "-wal")


def read_wal(path: Path) -> Wal:
    """Of the database at `path`; empty if there is none. Raises `OSError`.

    To be called while no connection of this process is open: closing any descriptor of these files
    drops the locks that SQLite holds.
    """
    try:
        return Wal(wal_of(path).read_bytes())
    except FileNotFoundError:
        return Wal(b"")


def _summed(order: str, content: bytes | memoryview, sum1: int, sum2: int) -> tuple[int, int]:
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for first, second in zip(words, words, strict=True):
        sum1 = sum1 + first + sum2 & _BOTH
        sum2 = sum2 + second + sum1 & _BOTH
    return sum1, sum2
