"""What everyone who wants something from a line needs to know: the port, and who goes first."""

import enum
from typing import Protocol


class BusClass(enum.IntEnum):
    """Who goes first on a line; strictly by class, first come first served inside one.

    An urgent request waits for one frame at most: the one in flight is never cancelled.
    """

    REVOKE = 0
    GRANT = 1  # grants and their heartbeat
    BOARD = 2
    METER_FAST = 3
    METER_SLOW = 4
    BULK = 5  # scan, update, service


class Bus(Protocol):
    """One line with its owner, or a gateway. Requests and answers are Modbus PDUs (`edge.bus.pdu`)."""

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """Answer PDU (function code and data) of `unit` (1..247) to the request `pdu`.

        `timeout_s` bounds the time from the last bit of the request to the first bit of the answer,
        not the wait in the queue; `None`: as learned from the unit's latency. A unit that stays silent
        is probed ever more rarely by the meter and bulk classes (`DeviceTimeout` at once in between),
        unless `timeout_s` is given: who says how long to wait is always asked. The answer was matched
        with the request: unit, function, and byte count, or the echo of a write.

        Raises `DeviceTimeout` (nothing came), `BadAnswer` (something else came), `DeviceRefused`
        (Modbus exception), `LineDown` (port or socket gone), `ValueError` (not a request we can
        match). Cancelling the caller never cuts a frame: what is in flight ends under the owner,
        what waits in the queue is dropped.
        """
        ...

    def turnaround_s(self, unit: int) -> float | None:
        """Smoothed seconds from the last bit of a request to the first of `unit`'s answer; `None` until
        it has answered once. Over TCP it holds what lies between, a serial line behind it too.
        """
        ...
