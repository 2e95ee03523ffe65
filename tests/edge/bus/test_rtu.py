"""The RTU master's own rules on a line in memory, in virtual time."""

import asyncio
import itertools
from contextlib import suppress

import pytest
from memory_port import MemoryPort

from edge.bus.frame import frame_of
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input, write_register
from edge.bus.port import BusClass
from edge.bus.rtu import RtuMaster
from edge.bus.url import parse_url
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

ASK, OTHER = read_input(0x48, 2), read_input(0x0C, 4)
ANSWER = b"\x04\x04\x42\xf6\xe9\x79"
WRITE = write_register(1000, 7)
URL = "rtu:/dev/x?baud=9600&parity=N"
CHAR_S = 10 / 9600


@pytest.fixture
def on_line(virtually):
    """Run `scenario(owner, port)` on a started owner of a line in memory."""
    def run(scenario, url=URL):
        async def play():
            ports = []

            def made(*args):
                ports.append(MemoryPort(*args))
                return ports[-1]
            owner = LineOwner(RtuMaster(parse_url(url), made))
            await owner.start()
            try:
                return await scenario(owner, ports[0])
            finally:
                await owner.close()
        return virtually(play())
    return run


def ask(owner, unit=1, pdu=ASK, klass=BusClass.METER_FAST, timeout_s=0.1):
    return owner.transact(unit, pdu, klass, timeout_s=timeout_s)


def honest(request):
    return [(0.03, frame_of(request[0], ANSWER))]


def now_s():
    return asyncio.get_running_loop().time()


def test_after_a_failure_the_line_is_drained_and_silent_before_the_next_request(on_line):
    async def scenario(owner, port):
        late = frame_of(1, b"\x04\x3a" + bytes(58))
        port.script = lambda _: [(0.1 + 0.006 * at, late[at:at + 2]) for at in range(0, len(late), 2)]
        with pytest.raises(BadAnswer):
            await ask(owner, 1, OTHER)
        port.script = honest
        assert await ask(owner, 2) == ANSWER
        return port.written[1][0] - port.written[0][0], owner.figures()
    apart_s, figures = on_line(scenario)
    assert apart_s == pytest.approx(0.1 + 0.006 * 62 + 0.025, abs=0.002), "its end, then a silence"
    assert figures.units[0].bad == 1 and figures.units[0].noise_bytes > 0


def test_who_else_speaks_is_let_finish_although_his_adapter_pauses(on_line):
    async def scenario(owner, port):
        port.script = honest
        await ask(owner)
        frame = frame_of(9, b"\x04\x3a" + bytes(58))
        port.deliver(frame[:30])
        asyncio.get_running_loop().call_later(0.016, port.deliver, frame[30:])
        began_s = now_s()
        assert await ask(owner) == ANSWER
        return port.written[1][0] - began_s
    assert on_line(scenario) == pytest.approx(0.016 + 0.025, abs=0.001)


def test_an_answer_that_begins_in_time_may_end_after_it(on_line):
    async def scenario(owner, port):
        whole = frame_of(1, ANSWER)
        port.script = lambda _: [(0.1, whole[:2]), (0.116, whole[2:4]), (0.132, whole[4:])]
        return await ask(owner, timeout_s=0.1)
    assert on_line(scenario) == ANSWER


def test_an_answer_in_doubt_counts_only_when_the_line_is_silent(on_line):
    """Three bytes that may begin a long frame: what follows may belong to it."""
    async def scenario(owner, port):
        inner = frame_of(1, ANSWER)
        body = b"\x04\x20" + b"\x11\x22" + inner + bytes(0x20 - 2 - len(inner))
        frame = frame_of(9, body)
        port.script = lambda _: [(0.02, frame[:14]), (0.035, frame[14:])]
        with pytest.raises(BadAnswer):
            await ask(owner)
        began_s = now_s()
        port.script = lambda _: [(0.02, b"\x09\x04\x20" + inner)]
        assert await ask(owner, 2 - 1, ASK) == ANSWER
        return now_s() - began_s
    assert on_line(scenario) <= 1.2


def test_the_echo_of_an_adapter_never_confirms_a_write(on_line):
    async def dead(owner, port):
        port.script = lambda request: [(0.01, b"\x00" + request)]
        with pytest.raises(DeviceTimeout):
            await ask(owner, 1, WRITE)
        port.script = lambda request: [(0.01, b"\x00" + request + request)]
        assert await ask(owner, 1, WRITE) == WRITE
        port.script = lambda request: [(0.01, request)]
        port.script = lambda _: [(0.01, frame_of(1, WRITE)[:-1])]
        with pytest.raises((BadAnswer, DeviceTimeout)):
            await ask(owner, 1, WRITE)
    on_line(dead, URL + "&echo=1")

    async def seen(owner, port):
        port.script = lambda request: [(0.01, request), *honest(request)]
        assert await ask(owner) == ANSWER
        port.script = lambda request: [(0.01, request)]
        with pytest.raises(DeviceTimeout):
            await ask(owner, 1, WRITE)
        with pytest.raises(DeviceTimeout):
            await ask(owner, 1, OTHER)
        return owner.figures().echo
    assert on_line(seen) is True


def test_an_echo_that_is_promised_and_never_comes_is_told(on_line):
    async def scenario(owner, port):
        port.script = honest
        with pytest.raises(BadAnswer, match=r"no echo.*expected the echo of the request"):
            await ask(owner)
    on_line(scenario, URL + "&echo=1")


def test_a_device_that_keeps_its_answer_until_it_is_asked_again_is_not_believed(on_line):
    """Its true answer follows the old one; nothing else tells them apart."""
    async def scenario(owner, port):
        port.script = lambda _: ()
        with pytest.raises(DeviceTimeout):
            await ask(owner)
        old = frame_of(1, b"\x04\x04\x00\x00\x00\x01")
        port.script = lambda request: [(0.02, old), (0.06, honest(request)[0][1])]
        with pytest.raises(BadAnswer):
            await ask(owner)
        port.script = honest
        assert await ask(owner) == ANSWER
    on_line(scenario)


def test_another_master_is_recognised_and_told(on_line):
    async def scenario(owner, port):
        port.script = honest
        for _ in range(2):
            port.deliver(frame_of(5, OTHER))
            await asyncio.sleep(0.05)
            port.deliver(frame_of(5, b"\x04\x08" + bytes(8)))
            await asyncio.sleep(0.5)
            assert await ask(owner) == ANSWER
        assert not owner.figures().another_master
        port.script = lambda request: [(0.01, frame_of(5, OTHER)), *honest(request)]
        assert await ask(owner) == ANSWER
        return owner.figures()
    figures = on_line(scenario)
    assert figures.another_master and figures.foreign_requests == 3
    assert figures.noise_bytes == 0, "frames of others are no noise"


def test_our_own_late_answers_are_no_other_master(on_line):
    async def scenario(owner, port):
        port.script = lambda request: [(0.3, frame_of(request[0], ANSWER)), (0.31, request)]
        for unit in range(1, 9):
            with pytest.raises(DeviceTimeout):
                await ask(owner, unit)
            await asyncio.sleep(0.5)
        return owner.figures()
    figures = on_line(scenario)
    assert not figures.another_master and figures.timeouts == 8


def test_a_babbling_line_neither_stops_us_nor_lies(on_line):
    async def scenario(owner, port):
        async def babble():
            for number in itertools.count():
                port.deliver(bytes((number * 7 % 256, number % 251)))
                await asyncio.sleep(0.01)
        task = asyncio.create_task(babble())
        began_s = now_s()
        for _ in range(2):
            with pytest.raises(BadAnswer):
                await ask(owner, timeout_s=0.1)
        assert now_s() - began_s < 2 * 2.3
        task.cancel()
        port.script = honest
        await asyncio.sleep(1.1)
        assert await ask(owner) == ANSWER
        assert owner.figures().units[0].noise_bytes > 50
    on_line(scenario)


def test_a_device_server_may_hand_an_answer_on_as_a_whole(on_line):
    async def scenario(owner, port):
        whole = 255 * 11 / 9600
        port.script = lambda _: [(0.03 + whole, frame_of(1, b"\x04\xfa" + bytes(250)))]
        await ask(owner, 1, read_input(0, 125), timeout_s=0.1)
        return owner.turnaround_s(1), owner.turnaround_s(2)
    took_s, unknown = on_line(scenario, "rtu+tcp://gate:4196")
    assert took_s == pytest.approx(0.03 - 8 * 11 / 9600, abs=1e-6) and unknown is None


def test_a_tap_hears_every_byte_both_ways(on_line):
    async def scenario(owner, port):
        heard = []
        owner.on_frame = heard.append
        port.script = lambda _: [(0.02, b"\x00"), (0.03, frame_of(1, ANSWER))]
        await ask(owner)
        owner.on_frame = None
        await ask(owner)
        return heard
    heard = on_line(scenario)
    assert [(one.direction, one.data) for one in heard] == [
        ("sent", frame_of(1, ASK)), ("heard", b"\x00"), ("heard", frame_of(1, ANSWER))]
    assert heard[2].mono_ns - heard[0].mono_ns == pytest.approx(30e6, abs=1)


def test_what_is_in_flight_is_ended_before_the_line_is_closed(virtually):
    async def play():
        ports = []

        def made(*args):
            ports.append(MemoryPort(*args))
            return ports[-1]
        owner = LineOwner(RtuMaster(parse_url(URL), made))
        await owner.start()
        ports[0].script = lambda request: [(0.08, request)]
        revoke = asyncio.create_task(ask(owner, 11, WRITE, BusClass.REVOKE))
        await asyncio.sleep(0.02)
        closing = asyncio.create_task(owner.close())
        await asyncio.sleep(0)
        with pytest.raises(LineDown):
            await ask(owner, 12)
        await closing
        assert len(ports[0].written) == 1 and ports[0].lost
        return await revoke
    assert virtually(play()) == WRITE


def test_figures_travel_as_json(on_line):
    import msgspec

    from edge.bus.figures import LineFigures

    async def scenario(owner, port):
        port.script = honest
        await ask(owner)
        port.script = lambda _: [(0.02, frame_of(1, ANSWER)[:-1] + b"\x00")]
        with pytest.raises(BadAnswer):
            await ask(owner)
        port.script = lambda _: [(0.02, b"\x55\x55" + frame_of(2, ANSWER))]
        await ask(owner, 2)
        return owner.figures()
    figures = on_line(scenario)
    assert msgspec.json.decode(msgspec.json.encode(figures), type=LineFigures) == figures
    one, two = figures.units
    assert (one.answers, one.bad, one.crc_errors, one.silent) == (1, 1, 1, 1)
    assert (two.noise_bytes, two.crc_errors, two.gap_ms, two.resting_s) == (2, 0, 0, None)
    assert one.turnaround_ms == pytest.approx(1000 * (0.03 - 17 * CHAR_S), abs=0.1)
    assert figures.worst_wait_ms.keys() == {"meter_fast"} and figures.low_latency is None


def test_what_is_waited_for_behind_an_answer_is_no_turnaround(on_line):
    async def scenario(owner, port):
        port.script = honest
        await ask(owner)
        known = owner.stats.unit(1)
        first = known.turnaround_s, known.worst_turnaround_s
        noisy = b"\x55" * 5  # so that the answer counts only in silence
        for script in (lambda _: (), honest, lambda _: [(0.03, noisy + frame_of(1, ANSWER))]):
            port.script = script
            with suppress(DeviceTimeout):
                await ask(owner)
            await asyncio.sleep(1)
        return first, (known.turnaround_s, known.worst_turnaround_s)
    (first_s, first_worst_s), (turnaround_s, worst_s) = on_line(scenario)
    assert first_s == first_worst_s == pytest.approx(0.03 - 17 * CHAR_S)
    assert turnaround_s == pytest.approx(first_s, abs=0.002)
    assert worst_s <= first_s + 6 * CHAR_S, "it would keep a repeated revoke waiting"


def test_a_line_that_never_falls_silent_holds_nobody_up_for_an_answer_in_doubt(on_line):
    async def scenario(owner, port):
        with pytest.raises(DeviceTimeout):
            await ask(owner)
        await asyncio.sleep(1)  # it may answer twice now
        drip = [(0.03 + 0.05 * n, b"\x55") for n in range(1, 400)]
        port.script = lambda request: [*honest(request), *drip]
        asked_s = now_s()
        with pytest.raises(BadAnswer):
            await ask(owner)
        return now_s() - asked_s
    assert on_line(scenario) < 0.5
