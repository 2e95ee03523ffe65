"""NFC Forum Type 2 cards: NTAG 213, 215, 216 and MIFARE Ultralight EV1. Raw frames, no ISO-DEP.

READ, FAST_READ, GET_VERSION and READ_SIG; nothing can be written. Source: NXP's data sheets.
"""

ATQA, SAK = b"\x44\x00", 0x00
#: By kind: what GET_VERSION tells, and how many pages of four bytes there are.
KINDS = {
    "ntag213": (bytes.fromhex("0004040201000F03"), 45),
    "ntag215": (bytes.fromhex("0004040201001103"), 135),
    "ntag216": (bytes.fromhex("0004040201001303"), 231),
    "ultralight-ev1": (bytes.fromhex("0004030101000B03"), 20),
}
NAK_ARGUMENT = b"\x00"  # four bits on the air
_READ, _FAST_READ, _GET_VERSION, _READ_SIG = 0x30, 0x3A, 0x60, 0x3C
_CAPABILITY = {"ntag213": 0x12, "ntag215": 0x3E, "ntag216": 0x6D}
_SIGNATURE_BYTES = 32


class Type2:
    """The inside of such a card. Raises ValueError for an unknown kind.

    `signature`: the maker's, 32 bytes; a card that is no original answers NAK.
    """

    def __init__(self, uid: bytes, kind: str, signature: bytes | None = None) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: got {kind!r}, expected one of {', '.join(KINDS)}")
        if signature is not None and len(signature) != _SIGNATURE_BYTES:
            raise ValueError(f"signature: got {len(signature)} bytes, expected {_SIGNATURE_BYTES}")
        self._version, self._pages = KINDS[kind]
        self._signature = signature
        first = 0x88 ^ uid[0] ^ uid[1] ^ uid[2]
        second = uid[3] ^ uid[4] ^ uid[5] ^ uid[6]
        head = uid[:3] + bytes([first]) + uid[3:] + bytes([second, 0x48, 0, 0])
        capability = bytes([0xE1, 0x10, _CAPABILITY[kind], 0]) if kind in _CAPABILITY else bytes(4)
        self._memory = (head + capability).ljust(4 * self._pages, b"\x00")
        self.asleep = False

    def power_off(self) -> None:
        """Awake again."""
        self.asleep = False

    def answer(self, frame: bytes) -> bytes | None:
        """To one command; after a NAK the card waits to be called anew."""
        reply = self._reply(frame)
        if reply is None:
            self.asleep = True
            return NAK_ARGUMENT
        return reply

    def _reply(self, frame: bytes) -> bytes | None:
        if frame == bytes([_GET_VERSION]):
            return self._version
        if frame == bytes([_READ_SIG, 0]):
            return self._signature
        if len(frame) == 2 and frame[0] == _READ and frame[1] < self._pages:
            return (self._memory * 2)[4 * frame[1]:4 * frame[1] + 16]  # it goes on at page 0
        if len(frame) == 3 and frame[0] == _FAST_READ and frame[1] <= frame[2] < self._pages:
            return self._memory[4 * frame[1]:4 * frame[2] + 4]
        return None
