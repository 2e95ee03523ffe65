"""More that the control socket can ask of the cabinet: what breaks in its wires, supply and senses.

One method a request, named `do_<request>`, as in `requests.py`. Each says how its trouble is undone.
"""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from hil_tests.rig import RigError
from hil_tests.virtual.cabinet_config import PHASES
from hil_tests.virtual.field import FAULTS
from hil_tests.virtual.meter import Phases, VirtualMeter

if TYPE_CHECKING:
    from hil_tests.virtual.bay import Bay
    from hil_tests.virtual.cabinet import Cabinet

T = TypeVar("T")

SUPPLY_MV = 12_000
CABLE_OHM = None  # a socket with a cable of its own: no proximity resistor
LINES = ("coil", "mirror")


class Levers:
    """Answers requests; every refusal is a `RigError`."""

    def __init__(self, cabinet: "Cabinet") -> None:
        self._cabinet = cabinet

    async def do_input(self, input: str, state: str) -> None:
        """A contact of the Pi is "well", "active" (what it watches for is there) or "broken"."""
        contact = _named("input", input, self._cabinet.contacts)
        try:
            contact.set(state)
        except ValueError as error:
            raise RigError(str(error)) from error

    async def do_sensor(self, sensor: str, celsius: float = 25.0, trouble: str | None = None) -> None:
        """A sensor measures this, or is "gone", "garbage", "checksum", "power_on" or "hangs"."""
        thermometer = _named("sensor", sensor, self._cabinet.thermometers)
        try:
            thermometer.show(celsius, trouble)
        except ValueError as error:
            raise RigError(str(error)) from error

    async def do_unreadable(self, what: str, where: str, on: bool = True) -> None:
        """Reading a line of the Pi fails: "coil" or "mirror" of an EVSE, or an "input", by its id."""
        if what == "input":
            pin = _named("input", where, self._cabinet.contacts).spec.gpio
        elif what in LINES:
            pin = getattr(self._bay(where).wiring, f"{what}_gpio")
        else:
            raise RigError(f"what: got {what!r}, expected one of input, {', '.join(LINES)}")
        self._cabinet.gpio.refuse(pin, on)

    async def do_leave_relay(self, evse: str, on: bool) -> None:
        """As if somebody had left the Pi's line to this relay so. While no controller runs."""
        self._cabinet.gpio.leave(self._bay(evse).wiring.coil_gpio, on)

    async def do_voltage(self, voltage_v: float | None, phase: str | None = None) -> None:
        """Of a phase of the grid, without `phase` of all; None: as usual."""
        if phase is not None and phase not in PHASES:
            raise RigError(f"phase: got {phase!r}, expected one of {', '.join(PHASES)}")
        for one in PHASES if phase is None else (phase,):
            self._cabinet.feed.force(one, voltage_v)
        self._cabinet.step()

    async def do_house(self, meter: str, current_a: float | list[float]) -> None:
        """What flows through a meter besides cars: per phase, or the same in all."""
        self._meter(meter)
        amps = current_a if isinstance(current_a, list) else [current_a] * len(PHASES)
        if len(amps) != len(PHASES):
            raise RigError(f"current_a: got {len(amps)} values, expected 1 or {len(PHASES)}")
        self._cabinet.feed.house_a[meter] = _phases(amps)
        self._cabinet.step()

    async def do_open_breaker(self, evse: str) -> None:
        """In front of the outlet and its meter, until `restore breaker`."""
        self._bay(evse).open_breaker()
        self._cabinet.step()

    async def do_register(self, meter: str, how: str = "true") -> None:
        """A meter's import register shows "true", "frozen", "nan" or "negative" values."""
        try:
            self._meter(meter).show(how)
        except ValueError as error:
            raise RigError(str(error)) from error

    async def do_jump(self, meter: str, by_wh: float) -> None:
        """A meter's import register is so much further all at once; it stays so."""
        self._meter(meter).physics.jump(by_wh)

    async def do_reset(self, meter: str, import_wh: float = 0.0) -> None:
        """A meter's registers begin anew: reset, or (with a value) another meter in its place."""
        self._meter(meter).physics.reset(import_wh)

    async def do_shows(self, meter: str, values: dict[str, float | None] | None = None) -> None:
        """A meter shows these quantities, in their register's unit (None: not available), whatever
        flows; without `values` all follow what flows again.
        """
        device = self._meter(meter)
        if values is None:
            device.follow()
            return
        try:
            device.put(values)
        except (KeyError, ValueError) as error:
            raise RigError(str(error)) from error

    async def do_refuses(self, meter: str, quantities: list[str] | None = None,
                         above: int | None = None, code: int = 2) -> None:
        """A meter refuses blocks that touch these quantities, or of more registers than `above`."""
        device = self._meter(meter)
        try:
            device.absent = {device.map.spot(name).quantity for name in quantities or ()}
        except KeyError as error:
            raise RigError(str(error)) from error
        device.refuse_above = None if above is None else (above, code)

    async def do_bounce(self, evse: str, gap_s: float, times: int = 1) -> None:
        """The plug leaves the socket for a moment, so often; returns when it is in again."""
        car = self._bay(evse).car
        for _ in range(times):
            for move in (car.unplug, car.plug):
                move()
                self._cabinet.step()  # the pilot sees it, however short it is
                await asyncio.sleep(gap_s)

    async def do_pilot(self, evse: str, high_mv: int | None = None, low_mv: int = -12_000) -> None:
        """The pilot's level while its source is high and while it is low; None: as the car loads it.

        A high plateau of -12000 is a driver that has failed: nobody shows F, and it is there.
        """
        self._bay(evse).pilot_mv = None if high_mv is None else (high_mv, low_mv)
        self._cabinet.step()

    async def do_card_fault(self, fault: str, reader: str | None = None, count: int = 1,
                            late_s: float = 0.1, after: int = 0) -> None:
        """In the air between a reader and its card: the next `count` answers are lost ("lose"), have a
        wrong checksum ("spoil") or bit ("flip"), are no frames ("garble") or `late_s` late ("late"); or
        the card leaves after that many answers ("torn"). `after`: so many good answers first.
        """
        if fault not in FAULTS:
            raise RigError(f"fault: got {fault!r}, expected one of {', '.join(FAULTS)}")
        for name in self._cabinet.fields if reader is None else (reader,):
            field = _named("reader", name, self._cabinet.fields)
            field.well(after)
            field.late(count, late_s) if fault == "late" else getattr(field, fault)(count)

    async def do_card_well(self) -> None:
        """No more faults between readers and cards."""
        for field in self._cabinet.fields.values():
            field.clear()

    async def do_cards(self) -> dict[str, str]:
        """The cards at hand, and what kind each is."""
        return self._cabinet.wallet.kinds

    async def do_supply(self, evse: str, supply_mv: int = SUPPLY_MV) -> None:
        """The board's 12 V; without a value as usual."""
        self._bay(evse).board.set_supply_mv(supply_mv)

    async def do_proximity(self, evse: str, cable_ohm: int | None = CABLE_OHM) -> None:
        """The plug's proximity resistor; None: open."""
        self._bay(evse).board.set_pp(cable_ohm)

    async def do_board_memory(self, evse: str) -> None:
        """The board's records are overwritten, and it starts anew."""
        await asyncio.to_thread(self._bay(evse).board.damage_memory)

    def _bay(self, evse: str) -> "Bay":
        return _named("evse", evse, self._cabinet.bays)

    def _meter(self, meter: str) -> VirtualMeter:
        return _named("meter", meter, self._cabinet.meters)


def _named(what: str, name: str, known: "dict[str, T]") -> T:
    try:
        return known[name]
    except KeyError:
        raise RigError(f"{what}: got {name!r}, expected one of {list(known)}") from None


def _phases(amps: list[float]) -> Phases:
    return float(amps[0]), float(amps[1]), float(amps[2])
