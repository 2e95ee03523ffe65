"""The car rests and the board has opened by itself: when the relay may wait, and when it may not."""

import pytest

from edge.controller.effects import OpenContactor
from edge.controller.pilot import BoardFault, PilotState


def urgencies(desk) -> list[bool]:
    desk.poll("1")
    return [effect.urgent for effect in desk.effects(OpenContactor)]


def left_c(desk, pilot: PilotState = PilotState.B, *, permit: bool = False) -> None:
    desk.charge()
    desk.log.clear()
    desk.devices["1"].pilot, desk.devices["1"].permit = pilot, permit


def test_a_board_that_opened_as_the_car_came_to_rest_may_prove_that_it_can(desk):
    left_c(desk)
    assert urgencies(desk) == [False]
    assert desk.outlet().phase == "ready"


@pytest.mark.parametrize(("pilot", "permit"), [
    (PilotState.B, True), (PilotState.A, False), (PilotState.C, False), (PilotState.E, False),
    (PilotState.F, False), (PilotState.UNKNOWN, False)])
def test_a_board_that_did_not_and_a_pilot_that_is_not_at_rest_wait_for_nothing(desk, pilot, permit):
    left_c(desk, pilot, permit=permit)
    assert urgencies(desk) == [True]


@pytest.mark.parametrize("fault", [
    fault for fault in BoardFault if fault not in (BoardFault.HEARTBEAT, BoardFault.MEMORY)])
def test_nothing_waits_while_the_board_names_a_fault(desk, fault):
    left_c(desk)
    desk.devices["1"].faults = (fault,)
    assert set(urgencies(desk)) == {True}


@pytest.mark.parametrize("fault", [BoardFault.HEARTBEAT, BoardFault.MEMORY])
def test_what_takes_no_power_away_hurries_nothing(desk, fault):
    left_c(desk)
    desk.devices["1"].faults = (fault,)
    assert urgencies(desk) == [False]


def test_a_relay_that_stays_on_for_a_second_is_dropped_at_once(desk):
    left_c(desk)
    desk.poll("1")
    desk.log.clear()
    desk.devices["1"].relay = True
    desk.run(1.2)
    assert [effect.urgent for effect in desk.effects(OpenContactor)] == [True]
