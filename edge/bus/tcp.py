"""The strict Modbus TCP master: one exchange at a time on one connection.

Why not a library's: to pymodbus 3.16 transaction id 0 is a wildcard, function and count of an answer
are not compared, and it retries on its own. Gateways were reported to answer one question late from
then on (evcc 21026, 23395) or for another unit (Growatt_ModbusTCP 351). So the connection is closed
after anything but a clean answer: what comes late has nowhere to arrive.
"""

import asyncio

from edge.bus.frame import Expected, expect
from edge.bus.link import MakePort
from edge.bus.mbap import first_frame, is_answer, mbap_frame
from edge.bus.port_master import PortMaster
from edge.bus.socket_port import SocketPort
from edge.bus.url import LineUrl
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

_KEEPS = 4096  # bytes
_CHAR_S = 11 / 9600  # a serial line may lie behind the gateway


class TcpMaster(PortMaster):
    """A `Link` to one gateway or device."""

    # The gateway's own line may still carry a late answer, and the gateway may hand it to whoever asks.
    late_s = 1.0

    def __init__(self, url: LineUrl, make_port: MakePort = SocketPort) -> None:
        super().__init__(url, make_port, _KEEPS)
        self._transaction = 0  # goes on over connections: what belongs to an old one fits no new one

    async def open(self) -> None:
        """Connect. Raises `LineDown`."""
        self._port.close()
        self._buffer.clear()
        await self._port.open()

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        """See `Link`."""
        expected, loop = expect(unit, pdu), asyncio.get_running_loop()
        self._port.pump()
        if self._buffer:  # nobody asked for it
            await self.open()
        self._transaction = self._transaction % 0xFFFF + 1
        request, sent_s = mbap_frame(self._transaction, unit, pdu), loop.time()
        self._port.write(request)
        self._tell("sent", request)
        try:
            answer = await self._answer(expected, sent_s, timeout_s)
        except (BadAnswer, DeviceTimeout):
            self._port.close()
            raise
        return answer, loop.time() - sent_s

    async def _answer(self, expected: Expected, sent_s: float, timeout_s: float) -> bytes:
        deadline_s = sent_s + timeout_s + expected.length * _CHAR_S
        while True:
            try:
                found = first_frame(bytes(self._buffer))
            except ValueError as error:
                raise self._bad(expected, f"{error} ({self._buffer[:40].hex(' ')})") from None
            if found is not None:
                frame, rest = found
                if not is_answer(frame, self._transaction, expected):
                    raise self._bad(expected, f"transaction {frame.transaction} unit {frame.unit}: "
                                    f"{frame.pdu[:40].hex(' ')}")
                self._buffer[:] = rest  # before the next request the connection is left for it
                return frame.pdu
            if self._port.lost is not None:
                raise LineDown("gateway", where=self.where, got=self._port.lost,
                               expected=f"an answer of unit {expected.unit}")
            if not await self._more_by(deadline_s):
                raise DeviceTimeout("no answer", where=f"unit {expected.unit} on {self.where}",
                                    got=f"{len(self._buffer)} bytes in {timeout_s * 1000:.0f} ms",
                                    expected=f"transaction {self._transaction}")

    def _bad(self, expected: Expected, got: str) -> BadAnswer:
        return BadAnswer("bad answer", where=f"unit {expected.unit} on {self.where}", got=got,
                         expected=f"transaction {self._transaction}, function {expected.head[1]}, "
                         f"{expected.length - 3} bytes")
