"""Calls over real Unix sockets: answers, refusals, malformed input, who is calling."""

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest

from edge.controller.request import Origin, Request
from edge.controller.trouble import DeviceTimeout
from edge.link.client import LinkClient
from edge.link.connection import MAX_IN_FLIGHT
from edge.link.errors import LinkError, LinkLost, LinkRefused, LinkTimeout
from edge.link.journal_protocol import JournalHeads
from edge.link.messages import (
    MAX_CALL_BYTES,
    Downward,
    Reply,
    Status,
    accepted,
    arguments,
    refused,
    resulted,
)
from edge.link.peer import Peer
from edge.link.server import MAX_CLIENTS, LinkServer

pytestmark = pytest.mark.wire


class Desk:
    """Answers like a controller would; `gate` holds `board.info` back."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.at_work = 0
        self.gate = asyncio.Event()

    async def __call__(self, peer: Peer, request: Request) -> Reply:
        self.peers.append(peer)
        match request.action:
            case "status":
                return resulted(request, {"args": request.args, "origin": request.origin})
            case "meter.read":
                raise DeviceTimeout("no answer", where="unit 3", got="nothing", expected="9 bytes")
            case "card.taps":
                raise TimeoutError
            case "recorder.pin":
                arguments(request, JournalHeads)
            case "fault.clear":
                return refused(request, "switch the breaker off first")
            case "board.info":
                self.at_work += 1
                await self.gate.wait()
                self.at_work -= 1
            case "outlet.disable":
                raise RuntimeError("a bug of ours")
        return accepted(request)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def server(tmp_path: Path, desk: Desk) -> AsyncIterator[LinkServer]:
    server = LinkServer(tmp_path / "run", Origin.SERVICE, desk)
    await server.start()
    yield server
    desk.gate.set()
    await server.close()


@pytest.fixture
async def client(server: LinkServer) -> AsyncIterator[LinkClient]:
    async with LinkClient(server.path) as client:
        yield client


class RawClient:
    """Writes frames as it likes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> aiohttp.ClientWebSocketResponse:
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(self._path)))
        return await self._session.ws_connect("http://forecourt/")

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()


async def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.005)


async def reply_of(ws: aiohttp.ClientWebSocketResponse) -> Reply:
    message = msgspec.json.decode(await ws.receive_str(), type=Downward)
    assert isinstance(message, Reply)
    return message


async def test_a_call_is_answered_and_its_origin_is_the_socket(client: LinkClient) -> None:
    result = await client.request("status", {"x": [1, None, "å"]}, role="technician")
    assert msgspec.json.decode(result) == {"args": {"x": [1, None, "å"]}, "origin": "service"}


async def test_acceptance_has_no_result(client: LinkClient) -> None:
    assert await client.request("outlet.enable") == b"null"


async def test_an_answer_of_another_shape_is_an_error(client: LinkClient) -> None:
    with pytest.raises(LinkError, match="JournalHeads"):
        await client.ask("status", None, JournalHeads)


async def test_what_another_socket_may_do_is_refused_before_the_handler(
        client: LinkClient, desk: Desk) -> None:
    with pytest.raises(LinkRefused, match=r"service socket.*'journal\.read', .*board\.info"):
        await client.request("journal.read", {"stream": "tx", "after": 0})
    assert desk.peers == []


@pytest.mark.parametrize(("action", "error", "text"), [
    ("fault.clear", LinkRefused, "switch the breaker off first"),
    ("meter.read", LinkError, "no answer at unit 3: got nothing, expected 9 bytes"),
    ("card.taps", LinkError, "card.taps: no answer in time"),
    ("recorder.pin", LinkError, "arguments of recorder.pin: .*epoch"),
])
async def test_a_no_says_why_and_the_connection_stays(
        client: LinkClient, action: str, error: type[LinkError], text: str) -> None:
    with pytest.raises(error, match=text):
        await client.request(action)
    assert await client.request("outlet.enable") == b"null"


async def test_the_peer_is_who_the_kernel_says_and_is_logged(
        server: LinkServer, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edge.link.server"):
        async with LinkClient(server.path) as client:
            await client.request("status")
    (peer,) = desk.peers
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.getuid(), os.getgid())
    assert peer.origin is Origin.SERVICE
    assert f"service.sock: pid {os.getpid()} uid {os.getuid()} connected" in caplog.text


async def test_the_socket_is_closed_to_others(server: LinkServer) -> None:
    mode = server.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


@pytest.mark.parametrize("frame", [
    "", "nonsense", "[]", "null", '"status"', '{"id":"1"}', '{"action":"status"}',
    '{"id":1,"action":"status"}', '{"id":"1","action":"status","args":[]}',
    '{"id":"1","action":"status","origin":"sync"}', '{"id":"1","action":"status"', "[" * 5000,
    "\x00", '{"id":"1","action":"\\ud800"}',
    '{"id":"1","action":"status","args":{"x":' + "[" * 30_000 + "]" * 30_000 + "}}",
    '{"id":"1","action":"status","args":{"x":' + "[" * 970 + "]" * 970 + "}}",
    '{"id":"1","action":"status","args":{"x":' + "[" * 32 + "]" * 32 + "}}",
])
async def test_what_is_no_call_is_answered_with_an_error_and_the_connection_stays(
        server: LinkServer, frame: str, caplog: pytest.LogCaptureFixture) -> None:
    async with RawClient(server.path) as ws:
        await ws.send_str(frame)
        reply = await reply_of(ws)
        assert reply.status in {Status.ERROR, Status.REFUSED}
        assert reply.reason
        await ws.send_str('{"id":"2","action":"outlet.enable"}')
        assert (await reply_of(ws)) == Reply(request_id="2", status=Status.ACCEPTED)
    assert "Traceback" not in caplog.text


async def test_brackets_in_a_text_or_side_by_side_are_not_deep(client: LinkClient) -> None:
    args = {"x": '["\\' + "[{" * 300, "y": [[{}]] * 100}
    assert msgspec.json.decode(await client.request("status", args))["args"] == args


@pytest.mark.parametrize("frame", [
    b"\xff\xfe", b'{"id":"1"', b"", b'{"id":"1","action":"status","args":{"x":"\xb0"}}'])
async def test_bytes_that_are_no_text_are_an_error_too(server: LinkServer, frame: bytes) -> None:
    async with RawClient(server.path) as ws:
        await ws.send_bytes(frame)
        assert (await reply_of(ws)).status is Status.ERROR


async def test_a_client_that_goes_while_it_is_greeted_is_no_defect_of_ours(
        server: LinkServer, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[BaseException] = []
    server.on_failed = failures.append
    with caplog.at_level(logging.INFO, "edge.link.server"):
        for _ in range(30):
            _, writer = await asyncio.open_unix_connection(str(server.path))
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            writer.transport.abort()
        await until(lambda: caplog.text.count(" gone") == 30)
    assert server.clients == 0 and failures == [] and "Traceback" not in caplog.text


async def test_a_frame_beyond_the_limit_ends_that_connection_cleanly(
        server: LinkServer, client: LinkClient, caplog: pytest.LogCaptureFixture) -> None:
    async with RawClient(server.path) as ws:
        await ws.send_str('{"id":"1","action":"status","args":{"x":"' + "x" * MAX_CALL_BYTES + '"}}')
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert await client.request("outlet.enable") == b"null"
    await until(lambda: server.clients == 1)
    assert "Traceback" not in caplog.text


async def test_what_is_no_websocket_is_told_so(server: LinkServer) -> None:
    connector = aiohttp.UnixConnector(path=str(server.path))
    async with (aiohttp.ClientSession(connector=connector) as session,
                session.get("http://forecourt/") as response):
        assert response.status == 426


async def test_a_slow_call_does_not_delay_the_next(client: LinkClient, desk: Desk) -> None:
    slow = asyncio.create_task(client.request("board.info", timeout_s=20))
    await until(lambda: desk.at_work == 1)
    assert await client.request("outlet.enable") == b"null"
    assert not slow.done()
    desk.gate.set()
    assert await slow == b"null"


async def test_a_client_has_only_so_many_calls_at_work(client: LinkClient, desk: Desk) -> None:
    calls = [asyncio.create_task(client.request("board.info", timeout_s=20))
             for _ in range(3 * MAX_IN_FLIGHT)]
    await until(lambda: desk.at_work == MAX_IN_FLIGHT)
    desk.gate.set()
    assert set(await asyncio.gather(*calls)) == {b"null"}
    assert len(desk.peers) == 3 * MAX_IN_FLIGHT


async def test_a_call_that_takes_too_long_times_out_and_its_late_reply_harms_nobody(
        client: LinkClient, desk: Desk) -> None:
    with pytest.raises(LinkTimeout, match=r"board\.info"):
        await client.request("board.info", timeout_s=0.05)
    desk.gate.set()
    assert await client.request("outlet.enable") == b"null"


async def test_a_handler_runs_to_its_end_although_its_client_has_gone(
        server: LinkServer, desk: Desk) -> None:
    async with LinkClient(server.path) as client:
        with pytest.raises(LinkTimeout):
            await client.request("board.info", timeout_s=0.05)
    assert desk.at_work == 1
    desk.gate.set()
    await until(lambda: desk.at_work == 0 and server.clients == 0)


async def test_a_bug_in_a_handler_ends_one_connection_and_leaves_a_trace(
        server: LinkServer, client: LinkClient, caplog: pytest.LogCaptureFixture) -> None:
    async with LinkClient(server.path) as other:
        with pytest.raises(LinkLost):
            await other.request("outlet.disable")
    assert "a bug of ours" in caplog.text
    assert await client.request("outlet.enable") == b"null"


async def test_one_client_too_many_is_turned_away(server: LinkServer) -> None:
    clients = [LinkClient(server.path) for _ in range(MAX_CLIENTS)]
    for client in clients:
        await client.connect()
    late = LinkClient(server.path, first_retry_s=0.01)
    with pytest.raises(LinkLost, match="no server"):
        await late.connect(timeout_s=0.2)
    await clients[0].close()
    await late.connect(timeout_s=20)
    for client in (*clients, late):
        await client.close()
