"""Lets a technician's commands read on the lines of a running controller, as bulk.

Reads only, one at a time for each client, and never for longer than a frame of anything that matters
has to wait. Units that nobody has wired leave no trace in the line's figures.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from edge.bus.figures import LineFigures
from edge.bus.port import Bus, BusClass
from edge.bus.stats import LineStats
from edge.controller.request import Request
from edge.controller.trouble import DeviceError
from edge.link.line_protocol import (
    MAX_TIMEOUT_S,
    READ_FUNCTIONS,
    LineAt,
    Lines,
    Transact,
    Transacted,
    carried,
)
from edge.link.messages import Reply, arguments, refused, resulted
from edge.link.peer import Peer


class OwnedLine(Bus, Protocol):
    """A line's owner, as far as a technician may use it."""

    stats: LineStats

    def figures(self) -> LineFigures: ...


class LineDesk:
    """`urls`: of each line. `wired`: units of each line that the site's file names."""

    def __init__(self, lines: Mapping[str, OwnedLine], urls: Mapping[str, str],
                 wired: Mapping[str, Collection[int]]) -> None:
        self._lines, self._urls, self._wired = lines, urls, wired
        self._asking: set[Peer] = set()

    def lines(self, request: Request) -> Reply:
        """Where each line is, and how it does."""
        return resulted(request, Lines(lines=tuple(
            LineAt(bus=name, url=self._urls[name],
                   figures=msgspec.Raw(msgspec.json.encode(line.figures())))
            for name, line in self._lines.items())))

    async def transact(self, peer: Peer, request: Request) -> Reply:
        """One read. Raises `msgspec.ValidationError` for arguments that do not fit."""
        wanted = arguments(request, Transact)
        line = self._lines.get(wanted.bus)
        if line is None:
            return refused(request, f"bus: got {wanted.bus!r}, "
                                    f"expected one of {', '.join(self._lines)}")
        pdu = bytes.fromhex(wanted.pdu)
        if pdu[0] not in READ_FUNCTIONS:
            return refused(request, f"line.transact: got function {pdu[0]}, expected a read (function "
                                    f"{', '.join(map(str, READ_FUNCTIONS))})")
        if peer in self._asking:
            return refused(request, "line.transact: one read of this program is under way, "
                                    "expected one at a time")
        self._asking.add(peer)
        try:
            return resulted(request, await self._read(line, wanted, pdu))
        except ValueError as error:
            if isinstance(error, DeviceError):
                raise
            return refused(request, f"line.transact: {error}")
        finally:
            self._asking.discard(peer)

    async def _read(self, line: OwnedLine, wanted: Transact, pdu: bytes) -> Transacted:
        unit, answer, trouble = line.stats.unit(wanted.unit), b"", None
        timeout_s = min(MAX_TIMEOUT_S, wanted.timeout_s or MAX_TIMEOUT_S)
        if unit.turnaround_s is not None:
            timeout_s = max(timeout_s, unit.timeout_s)
        try:
            answer = await line.transact(wanted.unit, pdu, BusClass.BULK, timeout_s=timeout_s)
        except DeviceError as error:
            trouble = carried(error)
        if wanted.unit not in self._wired.get(wanted.bus, ()) and unit.turnaround_s is None:
            line.stats.units.pop(wanted.unit, None)
        return Transacted(pdu=answer.hex(), turnaround_s=unit.turnaround_s, trouble=trouble)
