"""The card's half of ISO/IEC 14443-4 (a PICC): RATS, blocks both ways, waiting times, DESELECT.

Rules are numbered as in 7.5.4 and 7.5.5 there. Neither CID nor NAD: a block that has one stays without
an answer, as does any frame that is longer than the card said it takes, and anything else out of order.
"""

from typing import Protocol

CRC_BYTES = 2  # on the air; nobody here sees them
FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
DEFAULT_FSCI = 2
SW_INS_NOT_SUPPORTED, SW_WRONG_LENGTH = b"\x6d\x00", b"\x67\x00"
_RATS, _PPS = 0xE0, 0xD0
_I, _R_ACK, _R_NAK, _WTX, _DESELECT = 0x02, 0xA2, 0xB2, 0xF2, 0xC2
_CHAINING, _NUMBER = 0x10, 0x01
_WTXM = 2


class Applet(Protocol):
    """What answers commands. Its random numbers come from `random_bytes(count)`, so that a test can
    give those of a published example.
    """

    def reset(self) -> None:
        """Power was lost or the card deselected: sessions end, what is stored stays."""

    def apdu(self, command: bytes) -> bytes:
        """A C-APDU in, an R-APDU out, with its status word."""


class Bare:
    """An applet that knows no command: of a card that is only a number, and of a copy of one."""

    def reset(self) -> None:
        """Nothing to forget."""

    def apdu(self, command: bytes) -> bytes:
        """6D00."""
        return SW_INS_NOT_SUPPORTED if len(command) >= 4 else SW_WRONG_LENGTH


class Picc:
    """Blocks in, blocks out. `asleep` after DESELECT."""

    def __init__(self, applet: Applet, *, ats: bytes, frame_at_most: int = 256, waits: int = 0,
                 waits_in_chain: int = 0) -> None:
        """`frame_at_most`: a card with a small buffer sends frames of that size (bytes with PCB and
        CRC, at least 16) whatever the reader takes. `waits`: how often it asks for more time, S(WTX),
        before each answer, and `waits_in_chain` before each further block of a chained one.
        """
        self._applet, self._ats = applet, ats
        self._at_most, self._waits, self._waits_in_chain = frame_at_most, waits, waits_in_chain
        told = ats[1] & 0x0F if len(ats) > 1 else DEFAULT_FSCI
        self._takes = FRAME_SIZES[min(told, 8)] - CRC_BYTES
        self.power_off()

    def power_off(self) -> None:
        """Back to where RATS is waited for."""
        self._active = self.asleep = False
        self._frame = 16
        self._number = 1  # rule C
        self._heard, self._parts = b"", list[bytes]()  # of a command; of an answer
        self._last: bytes | None = None
        self._owed_waits = 0
        self._pending: bytes | None = None  # a whole command that waits for S(WTX)
        self._applet.reset()

    def answer(self, frame: bytes) -> bytes | None:
        """To one frame, None for silence."""
        if not self._active:
            return self._activated(frame)
        if not frame or len(frame) > self._takes:
            return None
        control = frame[0]
        if control & ~(_CHAINING | _NUMBER) == _I:
            return self._information(frame)
        if control & ~_NUMBER in (_R_ACK, _R_NAK) and len(frame) == 1:
            return self._reply(control)
        if control == _WTX and frame[1:] == bytes([_WTXM]) and self._owed_waits:
            self._owed_waits -= 1
            return self._sent(self._wait_or_next())
        if frame == bytes([_DESELECT]):  # rule 3
            self.asleep = True
            return frame
        # 5.3: the only frame that is no block, and only as the first one
        return bytes([control]) if control & 0xF0 == _PPS and self._last is None else None

    def _activated(self, frame: bytes) -> bytes | None:
        if len(frame) != 2 or frame[0] != _RATS or frame[1] & 0x0F == 0x0F:
            return None
        self._active = True
        self._frame = min(FRAME_SIZES[min(frame[1] >> 4, 8)], self._at_most)
        return self._ats

    def _information(self, frame: bytes) -> bytes | None:
        """Rules D, 2 and 10: whatever its number, it is a new block."""
        if self._owed_waits or self._parts:
            return None
        self._number ^= 1
        self._heard += frame[1:]
        if frame[0] & _CHAINING:
            return self._sent(bytes([_R_ACK | self._number]))
        self._pending, self._heard = self._heard, b""
        self._owed_waits = self._waits
        return self._sent(self._wait_or_next())

    def _reply(self, control: int) -> bytes | None:
        """Rules 11 to 13. R(ACK) of the other number asks for the next block of the answer."""
        if control & _NUMBER == self._number and self._last is not None:
            return self._last
        if control & ~_NUMBER == _R_NAK:
            return bytes([_R_ACK | self._number])
        if not self._parts or self._owed_waits:
            return None
        self._number ^= 1
        self._owed_waits = self._waits_in_chain
        return self._sent(self._wait_or_next())

    def _wait_or_next(self) -> bytes:
        """Rule 9: S(WTX) first, as often as is owed; then the answer or the next block of it."""
        if self._owed_waits:
            return bytes([_WTX, _WTXM])
        if self._pending is not None:
            reply, self._pending = self._applet.apdu(self._pending), None
            room = self._frame - 1 - CRC_BYTES
            self._parts = [reply[at:at + room] for at in range(0, len(reply), room)]
        part = self._parts.pop(0)
        more = _CHAINING if self._parts else 0
        return bytes([_I | more | self._number]) + part

    def _sent(self, block: bytes) -> bytes:
        self._last = block
        return block
