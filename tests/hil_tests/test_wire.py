"""The model of a line, in virtual time: what is heard, when, and what its faults make of it."""

import asyncio
import itertools

import pytest

from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.spoil import crc, garble
from hil_tests.virtual.wire import Wire
from tests.support.virtual_time import virtual

CHAR_S = 10 / 9600


def framed(body):
    return body + crc(body)


ENERGY, VOLTS = framed(bytes.fromhex("0104 0048 0002")), framed(bytes.fromhex("0104 0000 0006"))


class Master:
    """A port in memory: what it hears, with the loop's time of it."""

    def __init__(self, **options):
        self.wire = Wire(**{"baud": 9600, "bits_per_char": 10} | options)
        self.heard = []
        self.send = self.wire.connect(self.hear)
        self.meter = VirtualMeter(1, turnaround_s=0.02)
        self.meter.forced[72] = 123.456
        self.wire.attach(self.meter)
        self.good = self.meter.answer(ENERGY)
        self.volts = self.meter.answer(VOLTS)

    def hear(self, data):
        self.heard.append((asyncio.get_running_loop().time(), data))

    async def ask(self, request=ENERGY, wait_s=1.0):
        """All that is heard in the second after the request, and when the first came."""
        self.heard.clear()
        sent_s = asyncio.get_running_loop().time()
        self.send(request)
        await asyncio.sleep(wait_s)
        first_s = self.heard[0][0] - sent_s if self.heard else None
        return b"".join(data for _, data in self.heard), first_s


@virtual
async def test_an_answer_takes_its_time_on_the_wire_and_not_a_bit_more():
    master = Master()
    heard, after_s = await master.ask()
    assert heard == master.good
    assert after_s == pytest.approx((8 + 3.5 + 9) * CHAR_S + 0.02)
    assert master.wire.traffic.busy_s == pytest.approx(17 * CHAR_S)
    fast = Master(paced=False)
    assert (await fast.ask())[1] == pytest.approx(0.02)


@virtual
async def test_every_fault_is_as_told_and_only_as_often():
    base_s = (8 + 3.5 + 9) * CHAR_S + 0.02
    good = Master().good
    cases = {
        "silent": (b"", None), "late": (good, base_s + 0.1), "creep": (good, base_s),
        "truncated": (good[:4], base_s - 5 * CHAR_S), "noise_before": (b"\x55" + good, base_s + CHAR_S),
        "noise_after": (good + b"\x55", base_s + CHAR_S), "echo": (ENERGY + good, 8 * CHAR_S),
        "bad_crc": (good[:-1] + bytes((good[-1] ^ 255,)), base_s),
        "wrong_unit": (framed(b"\x02" + good[1:-2]), base_s),
        "wrong_function": (framed(b"\x01\x03" + good[2:-2]), base_s),
        "wrong_count": (framed(b"\x01\x04\x02" + good[3:5]), base_s - 2 * CHAR_S),
        "exception": (framed(b"\x01\x84\x0b"), base_s - 4 * CHAR_S), "swapped": (b"", None)}
    for kind, (expected, after_s) in cases.items():
        master = Master()
        master.wire.fault(kind, 1, delay_s=0.1, times=1)
        heard, first_s = await master.ask()
        assert heard == expected, kind
        assert first_s == (after_s and pytest.approx(after_s)), kind
        assert await master.ask() == (good, pytest.approx(base_s)), kind


@virtual
async def test_swapped_is_the_answer_to_the_question_before():
    master = Master()
    await master.ask(VOLTS)
    master.wire.fault("swapped", 1)
    assert (await master.ask(ENERGY))[0] == master.volts
    assert (await master.ask(VOLTS))[0] == master.good
    master.wire.clear()
    assert (await master.ask(VOLTS))[0] == master.volts


@virtual
async def test_a_held_answer_comes_during_the_next_request():
    master = Master()
    master.wire.fault("held", 1, times=1)
    assert (await master.ask(ENERGY))[0] == b""
    heard, first_s = await master.ask(VOLTS)
    assert heard == master.good + master.volts
    assert first_s == pytest.approx((8 + 9) * CHAR_S)


@virtual
async def test_a_creeping_unit_gets_later_and_later():
    master = Master()
    master.wire.fault("creep", 1, delay_s=0.05)
    waits_s = [(await master.ask())[1] for _ in range(4)]
    steps_s = [after - before for before, after in itertools.pairwise(waits_s)]
    assert steps_s == [pytest.approx(0.05)] * 3


@virtual
async def test_a_unit_at_another_baud_hears_garbage_and_says_nothing():
    master, boards = Master(), []
    master.meter.baud = 19200
    master.wire.attach_talker(11, boards.append, baud=9600)
    master.wire.attach_talker(12, boards.append, baud=38400)
    assert await master.ask() == (b"", None)
    assert boards == [ENERGY, garble(ENERGY)]
    master.wire.speak(19200)
    heard, first_s = await master.ask()
    assert heard == master.good
    assert first_s == pytest.approx((8 + 3.5 + 9) * CHAR_S / 2 + 0.02)


@virtual
async def test_two_masters_hear_each_other_and_spoil_each_other():
    master, other = Master(), []
    send = master.wire.connect(other.append)
    heard, _ = await master.ask()
    assert other == [ENERGY, heard]
    send(VOLTS)
    heard, _ = await master.ask()
    assert heard == garble(VOLTS)
    assert master.wire.traffic.collisions == 1


@virtual
async def test_a_cut_line_carries_nothing_until_it_is_mended():
    master = Master()
    master.wire.fault("cut")
    assert await master.ask() == (b"", None)
    master.wire.clear("cut")
    assert (await master.ask())[0] == master.good
