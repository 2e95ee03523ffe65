"""A client of a local socket: calls with answers, and the latest push of each topic.

    client = LinkClient(run_dir / "ui.sock")
    while True:
        await client.connect()                    # waits until the controller is there
        try:
            async for push in client.pushes():
                ...
        except LinkLost:
            ...                                   # show "no controller"; connect() again
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
import msgspec

from edge.link.errors import LinkError, LinkLost, LinkRefused, LinkTimeout
from edge.link.messages import MAX_FRAME_BYTES, Call, Downward, Push, Reply, Status

T = TypeVar("T")

_READABLE = {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}


class LinkClient:
    """One connection at a time to the server at `path`; belongs to one event loop.

    A slow consumer of `pushes()` sees only the latest push of each topic. `first_retry_s` doubles
    at each failed attempt of `connect()` up to `last_retry_s`.
    """

    def __init__(self, path: Path, *, first_retry_s: float = 0.1, last_retry_s: float = 2.0) -> None:
        self._path = path
        self._first_retry_s = first_retry_s
        self._last_retry_s = last_retry_s
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._latest: dict[str, Push] = {}
        self._news = asyncio.Event()
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether a call could be sent now."""
        return self._socket is not None and not self._socket.closed

    async def connect(self, *, timeout_s: float | None = None) -> None:
        """Connect, trying again until it works; `LinkLost` after `timeout_s`. No-op if connected."""
        if self.connected:
            return
        await self.close()
        try:
            async with asyncio.timeout(timeout_s):
                await self._until_connected()
        except TimeoutError:
            raise LinkLost(f"no server at {self._path} within {timeout_s} s") from None
        finally:
            if not self.connected:
                await self.close()

    async def close(self) -> None:
        """End the connection; every call in flight fails with `LinkLost`."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        session, self._session = self._session, None
        self._socket = None
        if session is not None:
            await session.close()

    async def request(self, action: str, args: msgspec.Struct | Mapping[str, object] | None = None, *,
                      timeout_s: float = 5.0, role: str = "", request_id: str | None = None,
                      expires_utc: str | None = None) -> bytes:
        """Call and return the JSON of the result (`b"null"` when merely accepted).

        `request_id` must be unique among the calls in flight; one is made up when it is left out.
        Raises `LinkRefused`, `LinkError` (the server could not), `LinkLost`, `LinkTimeout`.
        """
        call = Call(id=request_id or f"c{next(self._ids)}", action=action, role=role,
                    args=_raw_fields(args), expires_utc=expires_utc)
        socket = self._socket
        if socket is None or socket.closed:
            raise LinkLost(f"not connected to {self._path}")
        if call.id in self._waiting:
            raise ValueError(f"a call with id {call.id!r} is in flight")
        answer = asyncio.get_running_loop().create_future()
        self._waiting[call.id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await socket.send_frame(msgspec.json.encode(call), aiohttp.WSMsgType.TEXT)
                reply = await answer
        except TimeoutError:
            raise LinkTimeout(f"no reply to {action} from {self._path} within {timeout_s} s") from None
        except aiohttp.ClientConnectionResetError as error:
            raise LinkLost(f"connection to {self._path} ended: {error}") from error
        finally:
            self._waiting.pop(call.id, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # taken note of, also when the sending failed first
        if reply.status is Status.REFUSED:
            raise LinkRefused(reply.reason)
        if reply.status is Status.ERROR:
            raise LinkError(reply.reason)
        return bytes(reply.result)

    async def ask(self, action: str, args: msgspec.Struct | Mapping[str, object] | None,
                  answer: type[T], *, timeout_s: float = 5.0) -> T:
        """`request`, with the result decoded as `answer`; `LinkError` if it is none."""
        result = await self.request(action, args, timeout_s=timeout_s)
        try:
            return msgspec.json.decode(result, type=answer)
        except msgspec.MsgspecError as error:
            raise LinkError(f"{action} at {self._path}: answer is no {answer}: {error}") from error

    async def pushes(self) -> AsyncIterator[Push]:
        """Each topic's latest push as it comes; raises `LinkLost` when the connection ends."""
        while True:
            while self._latest:
                yield self._latest.pop(next(iter(self._latest)))
            if self._reader is None or self._reader.done():
                raise LinkLost(f"connection to {self._path} ended")
            self._news.clear()
            await self._news.wait()

    async def _until_connected(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(self._path)))
        pause_s = self._first_retry_s
        while True:
            try:
                self._socket = await self._session.ws_connect(
                    "http://forecourt/", max_msg_size=MAX_FRAME_BYTES)
                break
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._last_retry_s)
        self._latest.clear()
        self._reader = asyncio.create_task(self._read(self._socket), name=f"link {self._path.name}")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        decoder = msgspec.json.Decoder(Downward)
        try:
            async for frame in socket:
                if frame.type not in _READABLE:
                    break
                self._take(decoder.decode(frame.data))
        except msgspec.MsgspecError as error:
            self._lose(f"{self._path} sent what we do not understand: {error}")
            await socket.close(code=aiohttp.WSCloseCode.INVALID_TEXT)
        finally:
            self._lose(f"connection to {self._path} ended")

    def _take(self, message: Reply | Push) -> None:
        if isinstance(message, Push):
            self._latest[message.topic] = message
            self._news.set()
            return
        answer = self._waiting.get(message.request_id)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _lose(self, why: str) -> None:
        self._socket = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost(why))
        asyncio.get_running_loop().call_soon(self._news.set)


def _raw_fields(args: msgspec.Struct | Mapping[str, object] | None) -> dict[str, msgspec.Raw]:
    if args is None:
        return {}
    return msgspec.json.decode(msgspec.json.encode(args), type=dict[str, msgspec.Raw])
