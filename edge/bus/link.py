"""What a line's owner needs from the thing that carries one request at a time (RTU or TCP), and what
the RTU master needs of the thing that carries its bytes (a serial port, a socket).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from edge.bus.url import LineUrl


class Heard(NamedTuple):
    """Bytes as they passed: whole frames of ours, and of the others' what came at once."""

    direction: Literal["sent", "heard"]
    data: bytes
    mono_ns: int  # of the loop's clock: handed to, or taken from, the kernel


OnFrame = Callable[[Heard], None]


class WireCounts:
    """What a link heard that was no answer."""

    def __init__(self) -> None:
        self.crc_errors = 0
        self.noise_bytes = 0
        self.foreign_requests = 0  # somebody else asks on this line
        self.echoes = 0  # of requests, where the URL says nothing of an echo
        self.low_latency: bool | None = None  # as the kernel granted it; None: not a serial port


class Link(Protocol):
    """Carries exactly one request at a time; its owner never cancels an exchange."""

    late_s: float  # how long after a timeout an answer may still come and be taken for the next one's
    on_lost: Callable[[], None]
    on_frame: OnFrame | None  # a tap, for recordings
    counts: WireCounts

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


class RawPort(Protocol):
    """Bytes both ways, without frames. Made with its URL, `on_data` and `on_lost`, which it calls from
    the loop.
    """

    @property
    def lost(self) -> str | None:
        """Why it is not there; `None` while it is."""
        ...

    async def open(self) -> None:
        """Raises `LineDown`."""
        ...

    def pump(self) -> None:
        """Hand over what the kernel holds now."""
        ...

    def write(self, data: bytes) -> None:
        """Give a whole frame to the kernel. Raises `LineDown`."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...


MakePort = Callable[[LineUrl, Callable[[bytes], None], Callable[[], None]], RawPort]
