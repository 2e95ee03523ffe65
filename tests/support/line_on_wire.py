"""A master's line on a virtual wire without a pty, for commands in virtual time."""

import contextlib
from collections.abc import AsyncIterator, Callable

from edge.bus.owner import LineOwner
from edge.bus.rtu import RtuMaster
from edge.bus.url import LineUrl
from edge.commissioning.line import Line, OwnLine
from edge.commissioning.scan import OpenLine, Setting
from hil_tests.virtual.wire import Slave, Wire


class WirePort:
    """A `RawPort`. `open` sets the wire to the baud of the URL."""

    def __init__(self, wire: Wire, url: LineUrl, on_data: Callable[[bytes], None],
                 on_lost: Callable[[], None]) -> None:
        del on_lost
        self.lost: str | None = "not open"
        self._wire, self._url, self._on_data = wire, url, on_data

    async def open(self) -> None:
        self._wire.speak(self._url.baud)
        self._send = self._wire.connect(self._on_data)
        self.lost = None

    def pump(self) -> None:
        """Nothing waits."""

    def write(self, data: bytes) -> None:
        self._send(data)

    def close(self) -> None:
        if self.lost is None:
            self._wire.disconnect(self._on_data)
            self.lost = "closed"


@contextlib.asynccontextmanager
async def line_on(wire: Wire, baud: int = 9600, parity: str = "N") -> AsyncIterator[Line]:
    """The wire with an owner, at this setting."""
    url = LineUrl(kind="rtu", path="/dev/wire", baud=baud, parity=parity)
    owner = LineOwner(RtuMaster(url, lambda *how: WirePort(wire, *how)))
    await owner.start()
    try:
        yield OwnLine(owner, url)
    finally:
        await owner.close()


def opener(wire: Wire) -> OpenLine:
    """For a `Scan`."""
    return lambda setting: line_on(wire, *(setting or Setting(9600, "N")))


class Impostor:
    """A device that answers in the name of another's unit id, as two meters with one id do."""

    def __init__(self, real: Slave, unit: int) -> None:
        self.unit, self._real = unit, real  # a place on the wire of its own
        self.turnaround_s, self.baud = real.turnaround_s, real.baud

    def answer(self, frame: bytes) -> bytes | None:
        return self._real.answer(frame)
