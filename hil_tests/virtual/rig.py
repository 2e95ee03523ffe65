"""`Rig` over the virtual cabinet's control socket, and what only a virtual site can do."""

import asyncio
import itertools
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hil_tests.rig import Channel, Cut, RigError

_LINE_LIMIT = 64 * 1024 * 1024  # the move log of a long soak in one answer


class VirtualRig:
    """A client of the cabinet; use within one event loop. `async with VirtualRig(path) as rig`."""

    def __init__(self, path: Path) -> None:
        """`path`: the cabinet's control socket."""
        self._path = path
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the socket. Raises `OSError` if there is no cabinet."""
        reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LINE_LIMIT)
        self._task = asyncio.create_task(self._listen(reader))

    async def close(self) -> None:
        """Close the socket."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def plug(self, evse: str) -> None:
        """Connect a car."""
        await self.ask("plug", evse=evse)

    async def unplug(self, evse: str) -> None:
        """Disconnect the car."""
        await self.ask("unplug", evse=evse)

    async def set_cp(self, evse: str, ohms: float | None, diode: bool = True) -> None:
        """Put a resistor on the pilot in place of the car's, until `unplug`."""
        await self.ask("set_cp", evse=evse, ohms=ohms, diode=diode)

    async def tap(self, card: str, reader: str | None = None, *, how: str = "well") -> None:
        """Hold a card to a reader; returns when it was taken away. `how`: see `wallet.HOWS`."""
        await self.ask("tap", card=card, reader=reader, how=how)

    async def draw(self, evse: str, current_a: float, phases: int = 3, *, obeys: bool = True) -> None:
        """What the car takes at most, or just that, per phase."""
        await self.ask("draw", evse=evse, current_a=current_a, phases=phases)
        await self.ask("car", evse=evse, stubborn=not obeys, overdraw_a=0.0 if obeys else current_a)

    async def heat(self, evse: str, celsius: float | None) -> None:
        """The contactor's terminals are so warm."""
        await self.ask("temperature", evse=evse, temperature_c=celsius)

    async def weld(self, evse: str) -> None:
        """Weld the main contacts shut."""
        await self.ask("weld", evse=evse)

    async def stick(self, evse: str, channel: Channel) -> None:
        """Bridge the Pi's relay or the board's interlock."""
        await self.ask("stick", evse=evse, channel=channel)

    async def rcd_trip(self, evse: str) -> None:
        """A residual current."""
        await self.ask("rcd_trip", evse=evse)

    async def cut(self, what: Cut, where: str | None = None, how: str | None = None) -> None:
        """Cut power, network (`how`: "reset", "blackhole"), a bus or a reader."""
        await self.ask("cut", what=what, where=where, how=how)

    async def restore(self, what: str, where: str | None = None) -> None:
        """Undo `cut`, `weld` ("contactor"), `rcd_trip` ("rcd"), `stick` (the channel), `set_cp` ("cp")
        or the shunt trip ("breaker").
        """
        await self.ask("restore", what=what, where=where)

    async def coil_on(self, evse: str) -> bool:
        """Whether the contactor's coil has voltage."""
        return bool(await self.ask("coil_on", evse=evse))

    async def breaker_on(self, evse: str) -> bool:
        """Whether the breaker in front of the contactor is closed."""
        return bool((await self.state(evse))["breaker"])

    async def duty(self, evse: str) -> float:
        """Share of the pilot's positive half."""
        return float(await self.ask("duty", evse=evse))

    async def register_wh(self, evse: str) -> int:
        """The import register of the EVSE's meter."""
        return round(float(await self.ask("register_wh", evse=evse)))

    async def now(self) -> float:
        """The cabinet's monotonic clock, in seconds (CLOCK_MONOTONIC of this machine)."""
        return float(await self.ask("now"))

    async def state(self, evse: str) -> dict[str, Any]:
        """All of a bay: relay, permit, coil, contact, breaker, duty, s2, plugged, current_a and
        register_wh.
        """
        result = await self.ask("state", evse=evse)
        return dict(result)

    async def moves(self) -> list[dict[str, Any]]:
        """The move log: see `hil_tests/virtual/moves.py`."""
        return list(await self.ask("moves"))

    async def ask(self, do: str, **args: Any) -> Any:
        """Any request of the control socket. Raises `RigError`."""
        if self._writer is None or self._task is None or self._task.done():
            raise RigError(f"{do}: no connection to the cabinet at {self._path}")
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._writer.write(json.dumps({"id": number, "do": do, "args": args}).encode() + b"\n")
        return await future

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                answer = json.loads(line)
                future = self._waiting.pop(answer["id"], None)
                if future is None or future.done():
                    continue
                if answer["ok"]:
                    future.set_result(answer["result"])
                else:
                    future.set_exception(RigError(answer["error"]))
        except ConnectionError:
            pass  # told to everybody who waits, below
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(RigError("the cabinet has closed its control socket"))
            self._waiting.clear()
