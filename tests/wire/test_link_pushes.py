"""Pushes over real Unix sockets: the latest only, whatever the client does; coming back."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from edge.controller.request import Origin, Request
from edge.link.client import LinkClient
from edge.link.errors import LinkLost
from edge.link.messages import SNAPSHOT, Push, Reply, accepted
from edge.link.peer import Peer
from edge.link.server import LinkServer

pytestmark = pytest.mark.wire

PUSHES = 3000
PADDING = "x" * 10_000  # 30 MB in all


async def yes(peer: Peer, request: Request) -> Reply:
    return accepted(request)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LinkServer]:
    server = LinkServer(tmp_path, Origin.UI, yes)
    await server.start()
    yield server
    await server.close()


def number(push: Push) -> int:
    return int(msgspec.json.decode(push.data)["n"])


async def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.005)


async def pushed(server: LinkServer) -> int:
    """Push many large snapshots; the most bytes that they held in this process meanwhile."""
    tracemalloc.start()
    try:
        for n in range(1, PUSHES + 1):
            server.push(SNAPSHOT, {"n": n, "padding": PADDING})
            if n % 10 == 0:
                await asyncio.sleep(0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_new_client_hears_the_latest_of_each_topic(server: LinkServer) -> None:
    server.push(SNAPSHOT, {"n": 1})
    server.push("other", {"n": 5})
    server.push(SNAPSHOT, {"n": 2})
    async with LinkClient(server.path) as client:
        heard: dict[str, int] = {}
        async for push in client.pushes():
            heard[push.topic] = number(push)
            if len(heard) == 2:
                break
    assert heard == {SNAPSHOT: 2, "other": 5}


async def test_pushes_arrive_while_calls_are_answered(server: LinkServer) -> None:
    async with LinkClient(server.path) as client:
        pushes = client.pushes()
        for n in range(5):
            server.push(SNAPSHOT, {"n": n})
            assert number(await anext(pushes)) == n
            assert await client.request("session.stop") == b"null"


READER = """
import asyncio, sys
from pathlib import Path
import msgspec
from edge.link.client import LinkClient

async def main():
    async with LinkClient(Path(sys.argv[1])) as client:
        async for push in client.pushes():
            print(msgspec.json.decode(push.data)["n"], flush=True)

asyncio.run(main())
"""


async def test_a_stopped_client_costs_neither_memory_nor_time_and_then_sees_the_latest(
        server: LinkServer) -> None:
    reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, str(server.path),
                                                  stdout=subprocess.PIPE)
    assert reader.stdout is not None
    try:
        server.push(SNAPSHOT, {"n": 0})
        assert await reader.stdout.readline() == b"0\n"
        os.kill(reader.pid, signal.SIGSTOP)
        async with LinkClient(server.path) as other:
            assert await pushed(server) < 3_000_000
            began = time.monotonic()
            assert await other.request("session.stop") == b"null"
            assert time.monotonic() - began < 5.0
        os.kill(reader.pid, signal.SIGCONT)
        seen = []
        async with asyncio.timeout(20):
            while not seen or seen[-1] != PUSHES:
                seen.append(int(await reader.stdout.readline()))
    finally:
        reader.kill()
        await reader.wait()
    assert seen == sorted(seen)
    assert len(seen) < PUSHES / 10
    await until(lambda: server.clients == 0)


async def test_a_client_that_never_reads_is_no_burden_and_closing_does_not_wait_for_it(
        server: LinkServer) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, str(server.path))
        await loop.sock_sendall(deaf, b"GET / HTTP/1.1\r\nHost: forecourt\r\nUpgrade: websocket\r\n"
                                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        await until(lambda: server.clients == 1)
        assert await pushed(server) < 3_000_000
        async with asyncio.timeout(10):
            await server.close()


async def test_a_slow_consumer_in_the_client_sees_only_the_latest(server: LinkServer) -> None:
    async with LinkClient(server.path) as client:
        pushes = client.pushes()
        server.push(SNAPSHOT, {"n": 0})
        await anext(pushes)
        for n in range(1, 50):
            server.push(SNAPSHOT, {"n": n})
            await client.request("session.stop")  # this push has been read by then, or soon
        server.push(SNAPSHOT, {"n": 50})
        seen = []
        while not seen or seen[-1] != 50:
            seen.append(number(await anext(pushes)))
        assert len(seen) <= 2


async def test_the_end_of_the_server_is_told_and_its_return_is_found(
        server: LinkServer, tmp_path: Path) -> None:
    client = LinkClient(server.path, first_retry_s=0.01)
    await client.connect()
    server.push(SNAPSHOT, {"n": 1})
    pushes = client.pushes()
    assert number(await anext(pushes)) == 1
    await server.close()
    with pytest.raises(LinkLost):
        await anext(pushes)
    assert not client.connected
    with pytest.raises(LinkLost):
        await client.request("session.stop")
    back = asyncio.create_task(client.connect())
    await asyncio.sleep(0.05)  # a few attempts fail meanwhile
    again = LinkServer(tmp_path, Origin.UI, yes)
    await again.start()
    again.push(SNAPSHOT, {"n": 2})
    await back
    assert number(await anext(client.pushes())) == 2
    await client.close()
    await again.close()


async def test_a_call_in_flight_is_lost_with_its_connection(tmp_path: Path) -> None:
    at_work = asyncio.Event()

    async def never(peer: Peer, request: Request) -> Reply:
        at_work.set()
        await asyncio.Event().wait()
        return accepted(request)

    server = LinkServer(tmp_path, Origin.UI, never)
    await server.start()
    async with LinkClient(server.path) as client:
        call = asyncio.create_task(client.request("session.stop", timeout_s=60))
        await at_work.wait()
        await server.close()
        with pytest.raises(LinkLost):
            await call


async def test_closing_the_client_ends_its_iterator(server: LinkServer) -> None:
    client = LinkClient(server.path)
    await client.connect()
    waiting = asyncio.create_task(anext(client.pushes()))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(LinkLost):
        await waiting


async def test_nobody_there_is_said_after_the_timeout(tmp_path: Path) -> None:
    client = LinkClient(tmp_path / "ui.sock", first_retry_s=0.01)
    with pytest.raises(LinkLost, match=r"no server at .*ui\.sock within 0\.1 s"):
        await client.connect(timeout_s=0.1)


async def test_a_socket_left_by_a_killed_server_is_replaced_a_live_one_is_not(
        server: LinkServer, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another process serves"):
        await LinkServer(tmp_path, Origin.UI, yes).start()
    async with LinkClient(server.path) as client:
        assert client.connected
    left = tmp_path / "sync.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as killed:
        killed.bind(str(left))
    successor = LinkServer(tmp_path, Origin.SYNC, yes)
    await successor.start()
    async with LinkClient(left) as client:
        assert client.connected
    await successor.close()
    assert not left.exists()


async def test_an_unknown_group_is_said_and_nothing_listens(tmp_path: Path) -> None:
    server = LinkServer(tmp_path, Origin.SERVICE, yes, group="no-such-group-here")
    with pytest.raises(LookupError, match="no-such-group-here"):
        await server.start()
    with pytest.raises(LinkLost):
        await LinkClient(server.path, first_retry_s=0.01).connect(timeout_s=0.05)
