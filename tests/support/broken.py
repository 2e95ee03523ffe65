"""How each fault of the catalogue is raised and undone on a virtual site: what breaks in a cabinet."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from site_desk import SiteDesk
from tomorrow import remember_later

from edge.controller.faults import FaultCode
from hil_tests import stall
from hil_tests.scenarios.trial import Trial

C = FaultCode
SITE_METER_UNIT, FIRST_METER_UNIT, FIRST_BOARD_UNIT = 1, 2, 11
REST_OHM, ASK_OHM, VENTILATION_OHM = 2740, 882, 246
LATER_S = 10.0
FILLED_LOW_MB, FILLED_FULL_MB = 50, 90


@dataclass(frozen=True)
class Place:
    """A bay of a site that somebody breaks."""

    desk: SiteDesk
    trial: Trial

    @property
    def evse(self) -> str:
        return self.trial.evse

    async def rig(self, do: str, **args: object) -> None:
        """A request to the cabinet."""
        await self.desk.rig.ask(do, **args)

    async def cp(self, ohms: float | None, *, diode: bool = True) -> None:
        """A resistor on this bay's pilot."""
        await self.desk.rig.set_cp(self.evse, ohms, diode)


Act = Callable[[Place], Awaitable[None]]


async def nothing(_: Place) -> None:
    """What ends by itself."""


@dataclass(frozen=True)
class Break:
    """`charging`: raised while a car charges, so that its effect is seen; else from rest.

    `technician`: what he says instead of `fault.clear`.
    """

    cause: Act
    undo: Act = nothing
    charging: bool = True
    technician: Act | None = None


def ask(do: str, *, bay: bool = True, **args: object) -> Act:
    """One request to the cabinet, of this bay or of the whole site."""
    async def act(place: Place) -> None:
        await place.rig(do, **({"evse": place.evse} if bay else {}), **args)
    return act


def restore(what: str) -> Act:
    """Repair it."""
    async def act(place: Place) -> None:
        await place.desk.rig.restore(what, place.evse)
    return act


def pilot(ohms: float | None, *, diode: bool = True) -> Act:
    """A resistor on the pilot."""
    async def act(place: Place) -> None:
        await place.cp(ohms, diode=diode)
    return act


def silent(first_unit: int | None, *, ends: bool = False) -> Act:
    """A device of this bay (or the site's meter) says nothing on the line, or speaks again."""
    async def act(place: Place) -> None:
        unit = SITE_METER_UNIT if first_unit is None else first_unit + int(place.evse) - 1
        if ends:
            await place.rig("line_clear", line="cabinet", unit=unit)
        else:
            await place.rig("line_fault", line="cabinet", kind="silent", unit=unit)
    return act


def meter(how: str) -> Act:
    """What this bay's register shows."""
    async def act(place: Place) -> None:
        await place.rig("register", meter=f"bay-{place.evse}", how=how)
    return act


def shows(**values: float) -> Act:
    """What this bay's meter shows of some quantities, and truly of all others."""
    async def act(place: Place) -> None:
        await place.rig("shows", meter=f"bay-{place.evse}", values=values or None)
    return act


def contact(which: str, state: str) -> Act:
    """A contact at the Pi."""
    return ask("input", bay=False, input=which, state=state)


def sensor(which: str, celsius: float = 25.0, trouble: str | None = None) -> Act:
    """A sensor of the Pi."""
    return ask("sensor", bay=False, sensor=which, celsius=celsius, trouble=trouble)


def stop_after(cause: Act) -> Act:
    """Seen when a session ends: a channel, a weld, a residual current module."""
    async def act(place: Place) -> None:
        await cause(place)
        await place.trial.stop_by_card()
        await place.trial.until("over", lambda v: v["charging_state"] is None)
        await place.trial.leave()
    return act


def twice(cause: Act, code: FaultCode) -> Act:
    """The channels take turns, so that the second stop at the latest finds one that is stuck."""
    async def act(place: Place) -> None:
        for _ in range(2):
            await cause(place)
            await place.trial.stop_by_card()
            await place.trial.until_screen("finished", "fault")
            await asyncio.sleep(2)
            if any(fault["code"] == code for fault in await place.trial.faults()):
                return
            await place.trial.leave()
            await place.trial.start()
    return act


async def hammer(place: Place) -> None:
    """A car that asks and rests by turns."""
    while not any(fault["code"] == C.HAMMERING for fault in await place.trial.faults()):
        await place.cp(REST_OHM)
        await place.trial.coil(False)
        await place.trial.pwm(False)
        await place.trial.pwm(True)  # who asks before it may is not to be trusted
        await place.cp(ASK_OHM)
        await place.trial.until("closed or held off", lambda v: v["screen"] in ("charging", "fault")
                                or v["charging_state"] == "SuspendedEVSE")


async def close_in_vain(place: Place) -> None:
    await place.rig("stuck_open", evse=place.evse)
    await place.trial.begin()


async def chafe(place: Place) -> None:
    """The wire of a mirror contact, now broken, now shorted: once the contactor is open, only the
    second is seen.
    """
    await place.rig("mirror", evse=place.evse, side="pi", level=False)
    await place.trial.coil(False)
    await place.rig("mirror", evse=place.evse, side="pi", level=True)


async def no_card(place: Place) -> None:
    async with place.trial.reader_free:
        await place.desk.rig.plug(place.evse)
        await place.trial.until_fault(C.AUTH_TIMEOUT)


async def asks_in_the_dark(place: Place) -> None:
    await place.rig("car", evse=place.evse, dark=True, max_a=0)
    async with place.trial.reader_free:
        await place.desk.rig.plug(place.evse)
        await place.trial.until_fault(C.CAR_MODE)


async def lights(place: Place) -> None:
    await place.rig("car", evse=place.evse, dark=False, max_a=16)
    await place.desk.rig.unplug(place.evse)


async def left_closed(place: Place) -> None:
    """Whoever ran before has left the relay on, and the interlock is bridged: nothing explains it."""
    await place.desk.kill_controller()
    await place.desk.rig.stick(place.evse, "interlock")
    await place.rig("leave_relay", evse=place.evse, on=True)
    await place.trial.coil(True)
    await place.desk.start_controller()


async def damage_journal(place: Place) -> None:
    """Ended in order, or what the log of writes still holds would mend it."""
    await place.desk.site.children.end("controller")
    await asyncio.to_thread(place.desk.site.damage_journal)
    await place.desk.start_controller()


async def damage_cards(place: Place) -> None:
    await place.desk.site.children.end("controller")
    await asyncio.to_thread(place.desk.site.damage_cards)
    await place.desk.start_controller()


async def enter_cards_anew(place: Place) -> None:
    """Those of everybody, while the controller runs."""
    await place.desk.site.list_cards()


async def fail_thrice(place: Place) -> None:
    """Three failed runs within ten minutes: nobody has killed a controller for good reason."""
    site = place.desk.site
    site.counts_failures = True
    for _ in range(3):
        await place.desk.kill_controller()
        await place.desk.start_controller()
    await place.trial.coil(False)


async def let_go_on(place: Place) -> None:
    """A technician clears it, and systemd starts the controller."""
    assert await place.desk.ask("fault.clear", {"code": C.RESTART_LOOP.value}) is None
    await place.desk.site.children.ended("controller")
    place.desk.site.counts_failures = False
    await place.desk.start_controller()


async def remember_tomorrow(place: Place) -> None:
    """The computer's clock is behind what the journal has seen, for a while."""
    await place.desk.kill_controller()
    await remember_later(place.desk.site.state_dir / "journal.db", LATER_S)
    await place.desk.start_controller()


async def another_board(place: Place) -> None:
    """The cabinet is switched off, the board replaced, and it is switched on again."""
    await place.desk.rig.cut("power")
    for kept in (place.desk.site.folder / f"board-{place.evse}").glob("kept*"):
        kept.unlink()
    await place.desk.rig.restore("power")


async def start_anew(place: Place) -> None:
    await place.desk.kill_controller()
    await place.desk.start_controller()


class Stalled:
    """The journal's file, held by somebody else until `undo`; with `hold_s` only so long at a time."""

    def __init__(self, hold_s: float | None = None) -> None:
        self._held, self._hold_s = contextlib.ExitStack(), hold_s

    async def cause(self, place: Place) -> None:
        journal = place.desk.site.state_dir / "journal.db"
        self._held.enter_context(stall.held(journal) if self._hold_s is None
                                 else stall.slowed(journal, self._hold_s))
        await place.desk.rig.plug("2")  # something to write

    async def undo(self, place: Place) -> None:
        self._held.close()
        await place.desk.rig.unplug("2")


def fill(megabytes: int) -> Act:
    """The state folder is so full."""
    async def act(place: Place) -> None:
        await asyncio.to_thread(place.desk.site.fill_state, megabytes)
    return act


def cut(what: str, *, ends: bool = False) -> Act:
    """The network or the reader."""
    async def act(place: Place) -> None:
        await (place.desk.rig.restore(what) if ends else place.desk.rig.cut(what))  # type: ignore[arg-type]
    return act


async def replaced(place: Place) -> None:
    await place.trial.leave()
    await place.trial.coil(False)
    await place.trial.ask("contactor.replaced", evse_id=place.evse)


def table() -> Iterator[tuple[FaultCode, Break]]:
    """Every code of the catalogue."""
    stalled, slowed = Stalled(), Stalled(0.5)
    yield C.BOARD_LOST, Break(silent(FIRST_BOARD_UNIT), silent(FIRST_BOARD_UNIT, ends=True))
    yield C.METER_SILENT, Break(silent(FIRST_METER_UNIT), silent(FIRST_METER_UNIT, ends=True))
    yield C.METER_IMPLAUSIBLE, Break(meter("negative"), meter("true"))
    yield C.SENSOR_LOST, Break(sensor("cabinet", trouble="gone"), sensor("cabinet"))
    yield C.INPUT_LOST, Break(ask("unreadable", bay=False, what="input", where="door"),
                              ask("unreadable", bay=False, what="input", where="door", on=False))
    yield C.METER_CONTRADICTS, Break(shows(power_l1=0.0, power_l2=0.0, power_l3=0.0), shows())
    yield C.SITE_METER, Break(silent(None), silent(None, ends=True))
    yield C.CONTACTOR_WELDED, Break(stop_after(ask("weld")), restore_all("contactor", "breaker"))
    yield C.CONTACTOR_NOT_CLOSED, Break(close_in_vain, restore("contactor"), charging=False)
    yield C.MIRROR_MISMATCH, Break(chafe, ask("mirror", side="pi", level=None))
    yield C.RELAY_STUCK, Break(twice(ask("stick", channel="relay"), C.RELAY_STUCK), restore("relay"))
    yield C.INTERLOCK_STUCK, Break(twice(ask("stick", channel="interlock"), C.INTERLOCK_STUCK),
                                   restore("interlock"))
    yield C.CONTACTOR_WORN, Break(nothing, technician=replaced)
    yield C.HAMMERING, Break(hammer, pilot(ASK_OHM))
    yield C.FOUND_CLOSED, Break(left_closed, restore("interlock"), charging=False)
    yield C.DIODE, Break(pilot(ASK_OHM, diode=False), pilot(REST_OHM))
    yield C.PILOT_SHORT, Break(pilot(0), pilot(None))
    yield C.VENTILATION, Break(pilot(VENTILATION_OHM), pilot(REST_OHM))
    yield C.PROXIMITY, Break(ask("proximity", cable_ohm=30), ask("proximity"))
    yield C.PILOT_ODD, Break(ask("pilot", high_mv=-12000), ask("pilot"))
    yield C.CAR_MODE, Break(asks_in_the_dark, lights, charging=False)
    yield C.AUTH_TIMEOUT, Break(no_card, charging=False)
    yield C.RESIDUAL_CURRENT, Break(ask("rcd_trip"), restore("rcd"))
    yield C.EMERGENCY_STOP, Break(ask("estop"), restore("estop"))
    yield C.BROWN_OUT, Break(ask("supply", supply_mv=9000), ask("supply"))
    yield C.SELF_TEST, Break(stop_after(ask("rcd_module", how="dead")), tested)
    yield C.TEMPERATURE, Break(ask("temperature", temperature_c=80.0),
                               ask("temperature", temperature_c=25.0))
    yield C.BOARD_MEMORY, Break(ask("board_memory"), another_board, charging=False)
    yield C.HOT, Break(ask("temperature", temperature_c=61.0), ask("temperature", temperature_c=25.0))
    yield C.OVERCURRENT, Break(ask("car", max_a=24.0, overdraw_a=8.0),
                               ask("car", max_a=16.0, overdraw_a=0.0))
    yield C.OVERVOLTAGE, Break(ask("voltage", bay=False, voltage_v=275.0),
                               ask("voltage", bay=False, voltage_v=None))
    yield C.UNDERVOLTAGE, Break(ask("voltage", bay=False, voltage_v=180.0),
                                ask("voltage", bay=False, voltage_v=None))
    for code, which in ((C.DOOR_OPEN, "door"), (C.TILTED, "tilt"), (C.WATER, "water"),
                        (C.BREAKER_OPEN, "breaker"), (C.EARTH_LOST, "earth")):
        yield code, Break(contact(which, "active"), contact(which, "well"))
    yield C.CIRCUIT_OVERLOAD, Break(ask("house", bay=False, meter="main", current_a=54.0),
                                    ask("house", bay=False, meter="main", current_a=4.0))
    yield C.CABLE_HOT, Break(sensor("cable", 68.0), sensor("cable"))
    yield C.CABLE_TOO_HOT, Break(sensor("cable", 95.0), sensor("cable"))
    yield C.READER_LOST, Break(cut("reader"), cut("reader", ends=True))
    yield C.JOURNAL_STALLED, Break(stalled.cause, stalled.undo)
    yield C.CARDS_DAMAGED, Break(damage_cards, enter_cards_anew, charging=False)
    yield C.JOURNAL_DAMAGED, Break(damage_journal, start_anew, charging=False)
    yield C.RESTART_LOOP, Break(fail_thrice, let_go_on, charging=False)
    yield C.DISK_LOW, Break(fill(FILLED_LOW_MB), fill(0))
    yield C.JOURNAL_FULL, Break(fill(FILLED_FULL_MB), fill(0))
    yield C.CLOCK_UNTRUSTED, Break(remember_tomorrow, charging=False)
    yield C.JOURNAL_SLOW, Break(slowed.cause, slowed.undo)
    yield C.CLOUD_OFFLINE, Break(cut("network"), cut("network", ends=True))


def restore_all(*whats: str) -> Act:
    """Repair several things."""
    async def act(place: Place) -> None:
        for what in whats:
            await place.desk.rig.restore(what, place.evse)
    return act


async def tested(place: Place) -> None:
    """The module was replaced, and a technician tests it."""
    await place.rig("rcd_module", evse=place.evse, how="good")
    await place.trial.ask("board.selftest", evse_id=place.evse)


BREAKS: dict[FaultCode, Break] = dict(table())
