"""The server of one local socket: WebSocket over a Unix socket, JSON text frames.

Nothing that a client does or fails to do makes the controller wait or grow: a push is kept once per
topic and client, and the latest replaces the one before; a client has few calls at work, and is not
read from while its replies stay unread.
"""

import contextlib
import errno
import logging
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from edge.controller.request import Origin
from edge.link.connection import Connection
from edge.link.messages import MAX_CALL_BYTES, Push
from edge.link.peer import Handler, Peer, peer_of

MAX_CLIENTS = 16
"""Per socket; the next one is told 503."""
SOCKET_MODE = 0o660

_log = logging.getLogger(__name__)


class LinkServer:
    """Listens at `run_dir`/`origin`.sock. Belongs to one event loop.

    `group`: the group that may connect besides the owner; `None`: the process's own. `on_failed` hears
    of what a handler did not catch: the client's mistakes are answered, so it is a defect.
    """

    def __init__(self, run_dir: Path, origin: Origin, handler: Handler, *,
                 group: str | None = None) -> None:
        self.path = run_dir / f"{origin.value}.sock"
        self.on_failed: Callable[[BaseException], None] = lambda _: None
        self._origin = origin
        self._handler = handler
        self._group = group
        self._runner: web.AppRunner | None = None
        self._connections: set[Connection] = set()
        self._latest: dict[str, bytes] = {}

    @property
    def clients(self) -> int:
        """Connections now."""
        return len(self._connections)

    @property
    def peers(self) -> list[Peer]:
        """The processes that are connected now, in no order."""
        return [connection.peer for connection in self._connections]

    async def start(self) -> None:
        """Create the socket (mode 0660) and accept clients.

        What a killed predecessor left at the path is replaced. `OSError`: the path cannot be used,
        or somebody serves it; `LookupError`: no such group.
        """
        listener = _listen(self.path, self._group)
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False,
                                     shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Drop every client, remove the socket."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        for connection in tuple(self._connections):
            connection.abort()
        await runner.cleanup()

    def push(self, topic: str, data: object) -> None:
        """Tell every client the new state of `topic`; one that connects later hears the latest.

        `data` is anything that msgspec writes as JSON. Never waits.
        """
        frame = msgspec.json.encode(Push(topic=topic, data=msgspec.Raw(msgspec.json.encode(data))))
        self._latest[topic] = frame
        for connection in self._connections:
            connection.push(topic, frame)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if len(self._connections) >= MAX_CLIENTS:
            return web.Response(status=503, text=f"{MAX_CLIENTS} clients are connected already")
        # Each frame waits until the one before went to the kernel: what waits can be replaced.
        ws = web.WebSocketResponse(compress=False, max_msg_size=MAX_CALL_BYTES, writer_limit=0)
        transport = request.transport
        if transport is None or not ws.can_prepare(request):
            return web.Response(status=426, text="this is a WebSocket",
                                headers={"Upgrade": "websocket"})
        transport.set_write_buffer_limits(high=0)
        peer = peer_of(transport.get_extra_info("socket"), self._origin)
        connection = Connection(ws, transport, peer, self._handler, dict(self._latest))
        self._connections.add(connection)
        _log.info("%s: pid %d uid %d connected", self.path.name, peer.pid, peer.uid)
        try:
            await ws.prepare(request)
            await connection.run()
        except OSError as error:
            _log.info("%s: pid %d went while it was written to: %s", self.path.name, peer.pid, error)
            if not ws.prepared:
                return web.Response()  # to nobody
        except Exception as error:
            self.on_failed(error)  # a defect of ours
            raise
        finally:
            self._connections.discard(connection)
            _log.info("%s: pid %d uid %d gone", self.path.name, peer.pid, peer.uid)
        return ws


def _listen(path: Path, group: str | None) -> socket.socket:
    """A listening Unix socket; nobody can connect before its mode and group are right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        _remove_left_over(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(str(path))
        path.chmod(SOCKET_MODE)
        if group is not None:
            shutil.chown(path, group=group)
        listener.listen(MAX_CLIENTS)
    except (OSError, LookupError):
        listener.close()
        raise
    return listener


def _remove_left_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, f"another process serves {path}")
