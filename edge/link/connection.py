"""One client of a local socket, seen from the server: calls in, replies and the latest pushes out."""

import asyncio
import re
from collections import deque

import aiohttp
import msgspec
from aiohttp import web

from edge.controller.request import Request
from edge.controller.trouble import DeviceError
from edge.link.allowed import refusal
from edge.link.messages import Call, Reply, Status, failed, refused
from edge.link.peer import Handler, Peer

MAX_IN_FLIGHT = 8
"""Calls of one client that are at work or whose replies it has not taken."""

MAX_DEPTH = 32
"""Of lists and objects in each other: what is read again deeper in the stack must pass there."""

_CALL = msgspec.json.Decoder(Call)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Connection:
    """Serves `ws` until it ends. `pushes`: frames by topic that the client hears first."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport, peer: Peer,
                 handler: Handler, pushes: dict[str, bytes]) -> None:
        self._ws = ws
        self._transport = transport
        self.peer = peer
        self._handler = handler
        self._pushes = pushes
        self._replies: deque[bytes] = deque()
        self._outgoing = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        if pushes:
            self._outgoing.set()

    def push(self, topic: str, frame: bytes) -> None:
        """Send `frame` when the client takes it, unless a newer one of `topic` comes first."""
        self._pushes[topic] = frame
        self._outgoing.set()

    def abort(self) -> None:
        """End it now; what was not sent is dropped."""
        self._transport.abort()

    async def run(self) -> None:
        """Until the client goes or sends what is no call of ours and too long to skip."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send())
            async for frame in self._ws:
                await self._slots.acquire()
                tasks.create_task(self._answer(frame))
            sender.cancel()

    async def _send(self) -> None:
        try:
            while True:
                await self._outgoing.wait()
                if self._replies:
                    await self._ws.send_frame(self._replies.popleft(), aiohttp.WSMsgType.TEXT)
                    self._slots.release()
                elif self._pushes:
                    frame = self._pushes.pop(next(iter(self._pushes)))
                    await self._ws.send_frame(frame, aiohttp.WSMsgType.TEXT)
                else:
                    self._outgoing.clear()
        except ConnectionError:
            return  # the reading side sees the end too, and says so

    async def _answer(self, frame: aiohttp.WSMessage) -> None:
        self._replies.append(msgspec.json.encode(await self._reply(frame)))
        self._outgoing.set()

    async def _reply(self, frame: aiohttp.WSMessage) -> Reply:
        try:
            request = _call(frame.data).arrived(self.peer.origin)
        except (msgspec.MsgspecError, UnicodeError, TypeError, RecursionError) as error:
            return Reply(request_id="", status=Status.ERROR, reason=f"not a call: {error}")
        reason = refusal(request.origin, request.action)
        if reason is not None:
            return refused(request, reason)
        return await self._handled(request)

    async def _handled(self, request: Request) -> Reply:
        try:
            return await self._handler(self.peer, request)
        except msgspec.ValidationError as error:
            return failed(request, f"arguments of {request.action}: {error}")
        except (DeviceError, TimeoutError) as error:
            return failed(request, str(error) or f"{request.action}: no answer in time")


def _call(data: str | bytes) -> Call:
    """Raises what `Connection._reply` names. What msgspec leaves raw is looked at as well."""
    text = data.encode() if isinstance(data, str) else data
    call = _CALL.decode(text)
    str(text, "utf-8")
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise TypeError(f"lists and objects in each other: expected {MAX_DEPTH} at most")
    return call


def _depth(text: bytes) -> int:
    """Of well-formed JSON."""
    depth = deepest = 0
    for byte in _STRING.sub(b"", text):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
