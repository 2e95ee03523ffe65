"""The hunt for the one answer among whatever else is heard: noise, echoes, frames of others.

Pure. A right frame is no proof by itself: a longer frame of another device may hold its bytes. So what
stands before it must be whole frames or a little noise, nothing that was announced may reach over it,
and where that is in doubt the line must fall silent before it counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

from edge.bus.frame import LONGEST, Expected, crc16, crc_ends
from edge.bus.pdu import EXCEPTION_BIT, READ_IDENTITY, identity_size

_LITTLE = 3  # bytes of noise that a driver makes as it switches
# More noise than this is none, but a damaged frame that may hold anything:
_BEFORE = 16
_AFTER = 12  # if there was more than a little before
# Functions whose frames do not say how long they are (application protocol 5 and 6), or not to us:
_ANY_LENGTH = frozenset((7, 8, 11, 12, 17, 20, 21, 22, 24, *range(65, 73), *range(100, 111)))


class Match(NamedTuple):
    """An answer, and where in what was heard. Not `sure`: only if the line is silent from here on."""

    answer: bytes
    at: int
    end: int
    sure: bool


class Aside(NamedTuple):
    """What was heard besides an answer."""

    frames: tuple[bytes, ...]
    rest: tuple[int, ...]  # where the bytes are that belong to none

    @property
    def noise(self) -> int:
        """Bytes."""
        return len(self.rest)

    def requests(self, but: bytes) -> int:
        """How many of the frames are requests, `but` our own: somebody else asks on this line."""
        return sum(frame != but and _is_request(frame) for frame in self.frames)


def hunt(expected: Expected, data: bytes) -> Match | None:
    """The answer in `data`; `None`: not there (yet), or two that contradict each other."""
    found: Match | None = None
    for at, end in expected.candidates(data):
        if found is not None and at < found.end:
            continue
        if at == 0:
            match = Match(data[1:end - 2], 0, end, sure=True)
        else:
            rest = aside(data[:at]).rest
            if len(rest) > _BEFORE or _enclosed(data, rest, end):
                continue
            few = len(rest) <= _LITTLE
            if not few and _announced(data, _heads(data, rest, at), end):
                continue  # in a frame that was damaged, by its own account
            sure = few and not _announced(data, rest, len(data) + 1)
            if not sure and aside(data[end:]).noise > _AFTER:
                continue  # the middle of something
            match = Match(data[at + 1:end - 2], at, end, sure)
        if found is not None and found.answer != match.answer:
            return None
        found = found or match
    return found


def find(expected: Expected, data: bytes) -> bytes | None:
    """The answer PDU in what was heard before the line fell silent."""
    match = hunt(expected, data)
    return None if match is None else match.answer


def aside(data: bytes) -> Aside:
    """Whole frames of anybody, one behind the other, and how many bytes are none."""
    frames, rest, at = [], [], 0
    while at < len(data):
        for length in _lengths(data, at):
            end = at + length
            if end <= len(data) and crc16(data[at:end - 2]) == data[end - 2:end]:
                frames.append(data[at:end])
                at = end
                break
        else:
            rest.append(at)
            at += 1
    return Aside(tuple(frames), tuple(rest))


def _enclosed(data: bytes, starts: tuple[int, ...], end: int) -> bool:
    """Whether a longer frame with a right CRC begins at one of `starts` and reaches over `end`."""
    for first in starts:
        frame = data[first:first + LONGEST]
        if 0 < frame[0] <= 247 and len(frame) > 1:
            ends = tuple(_lengths(data, first)) if frame[1] not in _ANY_LENGTH else range(LONGEST + 1)
            if any(first + length >= end and length in ends for length in crc_ends(frame)):
                return True
    return False


def _heads(data: bytes, rest: tuple[int, ...], before: int) -> tuple[int, ...]:
    """Where damaged frames may begin: what one announces to be its own begins no other."""
    heads, free = [], 0
    for first in rest:
        lengths = tuple(_lengths(data, first)) if free <= first <= before - 3 else ()
        if lengths:
            heads.append(first)
            free = first + max(lengths)
    return tuple(heads)


def _announced(data: bytes, starts: tuple[int, ...], end: int) -> bool:
    """Whether one of `starts` may be the head of a frame that says that it reaches to `end`."""
    return any(first + length >= end for first in starts for length in _lengths(data, first))


def _lengths(data: bytes, at: int) -> Iterator[int]:
    """How long the frame may be that begins at `at`: as an answer, as a request."""
    head = data[at:at + 8]
    if len(head) < 3 or not 0 < head[0] <= 247:
        return
    function = head[1]
    if function in (1, 2, 3, 4, 23) and head[2] and head[2] <= 250:
        yield 5 + head[2]
    if function in (1, 2, 3, 4, 5, 6, 15, 16):
        yield 8
    if function in (15, 16) and len(head) > 6:
        yield 9 + head[6]
    if function & EXCEPTION_BIT:
        yield 5
    if function == READ_IDENTITY:
        size = identity_size(data[at + 1:])
        yield LONGEST if size is None else size + 3
        yield 7


def _is_request(frame: bytes) -> bool:
    """Whether a whole frame can only be a request (a write's answer looks like none of these)."""
    function, size = frame[1], len(frame)
    if function in (1, 2, 3, 4):
        return size == 8 and (frame[2] != 3 or function > 2) and frame[4:6] != b"\x00\x00"
    return function in (15, 16) and size == 9 + frame[6] and size > 9
