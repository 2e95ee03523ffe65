"""Rows of a journal, found by what they look like in its raw pages.

Neither the tree above a row nor the head of its page is needed: a row begins with the list of the
kinds of its columns. What is found may be stale, torn or chance: `proving.py` tells.

The contents of rows stay in the file until they are asked for: all of them may be more than there is
memory.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

from edge.controller.effects import Stream
from edge.journal.pages import Pages, Unreadable, Value, values, varint
from edge.journal.row import Row, row_hash

#: Length of the list, seq (kept elsewhere), type, utc or NULL, boot, mono_ns, clock_ok, data, hash of
#: 32 bytes: the serial types of https://sqlite.org/fileformat2.html#record_format
_LIST = re.compile(rb"(?=[\x09-\x0d]\x00(?:[\x0d-\x7f]|[\x81-\x83][\x00-\x7f])[\x00\x0d-\x7f]"
                   rb"[\x01-\x06\x08\x09]{2}[\x08\x09](?:[\x0c-\x7f]|[\x81-\xff]{1,3}[\x00-\x7f])\x4c)",
                   re.S)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be row `seq` of some stream. `digest`: of its data, which is read again when needed."""

    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    digest: bytes
    hash: bytes
    read: Callable[[], bytes] = field(compare=False)

    def hash_after(self, prev: bytes, epoch: str, stream: Stream) -> bytes:
        """What its hash would be in that place."""
        return row_hash(prev, epoch, stream.value, self.seq, self.type, self.utc, self.boot,
                        self.mono_ns, self.clock_ok, self.read())

    def row(self, prev: bytes, epoch: str, stream: Stream, hash_: bytes) -> Row:
        """The row that it is in that place."""
        return Row(epoch=epoch, stream=stream, seq=self.seq, type=self.type, utc=self.utc,
                   boot=self.boot, mono_ns=self.mono_ns, clock_ok=self.clock_ok, data=self.read(),
                   prev=prev, hash=hash_)


Candidates = dict[int, list[Candidate]]


def candidates(pages: Pages) -> Candidates:
    """Everything that looks like a row, by its seq. Newer images of a page come first."""
    found: Candidates = {}
    for number in pages.images():
        image = pages.image(number)
        for match in _LIST.finditer(image):
            try:
                one = _candidate(pages, number, image, match.start())
            except (Unreadable, IndexError):
                continue
            if one is not None and one not in (there := found.setdefault(one.seq, [])):
                there.append(one)
    return found


def _candidate(pages: Pages, number: int, image: bytes, at: int) -> Candidate | None:
    length = _length(image, at)
    seq = _seq_before(image, at, length)
    if seq is None:
        return None
    _, type_, utc, boot, mono_ns, clock_ok, data, hash_ = _columns(pages, image, at, length)
    if (isinstance(type_, str) and isinstance(utc, str | None) and isinstance(boot, int)
            and isinstance(mono_ns, int) and clock_ok in (0, 1) and isinstance(data, bytes)
            and isinstance(hash_, bytes)):
        return Candidate(seq, sys.intern(type_), utc, boot, mono_ns, bool(clock_ok),
                         blake2b(data, digest_size=16).digest(), hash_,
                         partial(_data, pages, number, at, length))
    return None


def _columns(pages: Pages, image: bytes, at: int, length: int) -> tuple[Value, ...]:
    return values(pages.payload(image, at, length, in_table=True))


def _data(pages: Pages, number: int, at: int, length: int) -> bytes:
    """Of a candidate, from where it was. Other bytes, if the disk gives others now: no hash fits."""
    try:
        data = _columns(pages, pages.image(number), at, length)[6]
    except (Unreadable, IndexError):
        return b""
    return data if isinstance(data, bytes) else b""


def _length(image: bytes, at: int) -> int:
    """Of the record whose list begins there."""
    end = at + image[at]
    length, at = image[at], at + 1
    while at < end:
        serial, at = varint(image, at)
        length += (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[serial] if serial < 10 else (serial - 12) // 2
    if at != end:
        raise Unreadable("a list that does not end where it says")
    return length


def _seq_before(image: bytes, at: int, length: int) -> int | None:
    """The number before a record: the length of the record stands before that."""
    told = _varint_of(length)
    for begin in range(at - 1, max(at - 10, 0), -1):
        if begin < at - 1 and image[begin] < 0x80:
            return None
        if image[begin - len(told):begin] == told and (image[begin - 1] < 0x80):
            seq, end = varint(image, begin)
            if end == at and seq > 0:
                return seq
    return None


def _varint_of(number: int) -> bytes:
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(number & 0x7F | 0x80)
    return bytes(reversed(parts))
