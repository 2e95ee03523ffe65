"""A virtual ISO/IEC 14443-A field: cards that nfcpy's `udp` driver takes for real ones.

The radio is nfcpy's datagram format on one UDP socket that stays bound: `106A <hex>` is a frame of the
technology 106 kbit/s type A, `RFOFF` says that the reader switched its field off. There is no CRC in
it (chips add and check it themselves). At most one card is in the field at a time.

A field that is `cut` has its socket closed: frames to it come back as ICMP port unreachable,
which is as near to a reader without a cable as a simulated radio can get.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

REQA, WUPA, HALT = b"\x26", b"\x52", b"\x50\x00"
SELECT = (0x93, 0x95, 0x97)  # cascade levels 1 to 3: ISO/IEC 14443-3, 6.5.3
ANTICOLLISION, SELECT_ALL = 0x20, 0x70
CASCADE_TAG, UID_INCOMPLETE, ISO_DEP = 0x88, 0x04, 0x20
ATQA = {4: b"\x04\x00", 7: b"\x44\x00", 10: b"\x84\x00"}
SW_INS_NOT_SUPPORTED = b"\x6d\x00"

Apdu = Callable[[bytes], bytes]
Address = tuple[str | Any, int]


class VirtualCard:
    """The card's half of ISO/IEC 14443-3 and, with SAK bit 0x20, of ISO-DEP without chaining.

    `apdu` answers commands (a C-APDU in, an R-APDU out); without it every command is unknown.
    """

    def __init__(self, uid: bytes, *, sak: int, ats: bytes, apdu: Apdu | None = None) -> None:
        if len(uid) not in ATQA:
            raise ValueError(f"a UID has 4, 7 or 10 bytes, got {len(uid)}")
        self._sak, self._ats, self._apdu = sak, ats, apdu
        self._levels = [part + _bcc(part) for part in _cascade(uid)]
        self.atqa = ATQA[len(uid)]
        self.power_off()

    def power_off(self) -> None:
        """The reader's field is gone: a card without power forgets what it was told."""
        self._state = "idle"
        self._selected = 0  # cascade levels done
        self._block_number = 1
        self._last = b""

    def answer(self, frame: bytes) -> bytes | None:
        """What the card sends back, None when it stays silent."""
        if frame in (REQA, WUPA):
            if self._state != "idle" and not (self._state == "halted" and frame == WUPA):
                self._state = "idle"
                return None
            self._state, self._selected = "ready", 0
            return self.atqa
        if self._state == "ready":
            return self._anticollision(frame)
        if self._state == "active":
            return self._activated(frame)
        return self._block(frame) if self._state == "iso-dep" else None

    def _anticollision(self, frame: bytes) -> bytes | None:
        if len(frame) < 2 or frame[0] != SELECT[self._selected]:
            return None
        level = self._levels[self._selected]
        if frame[1] == ANTICOLLISION and len(frame) == 2:
            return level
        if frame[1] != SELECT_ALL or frame[2:] != level:
            return None
        self._selected += 1
        if self._selected < len(self._levels):
            return bytes([self._sak | UID_INCOMPLETE])
        self._state = "active"
        return bytes([self._sak & ~UID_INCOMPLETE])

    def _activated(self, frame: bytes) -> bytes | None:
        if frame == HALT:
            self._state = "halted"
        elif len(frame) == 2 and frame[0] == 0xE0 and self._sak & ISO_DEP:
            self._state, self._block_number = "iso-dep", 1
            return self._ats
        return None

    def _block(self, frame: bytes) -> bytes | None:
        """14443-4, 7.5: I-blocks in one piece, R(NAK) as presence check or repeat, S(DESELECT)."""
        control = frame[0]
        if control & 0xFE == 0x02:
            self._block_number = control & 1
            reply = SW_INS_NOT_SUPPORTED if self._apdu is None else self._apdu(frame[1:])
            self._last = bytes([control]) + reply
            return self._last
        if control & 0xFE == 0xB2:
            if control & 1 == self._block_number and self._last:
                return self._last
            return bytes([0xA2 | self._block_number])
        if control == 0xC2:
            self._state = "halted"
            return b"\xc2"
        return None


class CardField(asyncio.DatagramProtocol):
    """The field of one reader. `port` 0 takes a free one; it stays the same through `cut`.

    Faults count down frames: `lose`, `flip` (one bit in the answer) and `garble` (no frame at all).
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.polls = 0  # REQA and WUPA of a reader: grows while one looks for cards
        self._transport: asyncio.DatagramTransport | None = None
        self._card: VirtualCard | None = None
        self._reader: Address | None = None
        self._faults: deque[Callable[[bytes], bytes | None]] = deque()

    async def start(self) -> None:
        """Binds 127.0.0.1; raises OSError when the port is taken."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", self.port))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def cut(self) -> None:
        """Pulls the reader's cable: nobody answers on the port any more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def restore(self) -> None:
        """Puts the cable back, at the same port; raises OSError when somebody took it."""
        if self._transport is None:
            await self.start()

    async def stop(self) -> None:
        """As `cut`, and waits until the socket is really closed."""
        self.cut()
        await asyncio.sleep(0)

    def present(self, uid_hex: str, *, sak: int | None = None, ats: bytes | str = "0578807002",
                apdu: Apdu | None = None) -> None:
        """Lays a card into the field, in place of one that was there.

        `sak`: 0x20 (ISO-DEP) when not given. `ats`: bytes or hex. Raises ValueError.
        """
        ats_bytes = bytes.fromhex(ats) if isinstance(ats, str) else ats
        self._card = VirtualCard(bytes.fromhex(uid_hex), sak=ISO_DEP if sak is None else sak,
                                 ats=ats_bytes, apdu=apdu)

    def remove(self) -> None:
        """Takes the card away."""
        self._card = None

    async def tap(self, uid_hex: str, for_s: float = 0.8, *, sak: int | None = None) -> None:
        """Holds a card to the reader for `for_s`, as a person does."""
        self.present(uid_hex, sak=sak)
        await asyncio.sleep(for_s)
        self.remove()

    def lose(self, count: int) -> None:
        """The next answers never arrive."""
        self._faults.extend([lambda _: None] * count)

    def flip(self, count: int) -> None:
        """The next answers arrive with a wrong bit in their last byte."""
        self._faults.extend([lambda answer: answer[:-1] + bytes([answer[-1] ^ 0x01])] * count)

    def garble(self, count: int) -> None:
        """The next answers are no frames of this technology at all."""
        self._faults.extend([lambda _: b""] * count)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """One frame of a reader."""
        if self._transport is None:
            return
        if data.startswith(b"RFOFF"):
            self._power_off()
            return
        technology, _, text = data.partition(b" ")
        if technology != b"106A":
            return
        frame = bytes.fromhex(text.decode())
        self.polls += frame in (REQA, WUPA)
        if addr != self._reader:  # another reader, or a new life of the same: its field is another
            self._power_off()
            self._reader = addr
        answer = None if self._card is None else self._card.answer(frame)
        if answer is None:
            return
        sent = self._faults.popleft()(answer) if self._faults else answer
        if sent is not None:
            self._transport.sendto(b"106A " + (sent.hex().encode() or b"zz"), addr)

    def _power_off(self) -> None:
        if self._card is not None:
            self._card.power_off()


def _cascade(uid: bytes) -> list[bytes]:
    """The four bytes of each cascade level: 14443-3, 6.5.4."""
    if len(uid) == 4:
        return [uid]
    tag = bytes([CASCADE_TAG])
    if len(uid) == 7:
        return [tag + uid[:3], uid[3:]]
    return [tag + uid[:3], tag + uid[3:6], uid[6:]]


def _bcc(part: bytes) -> bytes:
    check = 0
    for byte in part:
        check ^= byte
    return bytes([check])
