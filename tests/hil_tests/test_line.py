"""The virtual line and its meters: physics in a fake clock, the wire on a real pty."""

import asyncio
import os
import socket
import struct
import termios
import time
import tty

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient

from hil_tests.virtual.line import Line, crc
from hil_tests.virtual.meter import MeterPhysics, VirtualMeter

READ_ENERGY = bytes.fromhex("0104 0048 0002")


def framed(body):
    return body + crc(body)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def metered(clock, **options):
    return VirtualMeter(1, physics=MeterPhysics(now=clock, **options))


def shown_kwh(meter):
    answer = meter.answer(framed(READ_ENERGY))
    assert crc(answer[:-2]) == answer[-2:]
    return struct.unpack(">f", answer[3:7])[0]


# The examples of Eastron's documents and of the Modbus over Serial Line specification, appendix B
@pytest.mark.parametrize("frame", ["01 04 00 00 00 02 71 CB", "02 07 41 12"])
def test_the_crc_is_that_of_published_frames(frame):
    data = bytes.fromhex(frame)
    assert crc(data[:-2]) == data[-2:]


def test_a_meter_integrates_what_flows_and_shows_it_at_its_refresh_instants():
    clock = Clock()
    meter = metered(clock, import_wh=1_000_000, refresh_s=0.5)
    meter.physics.set_load((16.0, 16.0, 16.0))
    clock.now_s += 3600.4
    assert meter.physics.true_wh() == pytest.approx(1_000_000 + 11040 * 3600.4 / 3600)
    assert meter.physics.sample().import_wh == pytest.approx(1_000_000 + 11040)
    assert shown_kwh(meter) * 1000 == meter.register_wh() == pytest.approx(1_011_040, abs=0.1)
    clock.now_s += 0.05
    assert meter.physics.sample().import_wh == pytest.approx(1_000_000 + 11040)


def test_a_change_of_load_is_integrated_from_its_instant():
    clock = Clock()
    meter = metered(clock, refresh_s=0.5)
    meter.physics.set_load((10.0, 0.0, 0.0))
    clock.now_s += 1800.25
    meter.physics.set_load((0.0, 0.0, 0.0))
    clock.now_s += 100
    assert meter.register_wh() == pytest.approx(2300 * 1800.25 / 3600, abs=0.01)


def test_what_flows_back_is_export():
    clock = Clock()
    meter = metered(clock)
    meter.physics.set_load((-10.0, -10.0, -10.0))
    clock.now_s += 3600
    assert meter.physics.sample().import_wh == 0
    assert meter.physics.sample().export_wh == pytest.approx(6900)


@pytest.mark.parametrize(("request_", "answer"), [
    ("0101 0000 0002", "0181 01"), ("0104 0001 0002", "0184 02"), ("0104 0000 0003", "0184 02"),
    ("0104 017e 0002", "0184 02"), ("0104 0000 0052", "0184 03"), ("0104 0000 0000", "0184 03"),
])
def test_what_a_meter_does_not_have_is_refused(request_, answer):
    assert metered(Clock()).answer(framed(bytes.fromhex(request_))) == framed(bytes.fromhex(answer))


@pytest.mark.parametrize("frame", [b"", framed(READ_ENERGY)[:-1] + b"\0",
                                   framed(b"\x02" + READ_ENERGY[1:]), framed(b"\x01\x04\x02\x00\x01")])
def test_what_is_not_for_it_a_meter_does_not_answer(frame):
    assert metered(Clock()).answer(frame) is None


def test_a_meter_without_supply_is_silent_and_a_forced_register_is_shown():
    meter = metered(Clock())
    meter.forced[72] = 42.5
    assert shown_kwh(meter) == 42.5
    meter.powered = False
    assert meter.answer(framed(READ_ENERGY)) is None


# --- on the wire


@pytest.fixture
async def line(tmp_path):
    made = Line(tmp_path / "rs485", baud=9600, bits_per_char=10)
    await made.start()
    yield made
    await made.stop()


class Master:
    """Raw bytes on the line's pty; everything heard is kept with its time."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.heard = b""
        self.heard_at_s = 0.0
        asyncio.get_running_loop().add_reader(self.fd, self._read)

    def _read(self):
        self.heard += os.read(self.fd, 4096)
        self.heard_at_s = time.monotonic()

    def send(self, frame):
        self.heard = b""
        os.write(self.fd, frame)
        return time.monotonic()

    def close(self):
        asyncio.get_running_loop().remove_reader(self.fd)
        os.close(self.fd)


@pytest.fixture
async def master(line):
    made = Master(line.path)
    yield made
    made.close()


async def until(true, patience_s=20.0):
    deadline_s = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.005)


@pytest.mark.wire
async def test_an_answer_comes_no_sooner_than_the_wire_allows(line, master):
    line.attach(VirtualMeter(1, turnaround_s=0.02))
    sent_s = master.send(framed(bytes.fromhex("0104 0000 0024")))
    await until(lambda: len(master.heard) == 77)
    least_s = (8 + 77 + 3.5) * 10 / 9600 + 0.02
    assert master.heard_at_s - sent_s >= least_s - 0.001
    assert line.traffic.busy_s == pytest.approx(85 * 10 / 9600)


@pytest.mark.wire
@pytest.mark.parametrize(("kind", "expected"), [
    ("noise_before", lambda good: b"\x55" + good), ("noise_after", lambda good: good + b"\x55"),
    ("bad_crc", lambda good: good[:-1] + bytes((good[-1] ^ 255,))),
    ("wrong_unit", lambda good: framed(b"\x02" + good[1:-2])),
    ("wrong_function", lambda good: framed(b"\x01\x03" + good[2:-2])),
    ("wrong_count", lambda good: framed(b"\x01\x04\x02" + good[3:5])),
    ("late", lambda good: good),
])
async def test_a_faulty_answer_is_faulty_as_told_and_only_as_often(line, master, kind, expected):
    meter = VirtualMeter(1)
    meter.forced[72] = 123.456
    line.attach(meter)
    good = meter.answer(framed(READ_ENERGY))
    line.fault(kind, 1, delay_s=0.1, times=1)
    sent_s = master.send(framed(READ_ENERGY))
    await until(lambda: master.heard == expected(good))
    assert kind != "late" or master.heard_at_s - sent_s >= 0.1
    master.send(framed(READ_ENERGY))
    await until(lambda: master.heard == good)


@pytest.mark.wire
@pytest.mark.parametrize("kind", ["silent", "cut"])
async def test_a_silent_meter_does_not_silence_the_others(line, master, kind):
    line.attach(VirtualMeter(1))
    line.attach(VirtualMeter(2))
    line.fault(kind, 1)
    master.send(framed(READ_ENERGY))
    await until(lambda: line.traffic.busy_s > 0)
    await asyncio.sleep(0.1)
    assert master.heard == b""
    master.send(framed(b"\x02" + READ_ENERGY[1:]))
    await until(lambda: len(master.heard) == 9)
    line.clear(kind, 1)
    master.send(framed(READ_ENERGY))
    await until(lambda: len(master.heard) == 9)


@pytest.mark.wire
async def test_two_talkers_at_once_spoil_each_other(line, master):
    line.attach(VirtualMeter(1))
    line.fault("late", 1, delay_s=0.05, times=1)
    master.send(framed(READ_ENERGY))
    await until(lambda: bool(line.faults) is False)
    await asyncio.sleep(0.03)
    os.write(master.fd, framed(bytes(range(3, 60))))
    await until(lambda: len(master.heard) == 9)
    assert line.traffic.collisions == 1
    assert crc(master.heard[:-2]) != master.heard[-2:]


@pytest.mark.wire
async def test_a_board_behind_a_descriptor_hears_all_and_is_heard(line, master):
    ours, boards = socket.socketpair()
    with ours, boards:
        boards.setblocking(False)
        line.attach_fd(ours.fileno(), 11)
        line.attach(VirtualMeter(1))
        loop = asyncio.get_running_loop()
        master.send(framed(READ_ENERGY))
        assert await loop.sock_recv(boards, 100) == framed(READ_ENERGY)
        assert len(await loop.sock_recv(boards, 100)) == 9  # the meter's answer, as on a wire
        await until(lambda: len(master.heard) == 9)
        master.heard = b""
        sent_s = time.monotonic()
        await loop.sock_sendall(boards, b"\x0b" + bytes(59))
        await until(lambda: len(master.heard) == 60)
        assert master.heard_at_s - sent_s >= 60 * 10 / 9600 - 0.001
        boards.close()
        await until(lambda: line.units == {1})


@pytest.mark.wire
async def test_an_unplugged_adapter_hangs_up_and_comes_back_under_its_path(line):
    fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    line.unplug()
    assert not line.path.exists()
    with pytest.raises(OSError):
        os.write(fd, b"x")
    os.close(fd)
    line.plug()
    line.attach(VirtualMeter(1))
    master = Master(line.path)
    master.send(framed(READ_ENERGY))
    await until(lambda: len(master.heard) == 9)
    master.close()


@pytest.mark.wire
async def test_an_independent_master_reads_a_meter(line):
    meter = VirtualMeter(42)
    meter.physics.set_load((6.0, 7.0, 8.0), (229.0, 230.0, 231.0))
    meter.forced[72] = 1234.5
    line.attach(meter)
    await asyncio.sleep(0.6)  # a refresh instant
    client = AsyncModbusSerialClient(str(line.path), framer=FramerType.RTU, baudrate=9600, retries=0)
    assert await client.connect()
    answer = await client.read_input_registers(0, count=18, device_id=42)
    values = [client.convert_from_registers(answer.registers[at:at + 2], client.DATATYPE.FLOAT32)
              for at in range(0, 18, 2)]
    assert values == [229.0, 230.0, 231.0, 6.0, 7.0, 8.0, 1374.0, 1610.0, 1848.0]
    energy = await client.read_input_registers(72, count=2, device_id=42)
    assert client.convert_from_registers(energy.registers, client.DATATYPE.FLOAT32) == 1234.5
    client.close()


async def test_a_unit_id_is_given_once(tmp_path):
    line = Line(tmp_path / "x")
    line.attach(VirtualMeter(1))
    with pytest.raises(ValueError, match="taken"):
        line.attach(VirtualMeter(1))
    with pytest.raises(ValueError, match="'sleepy'"):
        line.fault("sleepy")


@pytest.mark.wire
async def test_the_masters_baud_is_that_of_the_line_and_a_meter_at_another_is_silent(line, master):
    line.attach(VirtualMeter(1, baud=19200))
    master.send(framed(READ_ENERGY))
    await until(lambda: line.traffic.busy_s > 0)
    await asyncio.sleep(0.1)
    assert (line.baud, master.heard) == (9600, b"")
    settings = termios.tcgetattr(master.fd)
    settings[4] = settings[5] = termios.B19200
    termios.tcsetattr(master.fd, termios.TCSANOW, settings)
    master.send(framed(READ_ENERGY))
    await until(lambda: len(master.heard) == 9)
    assert line.baud == 19200
    assert line.char_s == pytest.approx(10 / 19200)
