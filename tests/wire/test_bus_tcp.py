# ruff: noqa: ARG005 (what a device is told to say has one signature, whether it looks at it or not)
"""The bus over TCP: pymodbus's server, and gateways that cheat."""

import asyncio
import struct

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge.bus.open import open_bus
from edge.bus.pdu import read_holding, read_input, registers_of, write_registers
from edge.bus.port import BusClass
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown

pytestmark = pytest.mark.wire

ENERGY = read_input(0x48, 2)
ENERGY_ANSWER = b"\x04\x04\x42\xf6\xe9\x79"


def ask(bus, unit, pdu, timeout_s=0.3):
    return bus.transact(unit, pdu, BusClass.METER_FAST, timeout_s=timeout_s)


async def tcp_bus(port):
    line = open_bus(f"tcp:127.0.0.1:{port}")
    await line.start()
    return line


async def test_a_pymodbus_tcp_server_is_read_and_written():
    server = ModbusTcpServer(
        [SimDevice(3, simdata=[SimData(0, values=list(range(100)), datatype=DataType.REGISTERS)])],
        address=("127.0.0.1", 0), framer=FramerType.SOCKET)
    await server.serve_forever(background=True)
    line = await tcp_bus(server.transport.sockets[0].getsockname()[1])
    try:
        assert registers_of(await ask(line, 3, read_holding(10, 4))) == (10, 11, 12, 13)
        await ask(line, 3, write_registers(10, [7, 8]))
        assert registers_of(await ask(line, 3, read_input(10, 3))) == (7, 8, 12)
        with pytest.raises(DeviceRefused):
            await ask(line, 3, read_holding(200, 1))
    finally:
        await line.close()
        await server.shutdown()


class Gateway:
    """A TCP gateway whose answers the test writes: `script(tid, unit, pdu)` -> bytes or None."""

    def __init__(self):
        self.connections = 0
        self.script = lambda tid, unit, pdu: self.frame(tid, unit, ENERGY_ANSWER)

    @staticmethod
    def frame(tid, unit, pdu):
        return struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                tid, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                answer = self.script(tid, unit, await reader.readexactly(length - 1))
                if answer:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def gateway():
    made = Gateway()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("strange", [
    lambda tid, unit, pdu: Gateway.frame(0, unit, ENERGY_ANSWER),
    lambda tid, unit, pdu: b"\x00\x01\x00\x00\xff\xff garbage",
    lambda tid, unit, pdu: None,
], ids=["tid-0", "garbage", "silent"])  # the others: tests/edge/bus/test_tcp.py
async def test_a_cheating_gateway_is_refused_and_left(gateway, strange):
    line = await tcp_bus(gateway.port)
    gateway.script = strange
    with pytest.raises((BadAnswer, DeviceTimeout)):
        await ask(line, 1, ENERGY, timeout_s=0.1)
    gateway.script = Gateway().script
    assert await ask(line, 1, ENERGY) == ENERGY_ANSWER
    assert gateway.connections == 2
    await line.close()


async def test_a_gateway_that_is_not_there_is_line_down(unused_tcp_port):
    line = await tcp_bus(unused_tcp_port)
    with pytest.raises(LineDown):
        await ask(line, 1, ENERGY)
    await line.close()
