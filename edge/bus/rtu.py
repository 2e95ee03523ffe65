"""The strict Modbus RTU master: one exchange at a time on a serial port, on the loop, no threads.

Why not a library's: measured with pymodbus 3.16, a late answer to one question was returned as the
answer to the next, wrong counts and functions passed, and one noise byte lost the frame for 137 of 247
unit ids. Here the expected answer is hunted for (`frame.py`), and after anything but a clean answer the
line must fall silent before the next request.
"""

import asyncio
from typing import Literal

from edge.bus.frame import Expected, expect, frame_of
from edge.bus.link import Heard, MakePort, OnFrame, WireCounts
from edge.bus.serial_port import SerialPort
from edge.bus.socket_port import SocketPort
from edge.bus.url import LineUrl
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

# An answer may come in chunks: FTDI adapters hold bytes back for 16 ms by default.
_CHUNK_S = 0.04
_SETTLE_S = 0.025  # silence after a disturbance, longer than any chunk gap
_BABBLE_S = 1.0  # a line that is never silent is used all the same


class RtuMaster:
    """A `Link` over one serial port, or over a socket to a serial device server (`rtu+tcp`)."""

    late_s = 1.0  # no meter we know answers later; measured ones within 0.1 s

    def __init__(self, url: LineUrl, make_port: MakePort | None = None) -> None:
        self.url = url
        self.on_lost = _nothing
        self.on_frame: OnFrame | None = None
        self.counts = WireCounts()
        make_port = make_port or (SerialPort if url.kind == "rtu" else SocketPort)
        self._port = make_port(url, self._received, self._lost)
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._busy_until_s = 0.0  # loop time of the last bit on the line, either way
        self._disturbed = True  # whatever the line did before we came

    @property
    def where(self) -> str:
        return self.url.address

    @property
    def is_open(self) -> bool:
        return self._port.lost is None

    async def open(self) -> None:
        await self._port.open()
        self._disturbed = True

    async def close(self) -> None:
        self._port.close()

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        """See `Link`. Writes whole frames only; returns when the line is free again."""
        expected = expect(unit, pdu)
        request = frame_of(unit, pdu)
        await self._silence()
        self._port.pump()  # what waited in the kernel belongs to nobody
        self._buffer.clear()
        self._port.write(request)
        self._tell("sent", request)
        sent_s = asyncio.get_running_loop().time() + len(request) * self.url.char_s
        self._busy_until_s = sent_s
        answer = await self._answer(expected, request, sent_s, timeout_s)
        self._busy_until_s = asyncio.get_running_loop().time()
        turnaround_s = self._busy_until_s - sent_s - (len(answer) + 3) * self.url.char_s
        return answer, max(0.0, turnaround_s)

    async def _answer(self, expected: Expected, request: bytes, sent_s: float,
                      timeout_s: float) -> bytes:
        """Two waits: for the first byte, then for as long as the whole answer takes on the wire."""
        first_by_s = sent_s + timeout_s
        whole_by_s = first_by_s + expected.length * self.url.char_s + _CHUNK_S
        if self.url.kind != "rtu":  # a device server hands an answer on when it has the whole of it
            first_by_s = whole_by_s
        while True:
            heard = self._without_echo(request)
            answer = expected.find(heard)
            if answer is not None:
                return answer
            if self._port.lost is not None:
                raise LineDown("serial port", where=self.where, got=self._port.lost,
                               expected=f"an answer of unit {expected.unit}")
            if not await self._more_by(whole_by_s if heard else first_by_s):
                break
        self._disturbed = True
        raise self._trouble(expected, heard, timeout_s)

    async def _more_by(self, deadline_s: float) -> bool:
        """Whether bytes came, or the port went, before the deadline."""
        self._arrived.clear()
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._arrived.wait()
        except TimeoutError:
            # On a busy machine the timer may run before the reader: look once more.
            self._port.pump()
        return self._arrived.is_set()

    async def _silence(self) -> None:
        """Wait until the line was silent for t3.5, or longer after a disturbance."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + _BABBLE_S
        quiet_s = max(self.url.silence_s, _SETTLE_S) if self._disturbed else self.url.silence_s
        while True:
            wait_s = self._busy_until_s + quiet_s - loop.time()
            if wait_s <= 0 or loop.time() >= give_up_s:
                break
            await asyncio.sleep(wait_s)
        self._disturbed = False

    def _without_echo(self, request: bytes) -> bytes:
        heard = bytes(self._buffer)
        if not self.url.echo:
            return heard
        if heard.startswith(request):
            return heard[len(request):]
        return b"" if request.startswith(heard) else heard

    def _trouble(self, expected: Expected, heard: bytes, timeout_s: float) -> DeviceTimeout | BadAnswer:
        where = f"unit {expected.unit} on {self.where}"
        wanted = f"function {expected.head[1]}, {expected.length} bytes"
        if not heard:
            return DeviceTimeout("no answer", where=where, got=f"nothing in {timeout_s * 1000:.0f} ms",
                                 expected=wanted)
        got, bad_crc = expected.diagnose(heard)
        self.counts.crc_errors += bad_crc
        return BadAnswer("bad answer", where=where, got=got, expected=wanted)

    def _received(self, data: bytes) -> None:
        self._busy_until_s = max(self._busy_until_s, asyncio.get_running_loop().time())
        self._tell("heard", data)
        self._buffer += data
        del self._buffer[:-4096]  # a babbling line must not fill the memory
        self._arrived.set()

    def _tell(self, direction: Literal["sent", "heard"], data: bytes) -> None:
        if self.on_frame is not None:
            mono_ns = round(asyncio.get_running_loop().time() * 1e9)
            self.on_frame(Heard(direction, data, mono_ns))

    def _lost(self) -> None:
        self._arrived.set()
        self.on_lost()


def _nothing() -> None:
    """Until an owner asks to be told."""
