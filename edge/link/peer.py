"""Who is at the other end of a local socket, and how its requests are answered."""

import socket
import struct
from collections.abc import Awaitable, Callable

from edge.controller.request import Origin, Request
from edge.controller.struct import Value
from edge.link.messages import Reply

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class Peer(Value):
    """A client as the kernel knows it (SO_PEERCRED), and the socket that it came through."""

    origin: Origin
    pid: int
    uid: int
    gid: int


Handler = Callable[[Peer, Request], Awaitable[Reply]]
"""Answers a request that passed the table of its socket. `msgspec.ValidationError` (arguments that
do not fit), `DeviceError` and `TimeoutError` become error replies. Anything else is a bug: it is
logged with its traceback and ends that connection. A handler runs to its end although its client
has gone."""


def peer_of(connected: socket.socket, origin: Origin) -> Peer:
    """The process that connected. Its ids are those at the time of `connect`."""
    pid, uid, gid = _UCRED.unpack(
        connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(origin=origin, pid=pid, uid=uid, gid=gid)
