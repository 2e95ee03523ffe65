"""Signs that are read from what a board can and cannot say."""

import pytest
from core_desk import Desk, plan

from edge.controller.effects import CloseContactor, OpenContactor
from edge.controller.pilot import PilotState
from edge.controller.site import Timers


def stopped(desk) -> list[str | None]:
    return [r["transactionInfo"].get("stoppedReason") for r in desk.rows("tx.event.v1")
            if r["eventType"] == "Ended"]


@pytest.mark.parametrize("state", [PilotState.F, PilotState.UNKNOWN])
def test_a_pilot_that_says_nothing_opens_in_the_same_step(desk, state):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].pilot = state
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent


@pytest.mark.parametrize(("boots", "plugs", "reason"), [
    (0, 1, "EVDisconnected"), (1, -1, "PowerLoss")])
def test_another_car_that_came_while_the_board_was_lost_does_not_charge_on_the_first_ones_bill(
        desk, boots, plugs, reason):
    desk.charge()
    desk.devices["1"].board_answers = False
    desk.run(5)
    device = desk.devices["1"]
    device.boot_count, device.plug_seq = device.boot_count + boots, device.plug_seq + plugs
    device.permit, device.board_answers = False, True
    desk.log.clear()
    desk.run(20)
    assert stopped(desk) == [reason] and not desk.effects(CloseContactor)
    assert desk.outlet().phase == "finished"


def test_a_board_that_its_watchdog_restarted_goes_on_with_the_car_that_it_had(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    device = desk.devices["1"]
    device.boot_count, device.plug_seq, device.permit = 2, 0, False
    device.pwm_on, device.offered_a = False, 0.0
    desk.log.clear()
    desk.poll("1")
    assert desk.effects(OpenContactor)
    desk.until(lambda: desk.outlet().phase == "charging")
    assert desk.outlet().session.transaction_id == transaction
    assert desk.sessions[transaction].board_boot == 2, "and a restart of ours knows it too"


def test_a_relay_that_does_not_drop_holds_no_session_up(desk):
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.unplug()
    for _ in range(400):
        desk.devices["1"].relay = True
        desk.run(0.1)
    assert desk.outlet().phase == "vacant" and desk.rows("tx.cdr.v1")
    assert desk.effects(OpenContactor)[-1].reason == "not explained"


@pytest.mark.stories
def test_a_car_that_asks_and_rests_by_turns_is_served_ever_more_rarely():
    desk = Desk(plan(1, timers=Timers(hammer_count=99)))
    desk.charge()
    pauses = []
    for _ in range(12):
        desk.run(1)
        desk.rest()
        desk.run(0.2)
        desk.ask()
        pauses.append(desk.until(lambda: desk.outlet().phase == "charging", 400))
    assert max(pauses[:3]) < 6 and pauses == sorted(pauses) and 300 < pauses[-1] < 330
    desk.run(61)
    desk.rest()
    desk.run(0.2)
    desk.ask()
    assert desk.until(lambda: desk.outlet().phase == "charging") < 6, "a long charge makes it good"
