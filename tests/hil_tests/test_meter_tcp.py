"""Virtual meters behind sockets, read by a foreign master: pymodbus's own client."""

import asyncio
import struct

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_tcp import FAULTS, NO_PATH, SerialServer, TcpGateway
from hil_tests.virtual.wire import Wire

pytestmark = pytest.mark.wire

PUT = {
    "eastron-sdm630": ({"voltage_l1": 230.5, "power_l3": -1500.25, "energy_import": 4321.5},
                       [(4, 0, "FLOAT32", "big", 230.5), (4, 16, "FLOAT32", "big", -1500.25),
                        (4, 72, "FLOAT32", "big", 4321.5)]),
    "abb-b23": ({"current_l2": 700, "power": -12.34, "energy_import": 123456.78},
                [(3, 0x5B0E, "UINT32", "big", 70000), (3, 0x5B14, "INT32", "big", -1234),
                 (3, 0x5000, "UINT64", "big", 12345678)]),
    "carlo-gavazzi-em340": ({"power": -1234.5, "frequency": 49.9},
                            [(4, 0x28, "INT32", "little", -12345), (4, 0x33, "INT16", "big", 499)]),
    "schneider-iem3000": ({"energy_import": 7654.321, "power_l1": 2300},
                          [(3, 0x0C83, "INT64", "big", 7654321), (3, 0x0BED, "FLOAT32", "big", 2.3)]),
    "siemens-pac2200": ({"energy_import": 1.2345}, [(4, 801, "FLOAT64", "big", 1234.5)]),
}


async def read_all(client, units):
    """By addresses and types of the facts, not of our data files."""
    for unit, slug in units.items():
        for function, address, type_, order, expected in PUT[slug][1]:
            kind = getattr(client.DATATYPE, type_)
            ask = client.read_holding_registers if function == 3 else client.read_input_registers
            answer = await ask(address, count=kind.value[1], device_id=unit)
            assert not answer.isError(), (slug, address, answer)
            got = client.convert_from_registers(answer.registers, kind, word_order=order)
            assert got == pytest.approx(expected, rel=1e-7), (slug, address)


def meters():
    units = dict(enumerate(PUT, start=1))
    made = {unit: VirtualMeter(unit, slug, turnaround_s=0.001) for unit, slug in units.items()}
    for unit, slug in units.items():
        made[unit].put(PUT[slug][0])
    return units, made


async def test_a_foreign_master_reads_our_meters_on_a_pty_and_through_both_kinds_of_socket(tmp_path):
    units, made = meters()
    line = Line(tmp_path / "rs485", baud=115200)
    await line.start()
    for meter in made.values():
        line.attach(meter)
    gateway, server = TcpGateway(made.values()), SerialServer(line)
    rtu = FramerType.RTU
    clients = (AsyncModbusSerialClient(str(line.path), framer=rtu, baudrate=115200, retries=0),
               AsyncModbusTcpClient("127.0.0.1", port=await gateway.start(), retries=0),
               AsyncModbusTcpClient("127.0.0.1", port=await server.start(), retries=0, framer=rtu))
    for client in clients:
        assert await client.connect()
        await read_all(client, units)
        client.close()
    await gateway.stop()
    await server.stop()
    await line.stop()


class Raw:
    """A Modbus TCP master that takes what comes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, tid, unit=1, pdu=b"\x04\x00\x48\x00\x02"):
        self.writer.write(struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu)
        return await self.hear()

    async def hear(self, wait_s=0.3):
        try:
            async with asyncio.timeout(wait_s):
                head = await self.reader.readexactly(7)
                tid, protocol, length, unit = struct.unpack(">HHHB", head)
                return tid, protocol, unit, await self.reader.readexactly(length - 1)
        except TimeoutError:
            return "silence"
        except asyncio.IncompleteReadError:
            return "closed"

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
async def gateway():
    meter = VirtualMeter(1, turnaround_s=0.001)
    meter.put({"energy_import": 4321.5, "voltage_l1": 230.5})
    made = TcpGateway([meter])
    await made.start()
    yield made
    await made.stop()


async def raw(gateway):
    return Raw(*await asyncio.open_connection("127.0.0.1", gateway.port))


ENERGY, VOLTS = b"\x04\x04\x45\x87\x0c\x00", b"\x04\x04\x43\x66\x80\x00"
ASK_VOLTS = b"\x04\x00\x00\x00\x02"


async def test_every_fault_of_a_gateway_is_as_told_and_only_as_often(gateway):
    expected = {
        "tid_zero": (0, 0, 1, ENERGY), "tid_stale": (6, 0, 1, ENERGY),
        "wrong_protocol": (7, 1, 1, ENERGY),
        "wrong_unit": (7, 0, 2, ENERGY), "wrong_function": (7, 0, 1, b"\x03" + ENERGY[1:]),
        "wrong_count": (7, 0, 1, b"\x04\x02\x45\x87"), "late_by_one": (7, 0, 1, VOLTS),
        "swapped": "silence", "late": (7, 0, 1, ENERGY), "split": (7, 0, 1, ENERGY),
        "exception": (7, 0, 1, b"\x84\x0b"), "silent": "silence", "closes": "closed",
        "half_open": "silence"}
    assert set(expected) == set(FAULTS)
    for kind, answer in expected.items():
        master = await raw(gateway)
        assert await master.ask(6, pdu=ASK_VOLTS) == (6, 0, 1, VOLTS)
        gateway.fault(kind, delay_s=0.05, times=1)
        assert await master.ask(7) == answer, kind
        assert await master.ask(8) == {"half_open": "silence", "closes": "closed"}.get(
            kind, (8, 0, 1, ENERGY)), kind
        if kind == "swapped":
            assert await master.hear() == (7, 0, 1, ENERGY)
        await master.close()
    gateway.fault("exception", code=NO_PATH)
    master = await raw(gateway)
    assert await master.ask(1) == (1, 0, 1, b"\x84\x0a")
    gateway.clear()
    assert await master.ask(2, unit=9) == (2, 0, 9, b"\x84\x0b")  # nobody there
    with pytest.raises(ValueError, match="'sleepy'"):
        gateway.fault("sleepy")
    await master.close()


async def test_a_gateway_that_was_switched_off_comes_back_at_its_port(gateway):
    master = await raw(gateway)
    port = gateway.port
    await gateway.stop()
    assert await master.hear() == "closed"
    assert await gateway.start() == port
    await master.close()
    master = await raw(gateway)
    assert (await master.ask(3))[0] == 3
    await master.close()


async def test_a_serial_server_carries_the_wire_with_its_faults():
    wire = Wire(baud=115200)
    meter = VirtualMeter(1, turnaround_s=0.001)
    wire.attach(meter)
    server = SerialServer(wire)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start())
    request = bytes.fromhex("0104 0000 0002 71cb")
    writer.write(request)
    assert await reader.readexactly(9) == meter.answer(request)
    wire.fault("noise_before", 1, times=1)
    writer.write(request)
    assert await reader.readexactly(10) == b"\x55" + meter.answer(request)
    writer.close()
    await writer.wait_closed()
    await server.stop()
    wire.close()
