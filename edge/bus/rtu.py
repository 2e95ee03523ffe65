"""The strict Modbus RTU master: one exchange at a time on a serial port, on the loop, no threads.

Why not a library's: measured with pymodbus 3.16, a late answer to one question was returned as the
answer to the next, wrong counts and functions passed, and one noise byte lost the frame for 137 of 247
unit ids. Here the expected answer is hunted for (`hunt.py`), and after anything but a clean answer the
line must fall silent before the next request.
"""

import asyncio

from edge.bus.frame import Expected, expect, frame_of
from edge.bus.hunt import Match, aside, hunt
from edge.bus.link import MakePort
from edge.bus.pdu import READS, WRITE_ONE
from edge.bus.port_master import PortMaster
from edge.bus.serial_port import SerialPort
from edge.bus.socket_port import SocketPort
from edge.bus.url import LineUrl
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

# An answer may come in chunks: FTDI adapters hold bytes back for 16 ms by default.
_CHUNK_S = 0.04
_SETTLE_S = 0.025  # silence after a disturbance, longer than any chunk gap
# A device may keep an answer until it is asked again; then its true one follows the old one.
_TWICE_S = 0.1
_BABBLE_S = 1.0  # a line that is never silent is used all the same
_LITTLE = 3  # bytes of noise after an answer
_KEEPS = 1024  # bytes: four of the longest frames


class RtuMaster(PortMaster):
    """A `Link` over one serial port, or over a socket to a serial device server (`rtu+tcp`)."""

    late_s = 1.0  # no meter we know answers later; measured ones within 0.1 s

    def __init__(self, url: LineUrl, make_port: MakePort | None = None) -> None:
        super().__init__(url, make_port or (SerialPort if url.kind == "rtu" else SocketPort), _KEEPS)
        self._request = b""  # the latest
        self._asking = False
        self._busy_until_s = 0.0  # loop time of the last bit on the line, either way
        self._disturbed = True  # whatever the line did before we came
        self._owing: set[int] = set()  # units whose last answer to a read did not come

    async def open(self) -> None:
        await self._port.open()
        if isinstance(self._port, SerialPort):
            self.counts.low_latency = self._port.low_latency
        self._disturbed = True
        self._buffer.clear()

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        """See `Link`. Writes whole frames only; returns when the line is free again.

        The turnaround ends with the last byte: a silence that proves an answer is not the device's.
        """
        expected = expect(unit, pdu)
        request = frame_of(unit, pdu)
        await self._silence()
        self._port.pump()  # what waited in the kernel belongs to nobody
        self._pass_over(bytes(self._buffer))
        self._buffer.clear()
        self._request = request
        self._port.write(request)
        self._tell("sent", request)
        sent_s = asyncio.get_running_loop().time() + len(request) * self.url.char_s
        self._busy_until_s = sent_s
        self._asking = True
        owing = unit in self._owing and pdu[0] in READS
        self._owing.add(unit)
        try:
            answer = await self._answer(expected, request, sent_s, timeout_s, owing=owing)
        finally:
            self._asking = False
        self._owing.discard(unit)
        turnaround_s = self._busy_until_s - sent_s - (len(answer) + 3) * self.url.char_s
        return answer, max(0.0, turnaround_s)

    async def _answer(self, expected: Expected, request: bytes, sent_s: float,
                      timeout_s: float, *, owing: bool) -> bytes:
        """Two waits: for the first byte, then for as long as the whole answer takes on the wire.

        `owing`: the unit may answer twice, so that one answer counts only when no other follows it.
        """
        after_s = _TWICE_S + expected.length * self.url.char_s if owing else _CHUNK_S
        first_by_s = sent_s + timeout_s
        whole_by_s = first_by_s + expected.length * self.url.char_s + _CHUNK_S
        if self.url.kind != "rtu":  # a device server hands an answer on when it has the whole of it
            first_by_s = whole_by_s
        while True:
            heard = self._without_echo(request)
            match = hunt(expected, heard)
            if match is not None and match.sure and not owing:
                return self._take(match, heard)
            if self._port.lost is not None:
                raise LineDown("line", where=self.where, got=self._port.lost,
                               expected=f"an answer of unit {expected.unit}")
            quiet_s = self._busy_until_s + after_s
            if match is not None:  # a line that is never silent must not hold up a revoke
                deadline_s = min(quiet_s, whole_by_s + after_s)
            else:
                deadline_s = min(whole_by_s, max(first_by_s, quiet_s)) if heard else first_by_s
            if not await self._more_by(deadline_s):
                break
        if match is not None and deadline_s == quiet_s:  # nothing came after it
            return self._take(match, heard)
        self._disturbed = True
        raise self._trouble(expected, heard, timeout_s)

    def _take(self, match: Match, heard: bytes) -> bytes:
        self._pass_over(heard[:match.at])
        self._buffer[:] = heard[match.end:]
        return match.answer

    def _pass_over(self, data: bytes) -> None:
        """Count what was heard and is no answer."""
        if data:
            seen = aside(data)
            self.counts.noise_bytes += seen.noise
            self.counts.foreign_requests += seen.requests(but=self._request)

    async def _silence(self) -> None:
        """Wait until the line was silent for t3.5, or longer after a disturbance."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + _BABBLE_S
        while True:
            quiet_s = max(self.url.silence_s, _SETTLE_S) if self._disturbed else self.url.silence_s
            wait_s = self._busy_until_s + quiet_s - loop.time()
            if wait_s <= 0 or loop.time() >= give_up_s:
                break
            await asyncio.sleep(wait_s)
        self._disturbed = False

    def _without_echo(self, request: bytes) -> bytes:
        """What was heard after the echo of the request, where the adapter echoes.

        That it does is seen at the first request, unless that was to write one register: its answer is
        the same as its echo.
        """
        heard, alike = bytes(self._buffer), request[1] == WRITE_ONE
        if not self.url.echo and not self.counts.echoes:
            if alike or not heard.startswith(request):
                return heard
            self.counts.echoes = 1
        at = heard.find(request)
        if at >= 0:
            return heard[at + len(request):]
        return b"" if self.url.echo or alike or request.startswith(heard) else heard

    def _trouble(self, expected: Expected, heard: bytes, timeout_s: float) -> DeviceTimeout | BadAnswer:
        where = f"unit {expected.unit} on {self.where}"
        wanted = f"function {expected.head[1]}, {expected.length} bytes"
        everything = bytes(self._buffer)
        self._buffer.clear()
        if not heard and everything and self._request not in everything:
            self._pass_over(everything)
            return BadAnswer("bad answer", where=where, got=f"no echo, but {everything[:40].hex(' ')}",
                             expected="the echo of the request first (echo=1, or seen earlier)")
        if not heard:
            return DeviceTimeout("no answer", where=where, got=f"nothing in {timeout_s * 1000:.0f} ms",
                                 expected=wanted)
        self._pass_over(heard)
        got, bad_crc = expected.diagnose(heard)
        self.counts.crc_errors += bad_crc
        return BadAnswer("bad answer", where=where, got=got, expected=wanted)

    def _received(self, data: bytes) -> None:
        self._busy_until_s = max(self._busy_until_s, asyncio.get_running_loop().time())
        super()._received(data)
        # Unasked: a ghost, or somebody else. Some adapters add a byte as they let go of the line.
        self._disturbed |= not self._asking and len(self._buffer) > _LITTLE
