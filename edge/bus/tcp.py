"""Modbus TCP by pymodbus, with the guards that it lacks (measured with 3.16).

Transaction id 0 is a wildcard to it, function and count of the answer are not compared, and it retries
on its own. Here: no retries, no reconnecting behind our back, ids and shape compared, and the socket is
closed after anything but a clean answer, so that a late one has nowhere to arrive.
"""

import asyncio
from typing import TYPE_CHECKING

from edge.bus.frame import expect
from edge.bus.url import LineUrl
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.pdu import ModbusPDU

_CONNECT_S = 3.0


class TcpMaster:
    """A `Link` to one gateway or device."""

    late_s = 0.0  # an answer belongs to its connection, and that is closed

    def __init__(self, url: LineUrl) -> None:
        self.url = url
        self.on_lost = _nothing
        self._client: AsyncModbusTcpClient | None = None

    @property
    def where(self) -> str:
        return f"{self.url.host}:{self.url.port}"

    @property
    def is_open(self) -> bool:
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Connect. Raises `LineDown`."""
        from pymodbus.client import AsyncModbusTcpClient
        await self.close()
        client = AsyncModbusTcpClient(self.url.host, port=self.url.port, retries=0, reconnect_delay=0,
                                      timeout=_CONNECT_S, trace_connect=self._traced)
        if not await client.connect():
            client.close()
            raise self._down("no connection")
        self._client = client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        """See `Link`."""
        from pymodbus.exceptions import ConnectionException, ModbusException
        expected, loop = expect(unit, pdu), asyncio.get_running_loop()
        if self._client is None:
            raise self._down("closed")
        self._client.ctx.comm_params.timeout_connect = timeout_s  # what `execute` waits for an answer
        request, sent_s = _request(unit, pdu), loop.time()
        where = f"unit {unit} on {self.where}"
        try:
            response = await self._client.ctx.execute(False, request)
        except ConnectionException as error:
            await self.close()
            raise self._down(str(error)) from error
        except ModbusException as error:  # timeout, undecodable, another unit's
            await self.close()
            raise DeviceTimeout("no answer", where=where, got=str(error),
                                expected=f"one within {timeout_s * 1000:.0f} ms") from error
        answer = _answer(response)
        if response.transaction_id != request.transaction_id or response.dev_id != unit \
                or not expected.fits(answer):
            await self.close()
            raise BadAnswer(
                "bad answer", where=where, expected=f"transaction {request.transaction_id}, "
                f"function {pdu[0]}, {expected.length - 3} bytes",
                got=f"transaction {response.transaction_id} unit {response.dev_id}: {answer.hex(' ')}")
        return answer, loop.time() - sent_s

    def _traced(self, connected: bool) -> None:
        if not connected:
            self.on_lost()

    def _down(self, got: str) -> LineDown:
        return LineDown("gateway", where=self.where, got=got, expected="a connection")


def _request(unit: int, pdu: bytes) -> "ModbusPDU":
    from pymodbus.pdu import DecodePDU
    request = DecodePDU(is_server=True).decode(pdu)
    if request is None:
        raise ValueError(f"request: got {pdu.hex(' ')}, expected a Modbus request")
    request.dev_id = unit
    return request


def _answer(response: "ModbusPDU") -> bytes:
    from pymodbus.pdu import ExceptionResponse
    if isinstance(response, ExceptionResponse):
        return bytes((response.function_code, response.exception_code))
    return bytes((response.function_code,)) + response.encode()


def _nothing() -> None:
    """Until an owner asks to be told."""
