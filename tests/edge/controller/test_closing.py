"""What closing needs: each condition alone keeps the contactor open, and all together close it."""

from collections.abc import Callable

import msgspec
import pytest
from core_desk import NS, Desk, plan

from edge.controller.closing import ASKING, CLOSING
from edge.controller.effects import CloseContactor, Record
from edge.controller.events import BoardLost, Header, ReadingTaken
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import Reading
from edge.controller.turn import Turn


def device(**changes: object) -> Callable[[Desk], None]:
    def spoil(desk: Desk) -> None:
        for name, value in changes.items():
            setattr(desk.devices["1"], name, value)
    return spoil


def outlet(**changes: object) -> Callable[[Desk], None]:
    def spoil(desk: Desk) -> None:
        changed = msgspec.structs.replace(desk.outlet(), **changes)
        desk.site = msgspec.structs.replace(desk.site, outlets={**desk.site.outlets, "1": changed})
    return spoil


def no_start_register(desk: Desk) -> None:
    session = msgspec.structs.replace(desk.outlet().session, start_reading=None)
    outlet(session=session)(desk)


def stale_reading(desk: Desk) -> None:
    """A reading that is still good as a start register, and 10 s old."""
    readings = {k: msgspec.structs.replace(r, mono_ns=r.mono_ns - 10 * NS)
                for k, r in desk.site.readings.items()}
    desk.site = msgspec.structs.replace(desk.site, readings=readings)


def no_reading(desk: Desk) -> None:
    desk.site = msgspec.structs.replace(desk.site, readings={})


def stopped(desk: Desk) -> None:
    desk.request("session.stop", evse_id="1")


#: For each condition of `closing.py`: how it is taken away (a car waits, all else is well).
SPOILT: dict[str, list[Callable[[Desk], None]]] = {
    "the pilot says C (or D)": [device(pilot=p) for p in PilotState if p is not PilotState.C],
    "the board answers": [lambda d: d.feed(BoardLost(evse_id="1", error="x", pi_mirror_closed=False)),
                          outlet(seen_ns=1)],
    "a diode was seen": [device(diode=False)],
    "the car waited for PWM": [device(dark=True)],
    "no self-test runs": [device(testing=True)],
    "the board shows an offer": [device(pwm_on=False), device(offered_a=5.9)],
    "current is offered": [lambda d: d.request("limit.set", where="1", current_a=0)],
    "it is proven open": [device(relay=True), device(welded=True), device(mirror=True)],
    "the minimum off time is over": [
        lambda d: outlet(opened_at_ns=d.now_ns - 4 * NS)(d),
        lambda d: outlet(fault_open_ns=d.now_ns - 29 * NS)(d),
        lambda d: outlet(not_before_ns=d.now_ns + NS)(d)],
    "no fault stops it": [device(faults=(BoardFault.RCD,)), device(faults=(BoardFault.TEMPERATURE,)),
                          device(faults=(BoardFault.PROXIMITY,)),
                          lambda d: outlet(hammer_ns=d.now_ns)(d)],
    "it is authorised": [stopped, lambda d: d.request("session.pause", evse_id="1")],
    "the start register was read": [no_start_register],
    "the last reading is fresh": [stale_reading, no_reading],
}
CASES = [pytest.param(name, spoil, id=f"{name} {n}") for name, spoils in SPOILT.items()
         for n, spoil in enumerate(spoils)]


def waiting(desk: Desk) -> None:
    """Everything is well but that the car does not ask; its meter answers no more when it does."""
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.grants = True


def preparing(desk: Desk) -> None:
    """The car asks and its start register was read, but the disk has let no grant pass yet."""
    waiting(desk)
    desk.devices["1"].meter_answers = False
    desk.ask()
    desk.poll("1")
    assert desk.outlet().phase == "preparing"
    reading = Reading(meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=0.0)
    session = msgspec.structs.replace(desk.outlet().session, start_reading=reading, last_wh=1_000)
    outlet(session=session)(desk)
    desk.site = msgspec.structs.replace(desk.site, readings={**desk.site.readings, "bay-1": reading})
    desk.log.clear()


def test_every_condition_is_taken_away_here():
    assert set(SPOILT) == set(CLOSING) and set(ASKING) < set(CLOSING)


def test_with_all_of_them_it_closes_after_its_record(desk):
    preparing(desk)
    effects = desk.feed(ReadingTaken(reading=Reading(meter_id="nowhere", mono_ns=desk.now_ns)))
    kinds = [type(e) for e in effects]
    assert CloseContactor in kinds and Record in kinds[:kinds.index(CloseContactor)]


@pytest.mark.parametrize(("name", "spoil"), CASES)
def test_without_one_of_them_it_stays_open(desk, name, spoil):
    preparing(desk)
    spoil(desk)
    desk.poll("1") if name != "the board answers" else desk.feed(
        ReadingTaken(reading=Reading(meter_id="nowhere", mono_ns=desk.now_ns)))
    assert not desk.effects(CloseContactor), name


@pytest.mark.parametrize(("name", "spoil"), [c for c in CASES if c.values[0] in ASKING])
def test_without_one_of_them_the_start_register_is_not_even_asked_for(desk, name, spoil):
    waiting(desk)
    desk.devices["1"].pilot = PilotState.C
    spoil(desk)
    if name != "the board answers":
        desk.poll("1")
    assert desk.outlet().phase != "preparing" and not desk.effects(CloseContactor)


@pytest.mark.parametrize("name", sorted(CLOSING))
def test_no_condition_is_another_ones_shadow(desk, name):
    """Judged alone by its own guard, each spoilt case fails that very guard."""
    for n in range(len(SPOILT[name])):
        mine = Desk(plan())
        preparing(mine)
        before = Turn(mine.site, Header(mono_ns=mine.now_ns, boot=1, fresh_id="x"))
        assert CLOSING[name](before, mine.outlet()), "it stood before"
        SPOILT[name][n](mine)
        if name != "the board answers":
            mine.poll("1")
        turn = Turn(mine.site, Header(mono_ns=mine.now_ns, boot=1, fresh_id="y"))
        assert not CLOSING[name](turn, mine.outlet()), n


def test_a_meter_that_is_dead_until_the_contactor_closes_is_not_waited_for():
    desk = Desk(plan(1, meter_on_supply_side=False))
    desk.devices["1"].meter_answers = False
    waiting(desk)
    desk.ask()
    desk.until(lambda: bool(desk.effects(CloseContactor)), 3)


def test_state_d_closes_where_there_is_ventilation():
    desk = Desk(plan(1, ventilation=True))
    waiting(desk)
    desk.devices["1"].pilot = PilotState.D
    desk.until(lambda: bool(desk.effects(CloseContactor)), 3)
