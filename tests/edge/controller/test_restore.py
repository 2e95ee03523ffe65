"""After a restart each session that was open is resumed or closed, exactly once."""

import msgspec
import pytest
from core_desk import Desk, plan
from restarts import restart

from edge.controller.effects import CloseContactor, OpenContactor, PriceSession
from edge.controller.events import BoardLost, SessionRestored
from edge.controller.site import Timers


def stops(desk: Desk) -> list[str | None]:
    return [r["transactionInfo"].get("stoppedReason") for r in desk.rows("tx.event.v1")
            if r["eventType"] == "Ended"]


def test_a_charging_session_goes_on_and_the_coil_does_not_move(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    restart(desk)
    desk.run(3)
    assert desk.outlet().phase == "charging"
    assert desk.outlet().session.transaction_id == transaction
    assert not desk.effects(OpenContactor) and not desk.effects(CloseContactor)
    desk.devices["1"].wh = 9_000
    desk.run(2)
    desk.tap()
    desk.rest()
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert desk.effects(PriceSession)[-1].session.energy_wh == 8_000
    assert stops(desk) == ["Local"] and not desk.sessions


@pytest.mark.parametrize(("changes", "why"), [
    ({"boot_count": 2}, "the board lost its supply"), ({"plug_seq": 7}, "it is another car")])
def test_what_is_not_surely_the_same_car_ends_with_power_loss(desk, changes, why):
    desk.charge()
    for name, value in changes.items():
        setattr(desk.devices["1"], name, value)
    restart(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert stops(desk) == ["PowerLoss"], why
    assert not desk.devices["1"].relay and not desk.sessions


def test_a_car_that_left_meanwhile_ends_the_session_once(desk):
    desk.charge()
    desk.unplug()
    desk.devices["1"].permit = False
    restart(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    desk.run(5)
    assert stops(desk) == ["PowerLoss"] and len(desk.rows("tx.cdr.v1")) == 1
    restart(desk)
    desk.run(5)
    assert not stops(desk), "closed exactly once"


def test_a_session_whose_permit_fell_meanwhile_closes_anew_in_the_same_transaction(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    desk.devices["1"].permit = False
    restart(desk)
    desk.until(lambda: desk.outlet().phase == "charging")
    assert desk.outlet().session.transaction_id == transaction
    assert desk.effects(OpenContactor) and desk.effects(CloseContactor)


def test_a_stop_under_way_keeps_its_reason_and_a_price_that_was_due_is_made_up(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.run(0.2)
    assert desk.outlet().phase == "ending"
    restart(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert stops(desk) == ["Local"]


def test_an_ended_session_without_its_price_is_priced(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished")
    session = desk.effects(PriceSession)[-1].session
    desk.sessions[session.transaction_id] = session
    restart(desk)
    assert desk.rows("tx.cdr.v1") and not stops(desk) and not desk.sessions


def test_while_the_board_is_silent_the_session_waits_and_the_relay_is_dropped(desk):
    desk.charge()
    desk.devices["1"].board_answers = False
    restart(desk)
    desk.feed(BoardLost(evse_id="1", error="no answer", relay_on=True, pi_mirror_closed=True))
    assert desk.effects(OpenContactor), "unknown means open"
    desk.run(5)
    assert not stops(desk)
    desk.devices["1"].board_answers = True
    desk.until(lambda: desk.outlet().session is not None)


def test_a_site_that_lost_an_evse_keeps_its_session_for_a_technician():
    desk = Desk(plan(1))
    desk.charge()
    session = desk.outlet().session
    other = Desk(plan(1))
    other.feed(SessionRestored(session=msgspec.structs.replace(session, evse_id="gone")))
    assert other.outlet().session is None and not other.rows("tx.cdr.v1")


@pytest.mark.parametrize("rests", [True, False])
def test_a_stop_that_was_asked_for_is_not_forgotten_by_a_restart(desk, rests):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.run(1)
    assert desk.outlet().phase == "stopping"
    if rests:
        desk.devices["1"].permit = False
        desk.rest()
    restart(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert stops(desk) == ["Local"] and not desk.effects(CloseContactor)


def test_an_end_that_was_known_is_not_moved_by_a_long_power_cut(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.run(0.3)
    ended = desk.outlet().session.ended
    restart(desk, away_s=7_200)
    desk.until(lambda: bool(desk.effects(PriceSession)))
    assert desk.effects(PriceSession)[-1].session.ended == ended


def test_nobody_pays_for_the_time_of_a_power_cut(desk):
    desk.charge()
    desk.run(4)
    last_seen_ns = desk.now_ns
    desk.devices["1"].boot_count += 1
    restart(desk, away_s=7_200)
    desk.until(lambda: bool(desk.effects(PriceSession)))
    session = desk.effects(PriceSession)[-1].session
    assert session.ended.mono_ns <= last_seen_ns
    assert session.ended.mono_ns >= session.periods[-1].start.mono_ns


@pytest.mark.parametrize("clock_ok", [True, False])
def test_a_board_that_never_answers_again_does_not_hold_the_end_and_the_card_up(clock_ok):
    desk = Desk(plan(timers=Timers(resume_s=60)))
    desk.charge()
    desk.clock_ok = clock_ok
    desk.devices["1"].board_answers = False
    restart(desk)
    desk.run(55)
    assert not stops(desk)
    desk.run(40)
    assert stops(desk) == ["PowerLoss"] and not desk.sessions
    desk.plug("2")
    desk.tap(evse_ids=("2",))
    assert desk.outlet("2").phase == "ready"
    desk.devices["1"].board_answers = True
    desk.run(5)
    assert len(stops(desk)) == 1 and not desk.effects(CloseContactor)


@pytest.mark.parametrize(("reason", "trigger"), [
    ("Remote", "RemoteStop"), ("DeAuthorized", "Deauthorized"), ("Local", "StopAuthorized")])
def test_a_stop_under_way_keeps_its_trigger(desk, reason, trigger):
    desk.charge()
    desk.request("session.stop", evse_id="1", reason=reason)
    restart(desk)
    desk.run(30)
    ends = [r for r in desk.rows("tx.event.v1") if r["eventType"] == "Ended"]
    assert [(r["transactionInfo"]["stoppedReason"], r["triggerReason"]) for r in ends] == [
        (reason, trigger)]


def test_a_restart_does_not_cut_the_minimum_off_time_short(desk):
    desk.charge()
    desk.rest()
    desk.run(0.3)
    restart(desk)
    desk.ask()
    desk.devices["1"].pwm_on, desk.devices["1"].offered_a = True, 16.0
    desk.run(4.5)
    assert not desk.effects(CloseContactor)
    desk.until(lambda: desk.outlet().phase == "charging", 10)
