"""A plug that bounces: power goes at once, the session goes on; if nothing returns it ended then."""

import pytest
from core_desk import ANNA, NS, Desk, plan
from restarts import restart

from edge.controller.effects import OfferCurrent, OpenContactor, PriceSession
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.session import Session
from edge.controller.site import Timers


def ends(desk: Desk) -> list[str]:
    return [r["transactionInfo"]["stoppedReason"] for r in desk.rows("tx.event.v1")
            if r["eventType"] == "Ended"]


def priced(desk: Desk) -> Session:
    (effect,) = desk.effects(PriceSession)
    return effect.session


def go_on(desk: Desk) -> None:
    desk.until(lambda: desk.devices["1"].pwm_on, 10)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", 10)


def test_power_goes_in_the_same_step_and_the_same_transaction_goes_on(desk):
    desk.charge()
    transaction, plug_seq = desk.outlet().session.transaction_id, desk.outlet().session.plug_seq
    desk.log.clear()
    desk.unplug()
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent and desk.outlet().phase == "replug"
    desk.run(1)
    desk.plug()
    go_on(desk)
    session = desk.outlet().session
    assert session.transaction_id == transaction and session.plug_seq == plug_seq + 1
    assert desk.sessions[transaction].plug_seq == plug_seq + 1, "a restart knows this plug"
    triggers = [(r["eventType"], r["triggerReason"]) for r in desk.rows("tx.event.v1")][:2]
    assert triggers == [("Updated", "EVCommunicationLost"), ("Updated", "EVDetected")]
    assert desk.states() == ["Idle", "SuspendedEV", "Charging"]


@pytest.mark.parametrize(("away_s", "phase"), [(4.5, "ready"), (5.6, "finished")])
def test_five_seconds_are_a_bounce_and_more_is_not(desk, away_s, phase):
    desk.charge()
    desk.bounce(away_s=away_s)
    desk.run(10)
    assert desk.outlet().phase == phase


def test_if_nothing_returns_the_session_ended_at_the_first_edge(desk):
    desk.charge()
    desk.run(10)
    desk.unplug()
    desk.poll("1")
    left_ns = desk.now_ns
    session = desk.outlet().session
    desk.until(lambda: desk.outlet().phase == "vacant", 20)
    assert desk.now_ns - left_ns >= 5 * NS and ends(desk) == ["EVDisconnected"]
    assert session.periods[-1].start.mono_ns == left_ns
    assert priced(desk).ended.mono_ns == left_ns
    assert priced(desk).transaction_id == session.transaction_id


def test_a_session_that_is_not_young_ends_at_once(desk):
    desk.charge()
    for _ in range(31):
        desk.devices["1"].wh += 100
        desk.run(10, step_s=1)
    desk.unplug()
    desk.poll("1")
    assert desk.outlet().phase == "ending"


def test_a_bounce_between_two_polls_is_told_by_the_count_of_plugs(desk):
    desk.charge()
    device = desk.devices["1"]
    device.plug_seq, device.permit = device.plug_seq + 1, False
    desk.log.clear()
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent and desk.outlet().phase == "ready"
    assert desk.outlet().session.plug_seq == device.plug_seq


def test_another_cable_caps_the_offer(desk):
    desk.charge()
    desk.unplug()
    desk.run(1)
    desk.devices["1"].proximity_a = 13
    desk.log.clear()
    desk.plug()
    go_on(desk)
    assert [(e.current_a, e.because) for e in desk.effects(OfferCurrent)] == [(13.0, "cable")]


def test_the_diode_is_looked_for_anew(desk):
    desk.charge()
    desk.bounce()
    desk.until(lambda: desk.devices["1"].pwm_on, 10)
    desk.devices["1"].faults = (BoardFault.DIODE,)
    desk.ask()
    desk.run(3)
    assert desk.outlet().phase in ("ending", "finished") and "F301" in desk.codes()


def test_a_board_that_began_anew_cannot_say_whose_plug_it_is(desk):
    desk.charge()
    desk.unplug()
    desk.poll("1")
    device = desk.devices["1"]
    device.boot_count, device.plug_seq = 2, 0
    desk.plug()
    desk.run(3)
    assert ends(desk) == ["EVDisconnected"] and desk.outlet().phase == "finished"


def test_a_board_that_is_lost_meanwhile_does_not_hold_the_end_up(desk):
    desk.charge()
    desk.unplug()
    desk.poll("1")
    desk.devices["1"].board_answers = False
    took = desk.until(lambda: desk.outlet().phase == "ending", 10)
    assert 4.8 <= took <= 5.2
    desk.until(lambda: bool(ends(desk)), 35)
    assert ends(desk) == ["EVDisconnected"]


def test_a_board_that_fell_silent_for_longer_cannot_tell_a_bounce_from_another_car(desk):
    desk.charge()
    desk.devices["1"].board_answers = False
    desk.run(2.5)
    desk.devices["1"].plug_seq += 1
    desk.run(2.7)
    desk.devices["1"].board_answers = True
    desk.run(20)
    assert ends(desk) == ["EVDisconnected"]


def test_its_card_stops_it_while_the_plug_is_out(desk):
    desk.charge()
    desk.run(4)
    desk.unplug()
    desk.run(0.5)
    desk.tap(ANNA)
    desk.run(3)
    assert ends(desk) == ["Local"]


def test_a_trip_ends_it_while_the_plug_is_out(desk):
    desk.charge()
    desk.unplug()
    desk.run(0.5)
    desk.devices["1"].faults = (BoardFault.RCD,)
    desk.run(3)
    assert ends(desk) == ["GroundFault"]


@pytest.mark.parametrize("odd", [PilotState.UNKNOWN, PilotState.F])
def test_levels_in_between_neither_bring_it_back_nor_end_it(desk, odd):
    desk.charge()
    desk.unplug()
    desk.poll("1")
    desk.devices["1"].pilot = odd
    desk.run(0.5)
    assert desk.outlet().phase == "replug"


def test_a_controller_that_died_meanwhile_closes_it_at_the_first_edge(desk):
    desk.charge()
    desk.unplug()
    desk.poll("1")
    left_ns = desk.now_ns
    restart(desk)
    desk.run(20)
    assert len(ends(desk)) == 1
    assert priced(desk).ended.mono_ns == left_ns


def test_a_site_may_do_without_it():
    desk = Desk(plan(1, timers=Timers(replug_s=0)))
    desk.charge()
    desk.unplug()
    desk.poll("1")
    assert desk.outlet().phase == "ending" and "Idle" not in desk.states()


def test_a_bounce_while_paused_comes_back_paused(desk):
    desk.charge()
    assert desk.request("session.pause", evse_id="1") is None
    desk.rest()
    desk.run(1)
    desk.bounce()
    desk.run(1)
    assert desk.outlet().phase == "paused" and not desk.devices["1"].pwm_on
