"""A line that a running controller owns, as a `Bus`: each read goes through its socket, as bulk.

The controller is found by its socket. Its lines are told apart by what they are, not by how a path is
written: the device file behind all links, or host and port of a gateway.
"""

import asyncio
import os
import socket
from pathlib import Path

import msgspec

from edge.bus.figures import LineFigures
from edge.bus.port import BusClass
from edge.bus.url import LineUrl, parse_url
from edge.controller.trouble import LineDown
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkRefused
from edge.link.knocking import CONNECT_S, listens
from edge.link.line_protocol import (
    LINES,
    TRANSACT,
    LineAt,
    Lines,
    Transact,
    Transacted,
    raised,
)

SOCKET = "service.sock"
_LINES_S = 3.0
_READ_S = 15.0  # a full line lets bulk wait


class Through:
    """A `Line`. One read at a time, as the controller wants it of each client."""

    controlled = True

    def __init__(self, client: LinkClient, line: LineAt) -> None:
        self.line, self.url = line, parse_url(line.url)
        self._client = client
        self._turn = asyncio.Lock()
        self._turnaround_s: dict[int, float] = {}

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.url.path or f'{self.url.host}:{self.url.port}'} (through the controller)"

    def turnaround_s(self, unit: int) -> float | None:
        """As the controller knows it."""
        return self._turnaround_s.get(unit)

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `edge.bus.port.Bus`; whatever `klass` says, it is bulk."""
        del klass
        wanted = Transact(bus=self.line.bus, unit=unit, pdu=pdu.hex(), timeout_s=timeout_s)
        async with self._turn:
            try:
                done = await self._client.ask(TRANSACT, wanted, Transacted, timeout_s=_READ_S)
            except LinkError as error:
                raise LineDown("controller", where=self.where, got=str(error),
                               expected="an answer of the line") from error
        if done.turnaround_s is not None:
            self._turnaround_s[unit] = done.turnaround_s
        if done.trouble is not None:
            raise raised(done.trouble)
        return bytes.fromhex(done.pdu)

    async def figures(self) -> LineFigures | None:
        """The line's counters now; None if the controller does not say."""
        try:
            told = await self._client.ask(LINES, None, Lines, timeout_s=_LINES_S)
            mine = next((line for line in told.lines if line.bus == self.line.bus), self.line)
            return msgspec.json.decode(mine.figures, type=LineFigures)
        except (LinkError, msgspec.MsgspecError):  # a controller of another version
            return None


async def find(run_dir: Path, url: LineUrl) -> tuple[LinkClient, Through] | None:
    """The controller that owns this line; None: none runs here, or it has no such line.

    The caller closes the client. Raises `LineDown` for a controller that we may not ask, or that does
    not answer: then nobody knows whose the line is.
    """
    path = run_dir / SOCKET
    if not listens(path):
        return None
    client = LinkClient(path)
    try:
        await client.connect(timeout_s=CONNECT_S)
        told = await client.ask(LINES, None, Lines, timeout_s=_LINES_S)
        same = [line for line in told.lines if await _same(parse_url(line.url), url)]
    except LinkRefused:  # in safe stop it owns no line
        same = []
    except LinkError as error:
        await client.close()
        raise _unknown(path, f"no answer ({error})") from error
    if not same:
        await client.close()
        return None
    return client, Through(client, same[0])


async def _same(theirs: LineUrl, ours: LineUrl) -> bool:
    if theirs.path or ours.path:
        return bool(theirs.path and ours.path) and _device(theirs.path) == _device(ours.path)
    if theirs.port != ours.port:
        return False
    if theirs.host.lower() == ours.host.lower():
        return True
    there, here = await asyncio.gather(*(asyncio.to_thread(_addresses, url) for url in (theirs, ours)))
    return not there.isdisjoint(here)


def _device(path: str) -> str:
    return os.path.realpath(path)


def _addresses(url: LineUrl) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(url.host, url.port,
                                                                 type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def _unknown(path: Path, got: str) -> LineDown:
    return LineDown("controller", where=str(path), got=got,
                    expected="a controller that says which lines are its own")
