# ruff: noqa: ARG005 (what a device is told to say has one signature, whether it looks at it or not)
"""The bus on real wires: a scripted device behind a pty, pymodbus servers, TCP sockets."""

import asyncio
import json
import os
import struct
import sys
import time
import tty

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge.bus.frame import frame_of
from edge.bus.open import open_bus
from edge.bus.pdu import read_holding, read_input, registers_of, write_registers
from edge.bus.port import BusClass
from edge.controller.reading import PerPhase, Quality, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import MODELS, MeterPhysics, VirtualMeter

pytestmark = pytest.mark.wire

ENERGY, POWER = read_input(0x48, 2), read_input(0x0C, 2)
ENERGY_ANSWER = b"\x04\x04\x42\xf6\xe9\x79"
POWER_ANSWER = b"\x04\x04\x45\x66\x00\x00"


class ScriptedDevice:
    """The far end of a pty. `script` maps a request frame to what is written after how long."""

    def __init__(self, link):
        self.link = link
        self.requests = []
        self.script = lambda frame: ((0.0, b""),)
        self.plug()

    def plug(self):
        self.fd, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.slave))
        asyncio.get_running_loop().add_reader(self.fd, self.heard)

    def unplug(self):
        asyncio.get_running_loop().remove_reader(self.fd)
        os.close(self.fd)
        os.close(self.slave)
        self.link.unlink()

    def heard(self):
        frame = os.read(self.fd, 300)
        self.requests.append(frame)
        for after_s, data in self.script(frame):
            if after_s:
                asyncio.get_running_loop().call_later(after_s, os.write, self.fd, data)
            else:
                os.write(self.fd, data)


def honest(frame):
    answer = ENERGY_ANSWER if frame[3] == 0x48 else POWER_ANSWER
    return ((0.0, frame_of(frame[0], answer)),)


def once(strange, then_after_s=0.0):
    """`strange` for the first request, honest afterwards (but slow, where a delay is given)."""
    left = [strange]
    return lambda frame: left.pop() if left else ((then_after_s, honest(frame)[0][1]),)


@pytest.fixture
async def device(tmp_path):
    made = ScriptedDevice(tmp_path / "tty")
    yield made
    made.unplug()


@pytest.fixture
async def bus(device):
    line = open_bus(f"rtu:{device.link}?baud=115200&parity=E")
    await line.start()
    yield line
    await line.close()


def ask(bus, unit, pdu, timeout_s=0.3):
    return bus.transact(unit, pdu, BusClass.METER_FAST, timeout_s=timeout_s)


async def until(true, patience_s=20.0):
    deadline_s = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.01)


async def test_a_late_answer_never_answers_the_next_question(bus, device):
    device.script = once(((0.5, frame_of(1, POWER_ANSWER)),), then_after_s=0.6)
    with pytest.raises(DeviceTimeout):
        await ask(bus, 1, POWER, timeout_s=0.1)
    assert await ask(bus, 1, ENERGY, timeout_s=2.0) == ENERGY_ANSWER
    assert [frame[3] for frame in device.requests] == [0x0C, 0x48]


async def test_a_late_answer_after_cancellation_never_answers_the_next_question(bus, device):
    device.script = once(((0.5, frame_of(1, POWER_ANSWER)),), then_after_s=0.6)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ask(bus, 1, POWER, timeout_s=0.1)
    assert await ask(bus, 1, ENERGY, timeout_s=2.0) == ENERGY_ANSWER


async def test_a_late_answer_in_another_units_turn_is_passed_over(bus, device):
    late = frame_of(1, POWER_ANSWER)
    device.script = once(((0.25, late),))
    with pytest.raises(DeviceTimeout):
        await ask(bus, 1, POWER, timeout_s=0.1)
    device.script = lambda frame: ((0.3, frame_of(2, ENERGY_ANSWER)),)
    assert await ask(bus, 2, ENERGY, timeout_s=1.0) == ENERGY_ANSWER


@pytest.mark.parametrize(("strange", "said"), [
    (frame_of(1, b"\x04\x02\x42\xf6"), "7 bytes"),  # fewer registers than asked for
    (frame_of(1, b"\x04\x06\x42\xf6\xe9\x79\x00\x00"), "11 bytes"),
    (frame_of(1, b"\x03\x04\x42\xf6\xe9\x79"), "function 3"),
    (frame_of(2, ENERGY_ANSWER), "unit 2"),
    (frame_of(1, ENERGY_ANSWER)[:-1] + b"\x00", "bad CRC"),
    (frame_of(1, ENERGY_ANSWER)[:-1], "8 bytes of 9"),
    (b"\x01\x02\x03", "noise"),
], ids=["short", "long", "function", "unit", "crc", "truncated", "noise"])
async def test_what_is_not_the_answer_is_refused_and_the_next_is_good(bus, device, strange, said):
    device.script = once(((0.0, strange),))
    with pytest.raises(BadAnswer, match=said):
        await ask(bus, 1, ENERGY, timeout_s=0.05)
    assert await ask(bus, 3, POWER) == POWER_ANSWER
    assert bus.stats.bad == 1


@pytest.mark.parametrize("before", [
    b"\x00", b"\x01", b"\xff\x00\x01\x04", frame_of(1, ENERGY_ANSWER)[:-1] + b"\x00",
    frame_of(9, ENERGY_ANSWER), frame_of(1, ENERGY_ANSWER)[:5],
], ids=["zero", "unit", "noise", "bad-crc", "another-device", "cut-frame"])
async def test_the_answer_is_found_behind_what_does_not_belong_to_it(bus, device, before):
    device.script = lambda frame: ((0.0, before + frame_of(frame[0], POWER_ANSWER) + b"\x55"),)
    assert await ask(bus, 1, POWER) == POWER_ANSWER


async def test_a_noise_byte_before_the_answer_loses_no_frame_for_any_unit(bus, device):
    device.script = lambda frame: ((0.0, b"\x00" + frame_of(frame[0], ENERGY_ANSWER)),)
    for unit in range(1, 248):
        assert await ask(bus, unit, ENERGY) == ENERGY_ANSWER


async def test_an_answer_in_pieces_is_put_together(bus, device):
    whole = frame_of(1, ENERGY_ANSWER)
    device.script = lambda _: ((0.0, whole[:1]), (0.01, whole[1:5]), (0.02, whole[5:]))
    assert await ask(bus, 1, ENERGY) == ENERGY_ANSWER


async def test_a_refusal_names_its_exception(bus, device):
    device.script = lambda frame: ((0.0, frame_of(frame[0], b"\x84\x02")),)
    with pytest.raises(DeviceRefused, match="illegal data address"):
        await ask(bus, 1, ENERGY)


async def test_a_write_is_done_when_its_echo_comes(bus, device):
    device.script = lambda frame: ((0.0, frame_of(frame[0], frame[1:6])),)
    assert await ask(bus, 11, write_registers(1008, [1, 2])) == bytes.fromhex("10 03 f0 00 02")


async def test_the_echo_of_an_adapter_is_taken_off(device):
    line = open_bus(f"rtu:{device.link}?baud=115200&echo=1")
    await line.start()
    request = frame_of(1, write_registers(5, [7]))
    device.script = lambda frame: ((0.0, frame),)
    with pytest.raises(DeviceTimeout):
        await ask(line, 1, write_registers(5, [7]), timeout_s=0.1)
    device.script = lambda frame: ((0.0, frame + honest(frame)[0][1]),)
    assert await ask(line, 1, POWER) == POWER_ANSWER
    assert device.requests[0] == request
    await line.close()


async def test_an_unplugged_adapter_is_line_down_and_comes_back(bus, device):
    device.script = honest
    assert await ask(bus, 1, POWER) == POWER_ANSWER
    waiting = asyncio.create_task(ask(bus, 1, read_input(0, 2), timeout_s=10))
    device.script = lambda _: ()
    await until(lambda: len(device.requests) == 2)
    device.unplug()
    with pytest.raises(LineDown):
        await waiting
    with pytest.raises(LineDown):
        await ask(bus, 1, POWER)
    device.plug()
    device.script = honest
    await until(lambda: bus.down is None)
    assert await ask(bus, 1, POWER) == POWER_ANSWER


async def test_a_port_is_taken_exclusively(bus, device):
    second = open_bus(f"rtu:{device.link}")
    await second.start()
    with pytest.raises(LineDown, match="lock"):
        await ask(second, 1, POWER)
    await second.close()


# --- meters on the virtual line: drivers and devices share no code


@pytest.fixture
async def line(tmp_path):
    made = Line(tmp_path / "rs485", baud=19200)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("slug", sorted(MODELS))
async def test_a_meters_values_come_through_the_wire(line, slug):
    virtual = VirtualMeter(5, slug, physics=MeterPhysics(import_wh=7_654_321.0, refresh_s=0.05))
    virtual.physics.set_load((16.5, 8.25, 0.0), (230.0, 231.0, 229.0))
    line.attach(virtual)
    await asyncio.sleep(0.1)  # a refresh instant
    virtual.physics.set_load((16.5, 8.25, 0.0), (230.0, 231.0, 229.0))
    bus = open_bus(f"rtu:{line.path}?baud=19200&parity=E")
    await bus.start()
    meter = Meter(bus, 5, load(slug), "bay-1", time.monotonic_ns)
    reading = await meter.read()
    three = load(slug).phases == 3
    assert reading.current_a == (PerPhase(L1=16.5, L2=8.25, L3=0.0) if three else PerPhase(L1=16.5))
    assert reading.power_w == pytest.approx(3795.0 + (1905.75 if three else 0.0))
    before_wh = round(virtual.register_wh())
    begin = await meter.read_energy(ReadingContext.TRANSACTION_BEGIN)
    assert begin.quality is Quality.GOOD
    assert before_wh <= begin.energy_import_wh <= round(virtual.register_wh())
    await bus.close()


@pytest.mark.parametrize("kind", ["silent", "late", "noise_before", "noise_after", "bad_crc",
                                  "wrong_unit", "wrong_function", "wrong_count"])
async def test_a_demanded_reading_survives_one_fault_of_any_kind(line, kind):
    virtual = VirtualMeter(1)
    virtual.forced[72] = 123.456
    line.attach(virtual)
    line.fault(kind, 1, times=1)
    bus = open_bus(f"rtu:{line.path}?baud=19200&parity=E")
    await bus.start()
    meter = Meter(bus, 1, load("eastron-sdm630"), "bay-1", time.monotonic_ns)
    assert (await meter.read_energy(ReadingContext.TRANSACTION_END)).energy_import_wh == 123_456
    await bus.close()


async def test_the_meter_command_reads_a_meter(line):
    virtual = VirtualMeter(3)
    virtual.forced[342] = 77.5
    line.attach(virtual)
    run = "import sys; from edge.commissioning.command import main; sys.exit(main(sys.argv[1:]))"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", run, "read", "--model", "eastron-sdm630", "--unit", "3", "--json",
        "--url", f"rtu:{line.path}?baud=19200", stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    answer = json.loads(out)
    assert child.returncode == 0
    assert answer["values"]["voltage_l1"] == {"value": 230.0, "unit": "V"}
    assert answer["values"]["energy_total"] == {"value": 77.5, "unit": "kWh"}
    assert (answer["model"], answer["unit"], answer["errors"]) == ("eastron-sdm630", 3, [])
    assert len(answer["values"]) == 47


# --- Modbus TCP, against pymodbus's server and against a gateway that cheats


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
    lambda tid, unit, pdu: Gateway.frame(tid + 1, unit, ENERGY_ANSWER),
    lambda tid, unit, pdu: Gateway.frame(tid, unit + 1, ENERGY_ANSWER),
    lambda tid, unit, pdu: Gateway.frame(tid, unit, b"\x04\x02\x00\x01"),
    lambda tid, unit, pdu: Gateway.frame(tid, unit, b"\x03\x04\x00\x01\x00\x02"),
    lambda tid, unit, pdu: b"\x00\x01\x00\x00\xff\xff garbage",
    lambda tid, unit, pdu: None,
], ids=["tid-0", "tid", "unit", "count", "function", "garbage", "silent"])
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
