"""What a line's owner needs from the thing that carries one request at a time (RTU or TCP)."""

from collections.abc import Callable
from typing import Protocol


class Link(Protocol):
    """Carries exactly one request at a time; its owner never cancels an exchange."""

    late_s: float  # how long after a timeout an answer may still come and be taken for the next one's
    on_lost: Callable[[], None]

    @property
    def where(self) -> str:
        """For messages: the port or the address."""
        ...

    @property
    def is_open(self) -> bool: ...

    async def open(self) -> None:
        """Raises `LineDown`."""
        ...

    async def exchange(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, float]:
        """The answer PDU (a Modbus exception too) and the turnaround in seconds.

        Raises `DeviceTimeout`, `BadAnswer`, `LineDown`.
        """
        ...

    async def close(self) -> None: ...
