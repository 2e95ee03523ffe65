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
    """Controller to reader, first of all. `held_uid`: the card seen last by a predecessor, and the
    number of that tap.
    """

    held_uid: bytes | None = None
    last_tap: int = 0

    def __repr__(self) -> str:
        return f"Begin(held_uid=<{len(self.held_uid or b'')} bytes>, last_tap={self.last_tap})"


class Feedback(Tagged):
    """Controller to reader: what became of a tap, for a reader that has a beeper or a light."""

    outcome: str  # accepted | refused


class Mutual(Tagged):
    """A way to prove a card: AES, both sides (L3). `application`: the AID to select, 3 bytes in display
    order for DESFire, or the DF name of NTAG 424 (7 bytes). `keys`: the present one first, then older
    ones; never shown.
    """

    protocol: str  # ev2 | ev1
    application: bytes
    key_no: int
    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Mutual(protocol={self.protocol!r}, key_no={self.key_no}, keys=<{len(self.keys)}>)"


class Certificate(Tagged):
    """A way to prove a card: its certificate, signed by one of these authorities (L4).

    `authorities`: uncompressed points (65 bytes) on brainpoolP256r1, by their id in the certificate.
    `day`: today as YYMMDD for its dates, None while nobody knows.
    """

    authorities: dict[str, bytes]
    day: str | None = None


class Sun(Tagged):
    """Read the card's SUN message; who holds its keys judges it (L2)."""


class Originality(Tagged):
    """Read and verify the maker's signature of the UID (L1): genuine, which is not yet uncopied."""


class RealUid(Mutual):
    """As `Mutual`, with a key of the site that all its cards share, for the true UID of a card that
    makes one up at each tap. Proves no level: the card's own key comes after it.
    """


Way = Mutual | RealUid | Certificate | Sun | Originality


class Prove(Tagged):
    """Controller to reader, after each `TagSeen`: what to ask of that card, while it still lies there.

    Each `Prove` is answered by one `CardProof`; without `ways` the card is let go, unanswered.
    """

    tap: int
    ways: tuple[Way, ...] = ()


class Opening(Tagged):
    """Reader to controller: opening the device; no word is to be expected for `within_s`."""

    reader_id: str
    within_s: float


class Health(Tagged):
    """Reader to controller, at least once a second. `error` says why it is not well; `chip` what it
    is, once it was opened.
    """

    reader_id: str
    ok: bool
    error: str = ""
    chip: str = ""


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
    tap: int = 0  # grows by one with each tap, through all lives of the process
    card_kind: str = ""  # as far as it shows without asking: `kind.py`

    def __repr__(self) -> str:
        return (f"TagSeen(reader_id={self.reader_id!r}, uid=<{len(self.uid)} bytes>, "
                f"sak={self.sak:#04x}, random={self.random})")


class CardProof(Tagged):
    """Reader to controller: how the first of the ways that this card speaks ended.

    `uid`: the one that was proven, or found (`RealUid`). `message`: of SUN, as it was read. `unproven`:
    a word of `Unproven`; then `level` is 0. `detail` names no number and no key.
    """

    reader_id: str
    tap: int
    level: int = 0
    uid: bytes = b""
    message: bytes = b""
    unproven: str | None = None
    detail: str = ""

    def __repr__(self) -> str:
        return (f"CardProof(reader_id={self.reader_id!r}, tap={self.tap}, level={self.level}, "
                f"unproven={self.unproven!r}, detail={self.detail!r})")


FromReader = Opening | Health | TagSeen | CardProof
ToReader = Begin | Feedback | Prove

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
