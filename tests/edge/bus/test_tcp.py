"""The Modbus TCP master against a gateway in memory, in virtual time."""

import asyncio
from contextlib import suppress

import pytest
from memory_port import MemoryPort

from edge.bus.mbap import first_frame, mbap_frame
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.bus.tcp import TcpMaster
from edge.bus.url import parse_url
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout

ASK, OTHER = read_input(0x48, 2), read_input(0x0C, 4)
ANSWER, LIE = b"\x04\x04\x42\xf6\xe9\x79", b"\x04\x04\x00\x00\x00\x01"


@pytest.fixture
def on_gateway(virtually):
    """Run `scenario(owner, port)` on a started owner of a gateway in memory."""
    def run(scenario):
        async def play():
            ports = []

            def made(*args):
                ports.append(MemoryPort(*args, stream=True))
                return ports[-1]
            owner = LineOwner(TcpMaster(parse_url("tcp://gate"), made))
            await owner.start()
            try:
                return await scenario(owner, ports[0])
            finally:
                await owner.close()
        return virtually(play())
    return run


def ask(owner, unit=1, pdu=ASK, timeout_s=0.1, klass=BusClass.METER_FAST):
    return owner.transact(unit, pdu, klass, timeout_s=timeout_s)


def tid(request):
    return int.from_bytes(request[:2], "big")


def answering(pdu, shift=0, unit=1, after_s=0.01):
    return lambda request: [(after_s, mbap_frame((tid(request) + shift) % 65536, unit, pdu))]


honest = answering(ANSWER)


@pytest.mark.parametrize("frame", [b"", b"\x00", mbap_frame(1, 2, ANSWER)[:-1],
                                   b"\x00\x01\x00\x00\x00"])
def test_less_than_a_frame_is_waited_for(frame):
    assert first_frame(frame) is None


@pytest.mark.parametrize(("data", "said"), [
    (b"\x00\x01\x00\x07", "protocol id 7"), (b"\x00\x01\x00\x00\x00\x02\x01", "length of 2"),
    (b"\x00\x01\x00\x00\xff\xff\x01", "length of 65535"),
    (b"\x01\x04\x04\x42\xf6\xe9\x79", "protocol id"),
])
def test_what_is_no_frame_is_found_out_at_once(data, said):
    with pytest.raises(ValueError, match=said):
        first_frame(data)


def test_split_frames_are_put_together(on_gateway):
    async def scenario(owner, port):
        def bytewise(request):
            frame = mbap_frame(tid(request), 1, ANSWER)
            return [(0.001 * at, frame[at:at + 1]) for at in range(len(frame))]
        port.script = bytewise
        assert await ask(owner) == ANSWER
        return port.opens
    assert on_gateway(scenario) == 1


@pytest.mark.parametrize("script", [
    lambda _: [(0.01, mbap_frame(0, 1, LIE))],
    lambda request: [(0.01, mbap_frame(tid(request) + 1, 1, LIE))],
    lambda request: [(0.01, mbap_frame(tid(request), 2, LIE))],
    lambda request: [(0.01, mbap_frame(tid(request), 1, b"\x04\x02\x00\x01"))],
    lambda request: [(0.01, mbap_frame(tid(request), 1, b"\x03" + LIE[1:]))],
    lambda request: [(0.01, mbap_frame(tid(request), 1, b"\x84"))],
    lambda request: [(0.01, mbap_frame(tid(request) - 1, 1, LIE) + mbap_frame(tid(request), 1, LIE))],
    lambda request: [(0.01, request[:2] + b"\x00\x01" + mbap_frame(1, 1, LIE)[4:])],
], ids=["id 0", "id", "unit", "count", "function", "short refusal", "stale first", "protocol"])
def test_a_mismatch_is_refused_and_closes_the_connection(on_gateway, script):
    async def scenario(owner, port):
        port.script = script
        with pytest.raises(BadAnswer, match="unit 1 on gate:502"):
            await ask(owner)
        port.script = honest
        assert await ask(owner) == ANSWER
        return port.opens, owner.figures().bad
    assert on_gateway(scenario) == (2, 1)


def test_what_nobody_asked_for_costs_the_connection_and_not_the_next_answer(on_gateway):
    async def scenario(owner, port):
        port.script = lambda request: [(0.01, mbap_frame(tid(request), 1, ANSWER) * 2)]
        assert await ask(owner) == ANSWER
        port.script = honest
        assert await ask(owner) == ANSWER
        port.deliver(mbap_frame(3, 1, LIE))
        assert await ask(owner) == ANSWER
        return port.opens
    assert on_gateway(scenario) == 3


def test_a_gateway_that_is_one_answer_late_is_never_believed(on_gateway):
    """It hands the next request what it still had, under the next request's own id."""
    async def scenario(owner, port):
        port.script = lambda _: ()
        with pytest.raises(DeviceTimeout):
            await ask(owner)
        failed_s = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        assert port.opens == 2, "what comes late has nowhere to arrive"
        port.script = lambda request: [(0.01, mbap_frame(tid(request), request[6], LIE))]
        with pytest.raises(BadAnswer):  # of another shape: found out
            await ask(owner, 1, OTHER)
        port.script = honest
        assert await ask(owner) == ANSWER
        return asyncio.get_running_loop().time() - failed_s
    assert on_gateway(scenario) >= 1.0, "of the same shape: not asked until the gateway has given it up"


@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_says_that_a_unit_is_silent_rests_the_unit(on_gateway, code):
    async def scenario(owner, port):
        port.script = answering(bytes((0x84, code)))
        for _ in range(3):
            with pytest.raises(DeviceTimeout, match="gateway"):
                await ask(owner)
        asked = len(port.written)
        with pytest.raises(DeviceTimeout, match="not asked"):
            await ask(owner, timeout_s=None)
        assert len(port.written) == asked and port.opens == 1
        unit = owner.figures().units[0]
        return unit.timeouts, unit.refusals, unit.silent, unit.resting_s
    timeouts, refusals, silent, resting_s = on_gateway(scenario)
    assert (timeouts, refusals, silent) == (3, 0, 3) and 0 < resting_s <= 5


def test_a_refusal_of_the_device_is_a_sign_of_life(on_gateway):
    async def scenario(owner, port):
        port.script = answering(b"\x84\x02")
        for _ in range(4):
            with pytest.raises(DeviceRefused) as refused:
                await ask(owner)
        assert refused.value.code == 2
        return owner.figures().units[0].resting_s
    assert on_gateway(scenario) is None


def test_transaction_ids_go_on_over_connections_and_never_are_zero(on_gateway):
    async def scenario(owner, port):
        port.script = honest
        owner._link._transaction = 65534
        for _ in range(2):
            await ask(owner)
        port.lose()
        port.there = True
        await asyncio.sleep(2.1)
        await ask(owner)
        return [tid(frame) for _, frame in port.written]
    assert on_gateway(scenario) == [65535, 1, 2]


def test_a_dead_unit_behind_a_gateway_is_probed_as_rarely_as_on_any_line(on_gateway):
    async def scenario(owner, port):
        loop, asked = asyncio.get_running_loop(), []

        def script(request):
            if request[6] == 2:
                asked.append(loop.time())
                return ()
            return honest(request)
        port.script = script
        until_s = loop.time() + 60
        while loop.time() < until_s:
            for unit in (1, 2):
                with suppress(DeviceTimeout):
                    await owner.transact(unit, ASK, BusClass.METER_FAST)
            await asyncio.sleep(0.5)
        return asked
    asked = on_gateway(scenario)
    assert len(asked) <= 3 + 60 / 5, "each costs a timeout, and a new connection"
    assert len(asked) >= 60 / 6


def test_units_of_a_gateway_that_was_away_are_asked_as_soon_as_it_is_back(on_gateway):
    async def scenario(owner, port):
        port.script = lambda _: ()
        for _ in range(4):
            with suppress(DeviceTimeout):
                await owner.transact(1, ASK, BusClass.METER_FAST)
        port.lose()
        await asyncio.sleep(1)
        assert owner.down is not None
        port.there, port.script = True, honest
        await asyncio.sleep(2.1)
        return await owner.transact(1, ASK, BusClass.METER_FAST)
    assert on_gateway(scenario) == ANSWER
