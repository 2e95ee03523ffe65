"""The field of one reader: which card lies in it, and what goes wrong in the air between them.

`CardField` is a radio that nfcpy's `udp` driver takes for a real one, in nfcpy's datagram format on one
UDP socket that stays bound: `106A <hex>` is a frame of the technology 106 kbit/s type A, `RFOFF` says
that the reader switched its field off. There is no CRC in it (chips add and check it themselves). At
most one card is in the field at a time. `pn532_chip.py` is another radio over the same `Air`.

A field that is `cut` has its socket closed: frames to it come back as ICMP port unreachable,
which is as near to a reader without a cable as a simulated radio can get.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hil_tests.virtual.card import ISO_DEP, REQA, WUPA, VirtualCard
from hil_tests.virtual.picc import Bare, Picc

DEFAULT_ATS = "0578807002"
FAULTS = ("lose", "spoil", "flip", "garble", "late", "torn")

Address = tuple[str | Any, int]


@dataclass(frozen=True)
class Answer:
    """What comes back. Empty `frame`: something, but no frame of this technology; `spoilt`: a chip
    would see a checksum that does not fit.
    """

    frame: bytes
    late_s: float = 0.0
    spoilt: bool = False


_Fault = Callable[[bytes], Answer | None]


class Air:
    """One card at most. Faults count answers of the card, from now on, and come one after another."""

    def __init__(self) -> None:
        self.polls = 0  # REQA and WUPA of a reader: grows while one looks for cards
        self.answers = 0  # frames that cards have sent so far
        self._card: VirtualCard | None = None
        self._faults: deque[_Fault] = deque()
        self._torn_in: int | None = None

    def present(self, card: VirtualCard | str, *, sak: int | None = None,
                ats: bytes | str = DEFAULT_ATS) -> None:
        """Lays a card into the field, in place of one that was there.

        A UID in hex is a card that is only a number; `sak`: 0x20 (ISO-DEP) when not given, `ats`: bytes
        or hex. Raises ValueError.
        """
        if isinstance(card, str):
            card = number_card(bytes.fromhex(card), sak=ISO_DEP if sak is None else sak,
                               ats=bytes.fromhex(ats) if isinstance(ats, str) else ats)
        card.power_off()
        self._card, self._torn_in = card, None

    def remove(self) -> None:
        """Takes the card away."""
        self._card = None

    def power_off(self) -> None:
        """The reader has switched its field off."""
        if self._card is not None:
            self._card.power_off()

    def exchange(self, frame: bytes) -> Answer | None:
        """One frame of the reader, and what comes back; None: nothing."""
        self.polls += frame in (REQA, WUPA)
        if self._torn_in == 0:
            self.remove()
        answer = None if self._card is None else self._card.answer(frame)
        if answer is None:
            return None
        self.answers += 1
        if self._torn_in is not None:
            self._torn_in -= 1
        return self._faults.popleft()(answer) if self._faults else Answer(answer)

    def lose(self, count: int) -> None:
        """The next answers never arrive."""
        self._faults.extend([lambda _: None] * count)

    def spoil(self, count: int) -> None:
        """The next answers arrive with a wrong checksum: the reader knows that it missed something."""
        self._faults.extend([lambda _: Answer(b"", spoilt=True)] * count)

    def flip(self, count: int) -> None:
        """The next answers arrive with a wrong bit in their last byte, which a radio without checksums
        does not notice.
        """
        self._faults.extend([_flipped] * count)

    def garble(self, count: int) -> None:
        """The next answers are no frames of this technology at all."""
        self._faults.extend([lambda _: Answer(b"")] * count)

    def late(self, count: int, late_s: float) -> None:
        """The next answers come so late."""
        self._faults.extend([lambda answer: Answer(answer, late_s)] * count)

    def well(self, count: int) -> None:
        """The next answers arrive as they were sent: puts a fault after them."""
        self._faults.extend([Answer] * count)

    def torn(self, after: int) -> None:
        """The card leaves after so many more answers, polls included; it has to be presented anew."""
        self._torn_in = after

    def clear(self) -> None:
        """No more faults."""
        self._faults.clear()
        self._torn_in = None


class CardField(Air, asyncio.DatagramProtocol):
    """The radio of one reader. `port` 0 takes a free one; it stays the same through `cut`."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self.port = port
        self._transport: asyncio.DatagramTransport | None = None
        self._reader: Address | None = None

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

    async def tap(self, card: VirtualCard | str, for_s: float = 0.8, *, sak: int | None = None) -> None:
        """Holds a card to the reader for `for_s`, as a person does."""
        self.present(card, sak=sak)
        await asyncio.sleep(for_s)
        self.remove()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """One frame of a reader."""
        if self._transport is None:
            return
        if data.startswith(b"RFOFF"):
            self.power_off()
            return
        technology, _, text = data.partition(b" ")
        if technology != b"106A":
            return
        if addr != self._reader:  # another reader, or a new life of the same: its field is another
            self.power_off()
            self._reader = addr
        answer = self.exchange(bytes.fromhex(text.decode()))
        if answer is None:
            return
        nothing = b"" if answer.spoilt else b"zz"
        datagram = b"106A " + (answer.frame.hex().encode() or nothing)
        if answer.late_s:
            asyncio.get_running_loop().call_later(answer.late_s, self._send, datagram, addr)
        else:
            self._send(datagram, addr)

    def _send(self, datagram: bytes, addr: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(datagram, addr)


def _flipped(answer: bytes) -> Answer:
    return Answer(answer[:-1] + bytes([answer[-1] ^ 0x01]), spoilt=True)


def number_card(uid: bytes, *, sak: int = ISO_DEP, ats: bytes = bytes.fromhex(DEFAULT_ATS),
                atqa: bytes | None = None) -> VirtualCard:
    """A card that is only a number; with SAK bit 0x20 it answers RATS, and then knows no command."""
    return VirtualCard(uid, sak=sak, atqa=atqa,
                       inside=Picc(Bare(), ats=ats) if sak & ISO_DEP else None)
