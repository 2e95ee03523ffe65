"""A file of the recorder: one stretch of steps that can be told again without any other file.

`MAGIC`, the format's version (2 bytes), then blocks: kind (1 byte), length (4), CRC-32 of the content
(4), content; all big-endian. First the head (MessagePack), then the keyframe: the whole state before
the first step, the plan of the site included. Then steps; at last the end, if the recorder came to
write it. Keyframe and steps are one stream of zlib that is flushed after each block: a file that was
torn (a crash, a power cut) loses its last block and nothing else.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from edge.controller.events import Stamped
from edge.controller.state import Site
from edge.controller.struct import Value
from edge.controller.version import CORE_VERSION
from edge.recorder import codec

MAGIC = b"FCFLIGHT"
FORMAT = 1
SUFFIX = ".flight"
_HEAD, _KEYFRAME, _STEPS, _END = range(1, 5)
_BLOCK = struct.Struct(">BII")
_VERSION = struct.Struct(">H")
_LEVEL = 6
MAX_BLOCK_BYTES = 64_000_000  # a length beyond is none; of what it unpacks to, too


class Head(Value):
    """Who wrote it, and where it stands. `number`: of the segment, one more each, over all boots.

    `follows`: its keyframe is the state at the end of the segment before. `lost`: steps that were
    dropped before it since the segment before. `mono_ns`, `utc`: of its first step.
    """

    software: str
    site_id: str
    epoch: str
    boot: int
    number: int
    mono_ns: int
    utc: str | None = None
    follows: bool = False
    lost: int = 0
    core_version: int = CORE_VERSION


class End(Value):
    """The recorder left the segment in order. `state`: `codec.digest` of the state then."""

    steps: int
    state: bytes


class Unreadable(Exception):
    """Not a recording, or one that cannot be read: which file, what was expected, what was found."""


class Packer:
    """Makes the blocks of one segment, in order."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL)

    def begin(self, head: Head, site: Site) -> bytes:
        """Everything before the first step."""
        return b"".join((MAGIC, _VERSION.pack(FORMAT), _block(_HEAD, msgspec.msgpack.encode(head)),
                         self._packed(_KEYFRAME, codec.site_bytes(site))))

    def steps(self, steps: Sequence[tuple[Stamped, codec.Outcome]]) -> bytes:
        """Steps of this boot, at least one."""
        return self._packed(_STEPS, codec.pack(steps))

    def end(self, steps: int, site: Site) -> bytes:
        """How many steps it holds, and the state after the last one."""
        return _block(_END, msgspec.msgpack.encode(
            End(steps=steps, state=codec.digest(codec.site_bytes(site)))))

    def _packed(self, kind: int, content: bytes) -> bytes:
        return _block(kind, self._stream.compress(content) + self._stream.flush(zlib.Z_SYNC_FLUSH))


def _block(kind: int, content: bytes) -> bytes:
    return _BLOCK.pack(kind, len(content), zlib.crc32(content)) + content


class Segment:
    """A file that is read. `head` at once, the rest as it is asked for, in this order: `keyframe`,
    `steps`; then `end` (None: it has none) and `torn` (why its tail cannot be read, or None).

    Raises `Unreadable` for a file that is no segment, or one of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror or error}") from None
        self._at = len(MAGIC) + _VERSION.size
        if self._data[:len(MAGIC)] != MAGIC or len(self._data) < self._at:
            raise Unreadable(f"{path}: got {self._data[:len(MAGIC)]!r} at its beginning,"
                             f" expected {MAGIC!r}: no flight recording")
        (found,) = _VERSION.unpack_from(self._data, len(MAGIC))
        if found != FORMAT:
            raise Unreadable(f"{path}: got format {found}, expected {FORMAT}")
        self._stream = zlib.decompressobj()
        self.end: End | None = None
        self.torn: str | None = None
        self.head = self._read_head()

    def keyframe(self) -> tuple[Site, bytes]:
        """The state before the first step, and its bytes."""
        kind, content = self._next()
        if kind != _KEYFRAME:
            raise Unreadable(f"{self.path}: got {self.torn or f'block {kind}'}, expected a keyframe")
        try:
            data = self._unpacked(content)
            return codec.site_of(data), data
        except (zlib.error, ValueError) as error:
            raise Unreadable(f"{self.path}: keyframe: {error}{self._other_core()}") from None

    def steps(self) -> Iterator[codec.Step]:
        """All steps up to the end or to where it is torn."""
        while True:
            kind, content = self._next()
            if kind == _STEPS:
                try:
                    steps = list(codec.unpack(self._unpacked(content)))
                except (zlib.error, ValueError) as error:
                    raise Unreadable(f"{self.path}: steps: {error}{self._other_core()}") from None
                yield from steps
            elif kind == _END:
                self.end = msgspec.msgpack.decode(content, type=End)
                return
            else:
                self.torn = self.torn or (f"block {kind}" if kind is not None else None)
                return

    def _read_head(self) -> Head:
        kind, content = self._next()
        try:
            if kind == _HEAD:
                return msgspec.msgpack.decode(content, type=Head)
        except msgspec.MsgspecError as error:
            raise Unreadable(f"{self.path}: head: {error}") from None
        raise Unreadable(f"{self.path}: got {self.torn or f'block {kind}'}, expected a head")

    def _next(self) -> tuple[int | None, bytes]:
        """The next block; (None, b"") at the end of the file or from where it is torn."""
        data, at = self._data, self._at
        if at == len(data):
            return None, b""
        if at + _BLOCK.size > len(data):
            return self._tear(f"{len(data) - at} bytes that are no block")
        kind, length, checksum = _BLOCK.unpack_from(data, at)
        content = data[at + _BLOCK.size:at + _BLOCK.size + length]
        if len(content) < length:
            return self._tear(f"{len(content)} of {length} bytes of a block")
        if zlib.crc32(content) != checksum:
            return self._tear("a block with a wrong checksum")
        self._at = at + _BLOCK.size + length
        return kind, content

    def _tear(self, what: str) -> tuple[None, bytes]:
        self.torn = f"{what} at byte {self._at} of {len(self._data)}"
        self._at = len(self._data)
        return None, b""

    def _unpacked(self, content: bytes) -> bytes:
        data = self._stream.decompress(content, MAX_BLOCK_BYTES)
        if self._stream.unconsumed_tail:
            raise ValueError(f"a block unpacks to more than {MAX_BLOCK_BYTES} bytes")
        return data

    def _other_core(self) -> str:
        wrote = self.head.core_version
        return "" if wrote == CORE_VERSION else (
            f" (written by core version {wrote}, this is {CORE_VERSION}: take the software"
            f" {self.head.software} to read it)")
