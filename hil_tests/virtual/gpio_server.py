"""The cabinet's GPIO header: line states behind the Unix socket that the `RPi` shim speaks to.

What a killed process leaves behind is a choice of the operating system, so it is one here:
`persist` (Raspberry Pi OS: direction and level stay), `input` (upstream kernels, `strict_gpiod`:
lines return to inputs, the output latch keeps its value) or `reset` (a power-on reset: inputs, latch
0). Protocol: see the shim.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ON_EXIT = ("persist", "input", "reset")
_OUT, _IN = 0, 1


@dataclass
class _Line:
    function: int = _IN
    latch: int = 0
    outside: int | None = 0  # what the cabinet drives onto the line; None: nothing
    pull: int = 0  # the Pi's own resistor; without one a line that nobody drives counts as low
    dead: bool = False  # it cannot be read
    owner: object = None

    @property
    def level(self) -> int:
        if self.function == _OUT:
            return self.latch
        return self.pull if self.outside is None else self.outside


class GpioServer:
    """GPIO lines by BCM number. `on_output(pin, level, cause)` is called as a driven level changes.

    A line that nobody drives counts as low: the relay's input has a pull-down.
    """

    def __init__(self, on_output: Callable[[int, bool, str], None], on_exit: str = "persist") -> None:
        self._lines: dict[int, _Line] = {}
        self._on_output = on_output
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self.on_exit = on_exit
        self.requests = 0

    async def start(self, path: Path) -> None:
        """Listen on a Unix socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Client(self), str(path))

    async def stop(self) -> None:
        """Close the socket; lines keep their state."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.close()

    def drive(self, pin: int, level: bool | None) -> None:
        """The cabinet's side of an input line; None: its wire is broken."""
        self._line(pin).outside = None if level is None else int(level)

    def refuse(self, pin: int, dead: bool) -> None:
        """Whether reading this line fails."""
        self._line(pin).dead = dead

    def leave(self, pin: int, level: bool) -> None:
        """As if a process had left this line as an output at this level."""
        self._change(pin, _OUT, int(level), None, "left so by the rig")

    def driven(self, pin: int) -> bool:
        """Whether the Pi drives this line high."""
        line = self._line(pin)
        return line.function == _OUT and line.latch == 1

    def answer(self, client: "_Client", request: str) -> str:
        """One request of the shim; the answer without its newline."""
        self.requests += 1
        word, *args = request.split() or [""]
        try:
            if word == "H":
                client.name = f"pid {int(args[0])}"
                return "0"
            line = self._line(int(args[0]))
            if word == "I":
                return "! Input/output error" if line.dead else str(line.level)
            if word == "F":
                return str(line.function)
            if word == "O" and line.function == _OUT:
                self._change(int(args[0]), _OUT, int(args[1]), client, f"output by {client.name}")
                return "0"
            if word == "S":
                function = _OUT if args[1] == "OUT" else _IN
                if function == _IN:
                    line.pull = int(args[2] == "U")
                latch = line.latch if args[2] in "UD-" else int(args[2])
                self._change(int(args[0]), function, latch, client,
                             f"setup({args[1]}, initial={args[2]}) by {client.name}")
                return "0"
        except (ValueError, IndexError):
            pass
        return f"! bad request {request!r}"

    def gone(self, client: "_Client") -> None:
        """A process ended, by whatever means: its outputs are treated as `on_exit` says."""
        self._clients.discard(client)
        if self.on_exit == "persist":
            return
        for pin, line in self._lines.items():
            if line.owner is client:
                latch = 0 if self.on_exit == "reset" else line.latch
                self._change(pin, _IN, latch, None, f"{self.on_exit} at exit of {client.name}")

    def came(self, client: "_Client") -> None:
        """A process connected."""
        self._clients.add(client)

    def _line(self, pin: int) -> _Line:
        return self._lines.setdefault(pin, _Line())

    def _change(self, pin: int, function: int, latch: int, owner: object, cause: str) -> None:
        line, before = self._line(pin), self.driven(pin)
        line.function, line.latch, line.owner = function, latch, owner
        if self.driven(pin) != before:
            self._on_output(pin, not before, cause)


class _Client(asyncio.Protocol):
    """One process at the socket. Answers inside `data_received`: a round trip is some 50 us."""

    def __init__(self, server: GpioServer) -> None:
        self._server = server
        self._pending = b""
        self._transport: asyncio.WriteTransport | None = None
        self.name = "pid ?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._server.came(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            answer = self._server.answer(self, line.decode("ascii", "backslashreplace"))
            if self._transport is not None:
                self._transport.write(answer.encode("ascii") + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.gone(self)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
