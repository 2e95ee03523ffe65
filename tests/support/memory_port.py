"""A port without a wire, for the masters in virtual time: what is written goes to a script.

The script says what comes back, `(after_s, bytes)` each, counted from the write. A `stream` (a socket)
keeps their order, and loses with the connection what is still to come; a line does neither.
"""

import asyncio
from collections.abc import Callable, Iterable

from edge.bus.url import LineUrl
from edge.controller.trouble import LineDown

Script = Callable[[bytes], Iterable[tuple[float, bytes]]]


class MemoryPort:
    """A `RawPort`. `there` False: it cannot be opened."""

    def __init__(self, url: LineUrl, on_data: Callable[[bytes], None], on_lost: Callable[[], None], *,
                 stream: bool = False) -> None:
        self.url, self.lost, self.there = url, "not open", True
        self.script: Script = lambda _: ()
        self.written: list[tuple[float, bytes]] = []
        self.opens = 0
        self._latest_s = 0.0
        self._on_data, self._on_lost, self._stream = on_data, on_lost, stream

    async def open(self) -> None:
        if not self.there:
            raise LineDown("port", where="memory", got="nothing there", expected="a port")
        self.lost = None
        self.opens += 1
        self._latest_s = 0.0

    def pump(self) -> None:
        """The kernel keeps nothing back."""

    def write(self, data: bytes) -> None:
        if self.lost is not None:
            raise LineDown("port", where="memory", got=self.lost, expected="an open port")
        loop = asyncio.get_running_loop()
        self.written.append((loop.time(), data))
        for after_s, answer in self.script(data):
            at_s = loop.time() + after_s
            if self._stream:
                at_s = self._latest_s = max(at_s, self._latest_s + 1e-6)
            loop.call_at(at_s, self.deliver, answer, self.opens)

    def deliver(self, data: bytes, connection: int = 0) -> None:
        """Bytes arrive now."""
        if self.lost is None and not (self._stream and connection not in (0, self.opens)):
            self._on_data(data)

    def lose(self) -> None:
        """Unplugged."""
        self.lost, self.there = "gone", False
        self._on_lost()

    def close(self) -> None:
        self.lost = self.lost or "closed"
