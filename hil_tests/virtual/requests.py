"""What the control socket can ask of the cabinet: one method a request, named `do_<request>`."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hil_tests.rig import RigError
from hil_tests.virtual.bay import CHANNELS
from hil_tests.virtual.gpio_server import ON_EXIT
from hil_tests.virtual.levers import Levers

if TYPE_CHECKING:
    from hil_tests.virtual.bay import Bay
    from hil_tests.virtual.cabinet import Cabinet
    from hil_tests.virtual.field import CardField
    from hil_tests.virtual.line import Line

_CAR_HABITS = frozenset((
    "max_a", "phases", "ask_after_s", "x1_open_s", "stubborn", "full", "ramp_a_per_s", "dark", "asleep",
    "overdraw_a"))
RCD_MODULES = ("good", "dead", "stuck")
_TAP_S = 0.6  # how long a person holds a card, at the short end


@dataclass
class _State:
    """One bay, for `state`."""

    plugged: bool
    s2: bool
    relay: bool
    permit: bool
    coil: bool
    contact: bool
    breaker: bool
    duty: float | None
    current_a: float
    register_wh: float


class Requests:
    """Answers requests; every refusal is a `RigError`."""

    def __init__(self, cabinet: "Cabinet") -> None:
        self._cabinet = cabinet
        self._levers = Levers(cabinet)
        self._cut_lines: set[str] = set()

    async def handle(self, do: str, args: dict[str, Any]) -> Any:
        """One request of the control socket."""
        method = getattr(self, f"do_{do}", None) or getattr(self._levers, f"do_{do}", None)
        if method is None:
            known = sorted(name[3:] for name in {*dir(self), *dir(self._levers)}
                           if name.startswith("do_"))
            raise RigError(f"request: got {do!r}, expected one of {', '.join(known)}")
        return await method(**args)

    async def do_plug(self, evse: str) -> None:
        """Connect a car."""
        self._bay(evse).car.plug()

    async def do_unplug(self, evse: str) -> None:
        """Disconnect the car."""
        self._bay(evse).car.unplug()

    async def do_set_cp(self, evse: str, ohms: float | None, diode: bool = True) -> None:
        """Put a resistor on the pilot."""
        self._bay(evse).car.override = (ohms, diode)

    async def do_draw(self, evse: str, current_a: float, phases: int = 3) -> None:
        """Limit what the car takes."""
        car = self._bay(evse).car
        car.max_a, car.phases = current_a, phases

    async def do_car(self, evse: str, **habits: Any) -> None:
        """Set habits of the car: see `physics.Car`."""
        unknown = set(habits) - _CAR_HABITS
        if unknown:
            raise RigError(f"car: got {sorted(unknown)}, expected some of {sorted(_CAR_HABITS)}")
        for name, value in habits.items():
            setattr(self._bay(evse).car, name, value)

    async def do_tap(self, card: str, reader: str | None = None, for_s: float = _TAP_S,
                     how: str = "well") -> None:
        """Hold a card to a reader. `how`: what is wrong with it, see `wallet.HOWS`."""
        field, wallet = self._field(reader), self._cabinet.wallet
        try:
            held = wallet.card(card, how)
        except ValueError as error:
            raise RigError(f"card: got {card!r} ({error}), expected {', '.join(wallet.names)} or a UID "
                           "in hex") from error
        await field.tap(held, for_s)

    async def do_polls(self, reader: str | None = None) -> int:
        """How often a reader has looked for a card so far."""
        return self._field(reader).polls

    async def do_weld(self, evse: str) -> None:
        """Weld the main contacts."""
        self._bay(evse).weld()

    async def do_stuck_open(self, evse: str) -> None:
        """The contactor does not close any more, until `restore contactor`."""
        self._bay(evse).contactor.stuck_open = True

    async def do_rcd_trip(self, evse: str) -> None:
        """A residual current, until `restore rcd`."""
        self._bay(evse).board.set_pin("rcd", True)

    async def do_estop(self, evse: str) -> None:
        """The emergency stop is pressed, until `restore estop`."""
        self._bay(evse).press(True)

    async def do_stick(self, evse: str, channel: str) -> None:
        """Bridge the Pi's relay or the board's interlock, until `restore relay` or `interlock`."""
        if channel not in CHANNELS:
            raise RigError(f"channel: got {channel!r}, expected one of {', '.join(CHANNELS)}")
        self._bay(evse).stick(channel)

    async def do_rcd_module(self, evse: str, how: str) -> None:
        """The residual current module is "good", "dead" or "stuck"."""
        if how not in RCD_MODULES:
            raise RigError(f"how: got {how!r}, expected one of {', '.join(RCD_MODULES)}")
        self._bay(evse).board.set_rcd_module(how)

    async def do_temperature(self, evse: str, temperature_c: float | None) -> None:
        """What the sensor at the contactor's terminals measures; None: it is off its wire."""
        self._bay(evse).board.set_temperature_c(temperature_c)

    async def do_mirror(self, evse: str, side: str, level: bool | None) -> None:
        """Force one side's mirror input ("pi" or "board"); None: as wired."""
        if side not in ("pi", "board"):
            raise RigError(f"side: got {side!r}, expected 'pi' or 'board'")
        setattr(self._bay(evse), f"mirror_to_{side}", level)

    async def do_cut(self, what: str, where: str | None = None, how: str | None = None) -> None:
        """Cut power, network, a bus or a reader; without `where` all of them."""
        if what == "power":
            await self._power(False)
        elif what == "network":
            if self._cabinet.relay is None:
                raise RigError("cut network: this cabinet has no relay")
            await self._cabinet.relay.cut(how or "reset")
        elif what == "bus":
            self._cut_lines |= set(self._lines(where))
            self._wire_lines()
        elif what == "reader":
            for field in self._fields(where):
                field.cut()
        else:
            raise RigError(f"cut: got {what!r}, expected power, network, bus or reader")

    async def do_restore(self, what: str, where: str | None = None) -> None:
        """Undo `cut`, `weld` and `stuck_open` ("contactor"), `rcd_trip` ("rcd"), `stick` ("relay",
        "interlock"), the shunt trip ("breaker"), "estop", "cp".
        """
        if what == "power":
            await self._power(True)
        elif what == "network" and self._cabinet.relay is not None:
            await self._cabinet.relay.restore()
        elif what == "bus":
            self._cut_lines -= set(self._lines(where))
            self._wire_lines()
        elif what == "reader":
            for field in self._fields(where):
                await field.restore()
        else:
            self._restore_bays(what, where)

    async def do_line_fault(self, line: str, kind: str, **options: Any) -> None:
        """A fault of a line: see `line.py`."""
        try:
            self._line(line).fault(kind, **_line_options(options))
        except ValueError as error:
            raise RigError(str(error)) from error

    async def do_line_clear(self, line: str, kind: str | None = None, unit: int | None = None) -> None:
        """Switch faults of a line off."""
        self._line(line).clear(kind, unit)

    async def do_on_exit(self, how: str) -> None:
        """What becomes of the GPIO lines of a process that ends."""
        if how not in ON_EXIT:
            raise RigError(f"on_exit: got {how!r}, expected one of {', '.join(ON_EXIT)}")
        self._cabinet.gpio.on_exit = how

    async def do_coil_on(self, evse: str) -> bool:
        """Whether the coil has voltage."""
        return self._bay(evse).coil

    async def do_duty(self, evse: str) -> float:
        """Share of the pilot's positive half; 0 for a board without supply, too."""
        return self._bay(evse).board.duty or 0.0

    async def do_register_wh(self, evse: str) -> float:
        """The import register of the EVSE's meter, as on the wire."""
        return self._register_wh(evse)

    async def do_now(self) -> float:
        """CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    async def do_state(self, evse: str) -> dict[str, Any]:
        """All of a bay."""
        bay = self._bay(evse)
        return asdict(_State(
            plugged=bay.car.plugged, s2=bay.car.s2, relay=bay.relay, permit=bay.board.permit,
            coil=bay.coil, contact=bay.contactor.closed, breaker=bay.breaker, duty=bay.board.duty,
            current_a=bay.car.current_a, register_wh=self._register_wh(evse)))

    async def do_moves(self) -> list[dict[str, Any]]:
        """The move log."""
        return self._cabinet.log.moves

    def _register_wh(self, evse: str) -> float:
        for spec in self._cabinet.config.meters:
            if spec.evses == (evse,) and not spec.by_grid_phase:
                return self._cabinet.meters[spec.id].register_wh()
        raise RigError(f"EVSE {evse!r} has no meter of its own")

    def _bay(self, evse: str) -> "Bay":
        try:
            return self._cabinet.bays[evse]
        except KeyError:
            raise RigError(f"evse: got {evse!r}, expected one of {list(self._cabinet.bays)}") from None

    def _field(self, reader: str | None) -> "CardField":
        fields = self._fields(reader)
        if not fields:
            raise RigError("this cabinet has no reader")
        return fields[0]

    def _fields(self, reader: str | None) -> list["CardField"]:
        fields = self._cabinet.fields
        if reader is not None and reader not in fields:
            raise RigError(f"reader: got {reader!r}, expected one of {list(fields)}")
        return list(fields.values()) if reader is None else [fields[reader]]

    def _line(self, line: str) -> "Line":
        return self._cabinet.lines[self._lines(line)[0]]

    def _lines(self, line: str | None) -> list[str]:
        if line is not None and line not in self._cabinet.lines:
            raise RigError(f"bus: got {line!r}, expected one of {list(self._cabinet.lines)}")
        return list(self._cabinet.lines) if line is None else [line]

    def _restore_bays(self, what: str, where: str | None) -> None:
        for evse in self._cabinet.bays if where is None else [where]:
            bay = self._bay(evse)
            if what == "contactor":
                bay.repair()
            elif what == "rcd":
                bay.board.set_pin(what, False)
            elif what == "estop":
                bay.press(False)
            elif what in CHANNELS:
                bay.unstick(what)
            elif what == "breaker":
                bay.close_breaker()
            elif what == "cp":
                bay.car.override = None
            else:
                raise RigError(f"restore: got {what!r}, expected power, network, bus, reader, "
                               "contactor, rcd, relay, interlock, breaker, estop or cp")

    async def _power(self, on: bool) -> None:
        """The cabinet's supply: coils, meters and boards. The Pi has a supply of its own."""
        cabinet = self._cabinet
        if on == cabinet.mains:
            return
        cabinet.mains = on
        cabinet.step()
        for board in cabinet.boards.values():
            await asyncio.to_thread(board.power, on)

    def _wire_lines(self) -> None:
        for name, line in self._cabinet.lines.items():
            line.clear("cut")
            if name in self._cut_lines:
                line.fault("cut")


def _line_options(options: dict[str, Any]) -> dict[str, Any]:
    if "data" in options:
        options["data"] = bytes.fromhex(options["data"])
    return options
