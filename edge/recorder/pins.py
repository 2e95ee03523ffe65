"""Pinned stretches: what the ring must not let go, by hard links into a folder for each pin.

A pin holds the five minutes before its cause and the five after it, as far as they come, also across
a crash: whoever starts next goes on with a pin that is open. What happens again while its pin is open
only lengthens it. There are so many at most, of so many bytes: then the oldest go, but the first of
each kind and the newest of all stay as long as that leaves anything to let go.
"""

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge.controller.events import Header
from edge.controller.struct import Value
from edge.recorder.ring import FILE_MODE, FOLDER_MODE, Kept, Ring, segments_in

FOLDER = "pinned"
NOTE = "pin.json"
AFTER_NS = 300 * 1_000_000_000
LONGEST_NS = 1800 * 1_000_000_000  # of a storm
BEFORE = 5  # whole segments

log = logging.getLogger(__name__)


class Cause(Value):
    """Why something is pinned. `kind`: a fault's code, "exception" or "request"; with `where` the same
    cause. `words`: for people.
    """

    kind: str
    where: str
    words: str


class Note(Value):
    """`pin.json`: a pin as it stands. `number`: of the segment in which it began, which with `boot` and
    `mono_ns` says when; `utc` only what the clock said then. `left_ns`: still to come, when this was
    written; 0: it is complete. `times`: how often its cause came.
    """

    kind: str
    where: str
    words: str
    number: int
    boot: int
    mono_ns: int
    utc: str | None
    clock_ok: bool
    left_ns: int
    span_ns: int = 0  # from its cause on
    times: int = 1


class Pins:
    """Belongs to the recorder's thread. Methods raise `OSError`."""

    def __init__(self, ring: Ring, *, most: int, most_bytes: int) -> None:
        self._ring, self._most, self._most_bytes = ring, most, most_bytes
        self.folder = ring.folder / FOLDER
        self._open: dict[str, tuple[Note, int]] = {}  # by folder name: and when `left_ns` held

    @property
    def open(self) -> bool:
        """Whether something is being pinned."""
        return bool(self._open)

    def load(self, at: Header) -> None:
        """Go on with the pins that the last recorder left open."""
        self.folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        for name, note in notes_in(self.folder).items():
            if note.left_ns > 0:
                self._open[name] = (note, at.mono_ns)

    def newest_segment(self) -> int:
        """Its number, 0 if nothing is pinned: numbers go on after it, whatever became of the ring."""
        return max((kept.number for name in notes_in(self.folder)
                    for kept in segments_in(self.folder / name)), default=0)

    def pin(self, cause: Cause, at: Header, current: Kept) -> None:
        """`current`: the segment in which the cause stands."""
        for name, (note, since_ns) in self._open.items():
            if (note.kind, note.where) == (cause.kind, cause.where):
                note = _aged(note, since_ns, at)
                left_ns = max(note.left_ns, min(AFTER_NS, LONGEST_NS - note.span_ns))
                self._note(name, msgspec.structs.replace(note, left_ns=left_ns, times=note.times + 1),
                           at)
                return
        name = f"{current.number:08d}-b{at.boot:05d}-{_plain(f'{cause.kind}-{cause.where}')}"
        (self.folder / name).mkdir(mode=FOLDER_MODE, exist_ok=True)
        for kept in [*self._ring][-1 - BEFORE:]:
            self._link(name, kept.path)
            _sync(self.folder / name / kept.path.name)
        self._note(name, Note(
            kind=cause.kind, where=cause.where, words=cause.words, number=current.number, boot=at.boot,
            mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok, left_ns=AFTER_NS), at)
        _sync(self.folder / name)
        _sync(self.folder)
        log.warning("flight recorder: pinned %s (%s)", name, cause.words)
        self.trim()

    def began(self, path: Path, at: Header) -> None:
        """A new segment: it belongs to every pin that is open."""
        for name, (note, since_ns) in list(self._open.items()):
            note = _aged(note, since_ns, at)
            if note.left_ns > 0:
                self._link(name, path)
            self._note(name, note, at)

    def ended(self, at: Header) -> None:
        """The recorder ends: how much of each pin is still to come."""
        for name, (note, since_ns) in list(self._open.items()):
            self._note(name, _aged(note, since_ns, at), at)

    def trim(self) -> None:
        """Keep within the bounds."""
        pins = notes_in(self.folder)
        while pins and (len(pins) > self._most or _size(self.folder, pins) > self._most_bytes):
            names = list(pins)
            first = {note.kind: name for name, note in reversed(pins.items())}.values()
            may_go = [name for name in names[:-1] if name not in first] or names[:-1]
            if not may_go:
                return
            shutil.rmtree(self.folder / may_go[0])
            self._open.pop(may_go[0], None)
            del pins[may_go[0]]

    def _link(self, name: str, path: Path) -> None:
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            (self.folder / name / path.name).hardlink_to(path)

    def _note(self, name: str, note: Note, at: Header) -> None:
        if note.left_ns > 0:
            self._open[name] = (note, at.mono_ns)
        else:
            self._open.pop(name, None)
        new = self.folder / name / f".{NOTE}"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            os.write(fd, msgspec.json.format(msgspec.json.encode(note)))
            os.fsync(fd)
        finally:
            os.close(fd)
        new.replace(self.folder / name / NOTE)


def notes_in(folder: Path) -> dict[str, Note]:
    """The pins of a folder by name, the oldest first. What cannot be read as one is none of ours."""
    found: dict[str, Note] = {}
    for note in sorted(folder.glob(f"*/{NOTE}")):
        try:
            found[note.parent.name] = msgspec.json.decode(note.read_bytes(), type=Note)
        except (OSError, ValueError) as error:
            log.warning("flight recorder: %s: %s", note, error)
    return found


def _aged(note: Note, since_ns: int, at: Header) -> Note:
    passed_ns = max(at.mono_ns - since_ns, 0)
    return msgspec.structs.replace(note, left_ns=max(note.left_ns - passed_ns, 0),
                                   span_ns=note.span_ns + passed_ns)


def _size(folder: Path, names: Iterable[str]) -> int:
    """A file that several pins share counts once."""
    return sum({kept.path.name: kept.size for name in names
                for kept in segments_in(folder / name)}.values())


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:60]


def _sync(path: Path) -> None:
    """Onto the disk, a file or a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
