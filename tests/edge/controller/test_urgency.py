"""What opens at once and what in order, row by row; and what every move tells."""

import pytest
from core_desk import Desk, plan
from msgspec.structs import replace
from restarts import restart

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import OpenContactor, WithdrawOffer
from edge.controller.events import InputSeen, OutletSeen, ReadingTaken
from edge.controller.faults import FaultCode, Stops
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import PerPhase, Reading
from edge.controller.requests import STOPS
from edge.controller.session import StopReason
from edge.controller.site import Input, InputKind, SitePlan

AT_ONCE = {
    "F201 welded", "F202 not closed", "F203 mirror mismatch", "F204 relay stuck", "F205 interlock",
    "F301 diode", "F302 state E", "F303 D without ventilation", "F401 residual current",
    "F402 emergency stop", "F404 self-test", "F411 door", "F412 tilt", "F413 water", "F416 earth",
    "F101 board lost", "F105 input lost", "F305 pilot at no level", "F403 brown-out",
    "F405 panic temperature", "F418 cable too hot", "F606 restart loop"}
IN_ORDER = {
    "F102 meter lost", "F103 meter implausible", "F107 meter contradicts itself", "F207 hammering",
    "F304 proximity", "F307 no card",
    "F408 soft overcurrent", "F409 overvoltage", "F410 undervoltage", "F414 breaker", "F604 disk full"}


def test_every_fault_is_in_its_class():
    urgent = {c for c, k in CATALOGUE.items() if k.stops in (Stops.AT_ONCE, Stops.CUT)}
    orderly = {c for c, k in CATALOGUE.items() if k.stops in (Stops.ORDERLY, Stops.PAUSE)}
    assert {str(c) for c in urgent} == {name.split()[0] for name in AT_ONCE}
    assert {str(c) for c in orderly} == {name.split()[0] for name in IN_ORDER}


@pytest.mark.parametrize("bit", [
    BoardFault.RCD, BoardFault.EMERGENCY_STOP, BoardFault.BROWN_OUT, BoardFault.TEMPERATURE,
    BoardFault.DIODE, BoardFault.SELF_TEST, BoardFault.WELD])
def test_at_once_is_in_the_step_of_the_poll_and_both_channels(desk, bit):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].faults = (bit,)
    desk.poll("1")
    assert [e.urgent for e in desk.effects(OpenContactor)] == [True]
    assert desk.outlet().fault_open_ns == desk.now_ns


@pytest.mark.parametrize("state", [s for s in PilotState if s is not PilotState.C])
@pytest.mark.parametrize("phase", ["charging", "pausing", "stopping"])
def test_whatever_is_not_c_opens_in_the_step_of_the_poll(desk, phase, state):
    desk.charge()
    if phase != "charging":
        desk.request("session.pause" if phase == "pausing" else "session.stop", evse_id="1")
    desk.log.clear()
    desk.devices["1"].pilot = state
    desk.poll("1")
    urgent = [e.urgent for e in desk.effects(OpenContactor)]
    rests_after_x1 = phase != "charging" and state is PilotState.B
    assert urgent == [not rests_after_x1]


@pytest.mark.parametrize("how", ["card", "screen", "limit", "pause", "meter", "energy"])
def test_in_order_is_x1_first_and_the_contactor_at_the_latest_6_s_later(how):
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(limit_wh=1_000)
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    desk.run(4)
    desk.log.clear()
    match how:
        case "card":
            desk.tap()
        case "screen":
            desk.request("session.stop", evse_id="1")
        case "limit":
            desk.request("limit.set", where="1", current_a=0)
        case "pause":
            desk.request("session.pause", evse_id="1")
        case "meter":
            desk.devices["1"].meter_answers = False
        case _:
            desk.devices["1"].wh += 1_000
    desk.until(lambda: bool(desk.effects(WithdrawOffer)), 12)
    assert not desk.effects(OpenContactor)
    took = desk.until(lambda: bool(desk.effects(OpenContactor)), 7)
    assert 5.9 <= took <= 6.1 and not desk.effects(OpenContactor)[0].urgent
    assert desk.outlet().fault_open_ns is None


def test_in_order_opens_below_1_a(desk):
    desk.charge()
    desk.request("session.pause", evse_id="1")
    desk.log.clear()
    for amps, opened in ((1.0, False), (0.99, True)):
        desk.now_ns += 1
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=0.0,
            current_a=PerPhase(L1=amps, L2=0.0, L3=0.0))))
        assert bool(desk.effects(OpenContactor)) is opened, amps


def test_every_reason_to_end_is_a_word_of_ocpp():
    known = {"Local", "EVDisconnected", "EnergyLimitReached", "DeAuthorized", "EmergencyStop",
             "GroundFault", "OvercurrentFault", "PowerLoss", "PowerQuality", "Reboot", "Remote",
             "StoppedByEV", "Timeout", "Other", "MasterPass"}
    assert {str(r) for r in StopReason} == known and len(STOPS) == len({s.reason for s in STOPS})
    assert FaultCode.RESIDUAL_CURRENT in CATALOGUE


def with_input(kind: InputKind) -> SitePlan:
    return replace(plan(1), inputs=(Input(id="in", kind=kind, evse_ids=("1",)),))


def test_what_opens_at_once_does_not_wait_for_a_board_after_a_restart():
    desk = Desk(with_input(InputKind.WATER))
    desk.feed(InputSeen(input_id="in", active=False))
    desk.charge()
    desk.devices["1"].board_answers = False
    restart(desk)
    assert desk.devices["1"].relay and not desk.effects(OpenContactor), "a restart moves no coil"
    desk.feed(InputSeen(input_id="in", active=True))
    assert [e.urgent for e in desk.effects(OpenContactor)] == [True]
    desk.devices["1"].board_answers = True
    desk.run(20)
    assert desk.outlet().phase == "finished" and len(desk.rows("tx.cdr.v1")) == 1


def test_what_opens_at_once_overtakes_an_opening_in_order():
    desk = Desk(with_input(InputKind.EMERGENCY_STOP))
    desk.feed(InputSeen(input_id="in", active=False))
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.until(lambda: bool(desk.effects(OpenContactor)), 7)
    assert desk.outlet().phase == "ending" and not desk.effects(OpenContactor)[-1].urgent
    desk.now_ns += 200_000_000  # one channel proves itself, and the other is still on
    desk.feed(OutletSeen(evse_id="1", relay_on=True, pi_mirror_closed=True, board=replace(
        desk.outlet().board, mono_ns=desk.now_ns, permit=False, mirror_closed=True)))
    desk.log.clear()
    desk.feed(InputSeen(input_id="in", active=True))
    assert [e.urgent for e in desk.effects(OpenContactor)] == [True]
