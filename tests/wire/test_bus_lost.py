"""Lines that go away and come back: device servers, gateways, adapters. Times are only told."""

import asyncio
import contextlib
import os
import time
import tty

import pytest

from edge.bus.frame import frame_of
from edge.bus.open import open_bus
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.controller.trouble import DeviceError, DeviceTimeout, LineDown

pytestmark = pytest.mark.wire

ASK = read_input(0x48, 2)
ANSWER = b"\x04\x04\x42\xf6\xe9\x79"


def ask(bus, unit=1, timeout_s=0.1):
    return bus.transact(unit, ASK, BusClass.METER_FAST, timeout_s=timeout_s)


async def until_it_answers(bus, patience_s=40.0):
    """Seconds until an answer comes, asking all the time."""
    began_s = time.monotonic()
    while time.monotonic() < began_s + patience_s:
        with contextlib.suppress(DeviceError):
            assert await ask(bus, timeout_s=0.5) == ANSWER
            return time.monotonic() - began_s
        await asyncio.sleep(0.05)
    raise AssertionError(f"not back within {patience_s} s: {bus.down}")


class Server:
    """A serial device server (RTU frames over TCP) or a gateway (`mbap`).

    `deaf`: connections up to that number are acknowledged and not heard.
    """

    def __init__(self, *, mbap=False):
        self.mbap, self.deaf, self.port, self.connections = mbap, 0, 0, 0
        self.pieces = 1
        self._server = None
        self._writers = set()

    async def up(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self):
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while request := await reader.read(300):
                if number <= self.deaf:
                    continue
                answer = request[:2] + b"\x00\x00\x00\x07" + request[6:7] + ANSWER if self.mbap \
                    else frame_of(request[0], ANSWER)
                size = -(-len(answer) // self.pieces)
                for at in range(0, len(answer), size):
                    writer.write(answer[at:at + size])
                    await asyncio.sleep(0.002)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the test is over
        finally:
            self._writers.discard(writer)
            writer.close()


@pytest.mark.parametrize("kind", ["rtu+tcp", "tcp"])
async def test_a_server_that_reboots_or_goes_deaf_comes_back(kind):
    server = Server(mbap=kind == "tcp")
    await server.up()
    bus = open_bus(f"{kind}://127.0.0.1:{server.port}")
    await bus.start()
    try:
        for server.pieces in (1, 3, 9):
            assert await ask(bus, timeout_s=1.0) == ANSWER
        assert bus.turnaround_s(1) is not None and bus.figures().low_latency is None
        assert server.connections == 1
        await server.down()
        with pytest.raises(DeviceError):
            await ask(bus)
        await asyncio.sleep(1.0)
        with pytest.raises(LineDown):
            await ask(bus)
        await server.up()
        print(f"{kind}: back {await until_it_answers(bus):.2f} s after a reboot")
        server.deaf = server.connections
        with pytest.raises(DeviceTimeout):
            await ask(bus)
        print(f"{kind}: {await until_it_answers(bus):.2f} s to leave one that is deaf")
        assert server.connections > server.deaf, "the old connection was given up"
    finally:
        await bus.close()
        await server.down()


async def test_an_adapter_that_came_back_under_another_number_is_found(tmp_path):
    """The old descriptor takes everything and hears nothing; the path leads elsewhere by now."""
    link, ends = tmp_path / "by-id", []

    def plug():
        master, slave = os.openpty()
        tty.setraw(slave)
        ends.append((master, slave))
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        return master

    def heard():
        frame = os.read(second, 300)
        os.write(second, frame_of(frame[0], ANSWER))

    plug()
    bus = open_bus(f"rtu:{link}?baud=115200")
    await bus.start()
    second = plug()
    asyncio.get_running_loop().add_reader(second, heard)
    try:
        print(f"adapter: back in {await until_it_answers(bus):.2f} s under its new number")
        assert bus.figures().downs >= 1
    finally:
        asyncio.get_running_loop().remove_reader(second)
        await bus.close()
        for pair in ends:
            for fd in pair:
                os.close(fd)
