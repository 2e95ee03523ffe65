"""Pauses by the car, by the EVSE and by both: who is named, and that all must be over."""

import pytest
from core_desk import Desk
from restarts import restart

from edge.controller.effects import (
    CloseContactor,
    OfferCurrent,
    OpenContactor,
    SaveSession,
    WithdrawOffer,
)
from edge.controller.request import Origin


def go_on(desk: Desk, within_s: float = 5) -> None:
    desk.until(lambda: desk.devices["1"].pwm_on, 20)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", within_s)


def test_a_pause_is_orderly_and_the_same_transaction_goes_on(desk):
    desk.charge()
    desk.log.clear()
    assert desk.request("session.pause", evse_id="1") is None
    assert desk.effects(WithdrawOffer) and not desk.effects(OpenContactor)
    assert desk.outlet().session.charging_state == "SuspendedEVSE"
    desk.until(lambda: desk.outlet().phase == "paused", 6.3)
    assert not desk.effects(OpenContactor)[0].urgent and desk.outlet().offer.because == "request"
    desk.run(20)
    assert desk.outlet().phase == "paused" and not desk.devices["1"].pwm_on
    desk.rest()
    assert desk.request("session.resume", evse_id="1") is None
    go_on(desk)
    assert desk.states() == ["SuspendedEVSE", "SuspendedEV", "Charging"]


def test_a_car_that_lets_go_and_asks_again_is_suspended_by_itself(desk):
    desk.charge()
    desk.log.clear()
    desk.rest()
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent
    go_on(desk)
    assert desk.states() == ["SuspendedEV", "Charging"]
    assert [p.ev_idle for p in desk.outlet().session.periods] == [False, False, True, False]


def test_where_both_hold_it_up_the_evse_is_named(desk):
    desk.charge()
    desk.log.clear()
    desk.rest()
    desk.run(1)
    desk.request("session.pause", evse_id="1")
    desk.run(1)
    desk.request("session.resume", evse_id="1")
    desk.run(1)
    assert desk.states() == ["SuspendedEV", "SuspendedEVSE", "SuspendedEV"]


@pytest.mark.parametrize("first", ["resume", "limit"])
def test_a_pause_and_no_current_hold_until_both_are_over(desk, first):
    desk.charge()
    desk.request("session.pause", evse_id="1")
    desk.request("limit.set", where="1", current_a=0, because="grid")
    desk.rest()
    desk.run(8)
    release = {"resume": lambda: desk.request("session.resume", evse_id="1"),
               "limit": lambda: desk.request("limit.set", where="1", current_a=None)}
    assert release.pop(first)() is None
    desk.ask()
    desk.log.clear()
    desk.run(10)
    assert desk.outlet().phase == "paused" and not desk.effects(CloseContactor)
    assert release.popitem()[1]() is None
    desk.rest()
    go_on(desk)


def test_before_the_first_charge_it_is_connected_and_not_suspended(desk):
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.request("session.pause", evse_id="1")
    desk.run(1)
    desk.request("session.resume", evse_id="1")
    desk.run(1)
    assert desk.states() == ["EVConnected", "SuspendedEVSE", "EVConnected"]


def test_a_stop_ends_a_paused_session(desk):
    desk.charge()
    desk.request("session.pause", evse_id="1")
    desk.rest()
    desk.run(1)
    desk.request("session.stop", Origin.SYNC, evse_id="1")
    desk.until(lambda: desk.outlet().phase == "finished", 5)
    ended = desk.rows("tx.event.v1")[-1]
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    assert ended["triggerReason"] == "RemoteStop"


def test_the_next_session_is_not_paused(desk):
    desk.charge()
    desk.request("session.pause", evse_id="1")
    desk.run(8)
    desk.tap()
    desk.until(lambda: desk.outlet().phase == "finished", 10)
    desk.rest()
    desk.run(4)
    desk.tap()
    go_on(desk)


@pytest.mark.parametrize("action", ["session.pause", "session.resume", "session.stop"])
def test_without_a_session_there_is_nothing_to_hold_up(desk, action):
    assert desk.request(action, evse_id="1") == "evse 1: no session runs"
    assert "expected one of 1, 2" in desk.request(action, evse_id="9")


@pytest.mark.parametrize("mains_back", [False, True])
def test_a_pause_is_still_one_after_a_restart(desk, mains_back):
    desk.charge()
    desk.request("session.pause", evse_id="1")
    desk.run(1)  # X1 was sent, and it is not open yet
    restart(desk, mains_back=mains_back)
    desk.run(70)
    assert desk.outlet().phase == "paused" and not desk.effects(CloseContactor)
    assert not desk.effects(OfferCurrent) and desk.outlet().offer.because == "request"
    desk.rest()
    desk.request("session.resume", evse_id="1")
    restart(desk)
    go_on(desk, 8)  # with 5 s of rest: the restart forgot when it opened


def test_a_pause_that_is_asked_for_again_is_written_once(desk):
    desk.charge()
    desk.log.clear()
    for _ in range(10):
        desk.request("session.pause", evse_id="1")
    assert len([e for e in desk.effects(SaveSession) if e.session.paused]) <= 2  # its row has it, too
