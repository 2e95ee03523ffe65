"""The controller's own end: cars stop first, contactors open without load, at the latest 6 s later."""

import asyncio

import msgspec
import pytest
from core_desk import plan
from virtual_time import now_ns, virtual

from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.reading import PerPhase, Reading
from edge.controller.state import Site, initial
from edge.controller.trouble import DeviceRefused
from edge.station.winding_down import STOP_OPEN_S, draws, wind_down


class Bays:
    """Two outlets that charge, as the core sees them; `log`: what their drivers were told, and when."""

    def __init__(self) -> None:
        self.site: Site = initial(plan(2))
        self.log: list[tuple[str, str, float]] = []
        self.stuck: str | None = None  # whose relay does not obey
        self.began_s = asyncio.get_running_loop().time()
        self.hurry = asyncio.Event()
        for evse_id in self.site.outlets:
            self.see(evse_id, PilotState.C, amps=16.0)

    def see(self, evse_id: str, pilot: PilotState | None, *, amps: float | None = 16.0,
            relay: bool = True) -> None:
        """None: the board is lost. `amps` None: the meter does not know."""
        board = None if pilot is None else BoardStatus(mono_ns=now_ns(), pilot=pilot)
        outlet = msgspec.structs.replace(
            self.site.outlets[evse_id], board=board, board_error="silent" if board is None else None,
            relay_on=relay, pi_mirror_closed=relay)
        reading = Reading(meter_id=f"bay-{evse_id}", mono_ns=now_ns(),
                          current_a=PerPhase(L1=amps, L2=None, L3=amps and 0.1))
        self.site = msgspec.structs.replace(
            self.site, outlets={**self.site.outlets, evse_id: outlet},
            readings={**self.site.readings, f"bay-{evse_id}": reading})

    def driver(self, evse_id: str) -> "Driver":
        return Driver(self, evse_id)

    async def end(self) -> float:
        """Seconds that it took."""
        await wind_down({e: self.driver(e) for e in self.site.outlets}, lambda: self.site, now_ns,
                        self.hurry)
        return asyncio.get_running_loop().time() - self.began_s


class Driver:
    def __init__(self, bays: Bays, evse_id: str) -> None:
        self.bays, self.evse_id = bays, evse_id

    def _note(self, what: str) -> None:
        loop = asyncio.get_running_loop()
        self.bays.log.append((self.evse_id, what, round(loop.time() - self.bays.began_s, 1)))

    def withdraw(self) -> None:
        self._note("X1")

    def make_safe(self) -> None:
        if self.evse_id == self.bays.stuck:
            raise DeviceRefused("write", where="GPIO5", got="EIO", expected="a level")
        self._note("off")


@virtual
async def test_each_car_is_told_to_stop_and_each_contactor_opens_when_its_own_rests():
    bays = Bays()
    loop = asyncio.get_running_loop()
    loop.call_later(1.05, bays.see, "1", PilotState.B)
    loop.call_later(2.05, lambda: bays.see("2", PilotState.C, amps=0.4))
    took_s = await bays.end()
    assert sorted(bays.log) == [
        ("1", "X1", 0.0), ("1", "off", 1.1), ("2", "X1", 0.0), ("2", "off", 2.1)]
    assert took_s < 2.5


@virtual
async def test_a_car_that_rests_is_told_as_well_and_not_waited_for_until_it_begins_again():
    bays = Bays()
    bays.see("1", PilotState.B)
    asyncio.get_running_loop().call_later(1.05, bays.see, "2", PilotState.B)
    await bays.end()
    assert sorted(bays.log) == [
        ("1", "X1", 0.0), ("1", "off", 0.0), ("2", "X1", 0.0), ("2", "off", 1.1)]


@virtual
async def test_a_relay_that_does_not_obey_cuts_off_nobody_else():
    bays = Bays()
    bays.stuck = "1"
    bays.see("1", PilotState.B)
    asyncio.get_running_loop().call_later(2.05, bays.see, "2", PilotState.B)
    await bays.end()
    assert sorted(bays.log) == [("1", "X1", 0.0), ("2", "X1", 0.0), ("2", "off", 2.1)]


@virtual
async def test_a_car_that_goes_on_drawing_is_cut_off_after_six_seconds():
    bays = Bays()
    bays.see("2", PilotState.A, relay=False)
    took_s = await bays.end()
    assert bays.log == [("1", "X1", 0.0)], "the caller drops what is left"
    assert STOP_OPEN_S <= took_s < STOP_OPEN_S + 0.2


@virtual
async def test_who_is_in_a_hurry_waits_for_nobody():
    bays = Bays()
    asyncio.get_running_loop().call_later(0.55, bays.hurry.set)
    assert await bays.end() < 0.8


@virtual
async def test_where_nobody_charges_it_ends_at_once():
    bays = Bays()
    bays.see("1", PilotState.A, relay=False)
    bays.see("2", PilotState.B, relay=False)
    assert await bays.end() == 0.0
    assert not bays.log


@pytest.mark.parametrize(("pilot", "amps", "relay", "expected"), [
    (PilotState.C, 16.0, True, True), (PilotState.C, 0.9, True, False), (PilotState.C, 1.0, True, True),
    (PilotState.B, 16.0, True, False), (PilotState.A, 16.0, True, False), (None, 0.0, True, True),
    (PilotState.C, None, True, True), (PilotState.C, 16.0, False, False)])
@virtual
async def test_unknown_counts_as_a_current(pilot, amps, relay, expected):
    bays = Bays()
    bays.see("1", pilot, amps=amps, relay=relay)
    assert draws(bays.site, "1", 0) is expected


@virtual
async def test_what_a_meter_said_before_counts_for_nothing():
    bays = Bays()
    bays.see("1", PilotState.C, amps=0.0)
    assert draws(bays.site, "1", now_ns() + 1)


@virtual
async def test_a_relay_that_is_off_over_a_contactor_that_is_not_counts_as_a_current():
    bays = Bays()
    outlet = msgspec.structs.replace(bays.site.outlets["1"], relay_on=False, pi_mirror_closed=True)
    bays.site = msgspec.structs.replace(bays.site, outlets={**bays.site.outlets, "1": outlet})
    assert draws(bays.site, "1", 0)
