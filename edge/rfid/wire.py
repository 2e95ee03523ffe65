"""What the reader process and the controller say to each other over their socket pair.

A frame is a length of two bytes (big-endian) and a msgpack map that names its kind. `TagSeen` holds a
UID in clear: it lives in memory only, and its text form is masked so that no log can leak it.
"""

from typing import Annotated

import msgspec

from edge.controller.struct import Tagged

LENGTH_BYTES = 2
MAX_FRAME = 4096  # far above any message; a longer one means that the other side lost its mind


class Begin(Tagged):
    """Controller to reader, first of all. `held_uid`: the card seen last by a predecessor."""

    held_uid: bytes | None = None


class Feedback(Tagged):
    """Controller to reader: what became of a tap, for a reader that has a beeper or a light."""

    outcome: str  # accepted | refused


class Opening(Tagged):
    """Reader to controller: opening the device; no word is to be expected for `within_s`."""

    reader_id: str
    within_s: float


class Health(Tagged):
    """Reader to controller, at least once a second. `error` says why it is not well."""

    reader_id: str
    ok: bool
    error: str = ""


class TagSeen(Tagged):
    """Reader to controller: a card was tapped. `atqa` as sent over the air, low byte first.

    `ats` is empty unless the card speaks ISO-DEP (SAK bit 0x20) and answered RATS well.
    """

    reader_id: str
    uid: Annotated[bytes, msgspec.Meta(min_length=4, max_length=10)]
    sak: int
    atqa: bytes
    mono_ns: int
    ats: bytes = b""
    random: bool = False

    def __repr__(self) -> str:
        return (f"TagSeen(reader_id={self.reader_id!r}, uid=<{len(self.uid)} bytes>, "
                f"sak={self.sak:#04x}, random={self.random})")


FromReader = Opening | Health | TagSeen
ToReader = Begin | Feedback

_encode = msgspec.msgpack.encode
_reader_words: msgspec.msgpack.Decoder[FromReader] = msgspec.msgpack.Decoder(FromReader)
_controller_words: msgspec.msgpack.Decoder[ToReader] = msgspec.msgpack.Decoder(ToReader)


def to_frame(message: FromReader | ToReader) -> bytes:
    """Bytes to send."""
    body = _encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def frame_length(header: bytes) -> int:
    """Length of the body that follows; raises ValueError for one that nobody sends."""
    length = int.from_bytes(header, "big")
    if not 0 < length <= MAX_FRAME:
        raise ValueError(f"frame of {length} bytes on the reader's socket, expected 1 to {MAX_FRAME}")
    return length


def from_reader(body: bytes) -> FromReader:
    """Decodes a message of the reader; raises msgspec.DecodeError."""
    return _reader_words.decode(body)


def to_reader(body: bytes) -> ToReader:
    """Decodes a message of the controller; raises msgspec.DecodeError."""
    return _controller_words.decode(body)
