"""A TCP connection as a non-blocking socket on the loop, for RTU and Modbus TCP alike."""

import asyncio
import socket
from collections.abc import Callable

from edge.bus.descriptor import DescriptorPort
from edge.bus.url import LineUrl
from edge.controller.trouble import LineDown

_CONNECT_S = 2.5  # with the owner's longest pause, a gateway that reboots is back within 5 s
_IDLE_S, _PROBE_S, _PROBES = 5, 2, 3  # keepalive of an idle connection
_UNACKED_MS = 3000  # what the other side's kernel does not acknowledge kills the connection
_UNHEARD = 2  # writes without a byte in return: nobody may be there any more


class SocketPort(DescriptorPort):
    """To a gateway or a serial device server."""

    def __init__(self, url: LineUrl, on_data: Callable[[bytes], None],
                 on_lost: Callable[[], None]) -> None:
        super().__init__(url, on_data, on_lost)
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        """Connect. Raises `LineDown`."""
        self.close()
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._socket = await self._connected()
        except TimeoutError:
            raise self._down(f"no connection within {_CONNECT_S} s") from None
        except OSError as error:
            raise self._down(str(error)) from error
        self.lost, self._unheard = None, 0
        asyncio.get_running_loop().add_reader(self._socket, self.pump)

    async def _connected(self) -> socket.socket:
        """The first of the host's addresses that takes us."""
        loop, failed = asyncio.get_running_loop(), OSError("no address")
        for family, kind, protocol, _, address in await loop.getaddrinfo(
                self.url.host, self.url.port, type=socket.SOCK_STREAM):
            made, taken = socket.socket(family, kind, protocol), False
            try:
                made.setblocking(False)
                _lively(made)
                await loop.sock_connect(made, address)
                taken = True
                return made
            except OSError as error:
                failed = error
            finally:
                if not taken:
                    made.close()
        raise failed

    def _receive(self) -> bytes:
        assert self._socket is not None, "not lost"
        return self._socket.recv(4096)

    def _ended(self) -> str | None:
        return "closed by the other side"

    def _deaf(self) -> str | None:
        """A peer that lost power acknowledges nothing and closes nothing; a gateway that hangs
        acknowledges all. Either way `_UNHEARD` questions without a byte in return are one connection
        lost.
        """
        return f"nothing heard after {_UNHEARD} requests" if self._unheard > _UNHEARD else None

    def _send(self, data: bytes) -> int:
        assert self._socket is not None, "not lost"
        return self._socket.send(data)

    def close(self) -> None:
        """Idempotent."""
        if self._socket is None:
            return
        made, self._socket = self._socket, None
        self.lost = self.lost or "closed"
        asyncio.get_running_loop().remove_reader(made)
        made.close()

    def _down(self, got: str) -> LineDown:
        return LineDown("gateway", where=self.url.address, got=got, expected="a connection")


def _lively(made: socket.socket) -> None:
    """Small frames at once; a dead peer is found by the kernel too."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", _IDLE_S), ("TCP_KEEPINTVL", _PROBE_S),
                          ("TCP_KEEPCNT", _PROBES), ("TCP_USER_TIMEOUT", _UNACKED_MS)):
        if hasattr(socket, option):  # Linux has all four
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
