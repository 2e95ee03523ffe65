"""A bus that takes its time: for one who waits for one meter, and has nobody else to keep waiting."""

import asyncio

from edge.bus.port import Bus, BusClass
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown

_REOPEN_S, _REOPENS = 0.3, 10


class Patient:
    """A `Bus` that waits `timeout_s` where nobody says how long, asks `tries` times what got no answer
    or a bad one, and lets a line that was lost come back.
    """

    def __init__(self, bus: Bus, *, timeout_s: float = 1.0, tries: int = 2) -> None:
        self._bus, self._timeout_s, self._tries = bus, timeout_s, tries

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `Bus`."""
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        for _ in range(self._tries - 1):
            try:
                return await self._open(unit, pdu, klass, wait_s)
            except (DeviceTimeout, BadAnswer):
                pass  # what is told is what the last one met
        return await self._open(unit, pdu, klass, wait_s)

    def turnaround_s(self, unit: int) -> float | None:
        """See `Bus`."""
        return self._bus.turnaround_s(unit)

    async def _open(self, unit: int, pdu: bytes, klass: BusClass, timeout_s: float) -> bytes:
        """A device server closes a connection that it hears nothing on: that is no answer either."""
        for _ in range(_REOPENS):
            try:
                return await self._bus.transact(unit, pdu, klass, timeout_s=timeout_s)
            except LineDown:
                await asyncio.sleep(_REOPEN_S)
        return await self._bus.transact(unit, pdu, klass, timeout_s=timeout_s)
