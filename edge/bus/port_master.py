"""What every master has in common: a port, what was heard of it and not used yet, a tap, counts."""

import asyncio
from typing import Literal

from edge.bus.link import Heard, MakePort, OnFrame, WireCounts
from edge.bus.url import LineUrl


class PortMaster:
    """The half of a `Link` that waits for bytes. `keeps`: how many at the most."""

    def __init__(self, url: LineUrl, make_port: MakePort, keeps: int) -> None:
        self.url = url
        self.on_lost = _nothing
        self.on_frame: OnFrame | None = None
        self.counts = WireCounts()
        self._keeps = keeps
        self._port = make_port(url, self._received, self._lost)
        self._buffer = bytearray()
        self._arrived = asyncio.Event()

    @property
    def where(self) -> str:
        """See `Link`."""
        return self.url.address

    @property
    def is_open(self) -> bool:
        """See `Link`."""
        return self._port.lost is None

    async def close(self) -> None:
        """See `Link`."""
        self._port.close()

    async def _more_by(self, deadline_s: float) -> bool:
        """Whether bytes came, or the port went, before the deadline."""
        self._arrived.clear()
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._arrived.wait()
        except TimeoutError:
            # On a busy machine the timer may run before the reader: look once more.
            self._port.pump()
        return self._arrived.is_set()

    def _received(self, data: bytes) -> None:
        self._tell("heard", data)
        self._buffer += data
        del self._buffer[:-self._keeps]  # who babbles must not fill the memory
        self._arrived.set()

    def _tell(self, direction: Literal["sent", "heard"], data: bytes) -> None:
        if self.on_frame is not None:
            mono_ns = round(asyncio.get_running_loop().time() * 1e9)
            self.on_frame(Heard(direction, data, mono_ns))

    def _lost(self) -> None:
        self._arrived.set()
        self.on_lost()


def _nothing() -> None:
    """Until an owner asks to be told."""
