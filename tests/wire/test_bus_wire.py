# ruff: noqa: ARG005 (what a device is told to say has one signature, whether it looks at it or not)
"""The bus on a pty: a scripted device at its other end."""

import asyncio
import os
import time
import tty

import pytest

from edge.bus.frame import frame_of
from edge.bus.open import open_bus
from edge.bus.pdu import read_input, write_registers
from edge.bus.port import BusClass
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown

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
