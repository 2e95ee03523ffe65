"""Out of service, refused cards, withdrawn cards, credit, reasons: who may begin and who must end."""

import msgspec
import pytest
from core_desk import ANNA, BERT, Desk, plan
from restarts import restart

from edge.controller.effects import AnswerRequest, CloseContactor, OfferCurrent
from edge.controller.events import AvailabilityRestored, GrantPassed, RequestReceived
from edge.controller.idtoken import TokenRecord
from edge.controller.pilot import BoardFault
from edge.controller.request import Origin, Request
from edge.controller.requests import STOPS
from edge.controller.session import StopReason
from edge.controller.site import Timers
from edge.controller.wear import ContactorWear


def statuses(desk: Desk) -> list[str]:
    return [r["connectorStatus"] for r in desk.rows("ev.status.v1")
            if r["customData"]["evseId"] == "1"]


def ended(desk: Desk) -> tuple[str, str]:
    row = desk.rows("tx.event.v1")[-1]
    assert row["eventType"] == "Ended"
    return row["transactionInfo"]["stoppedReason"], row["triggerReason"]


def test_an_idle_evse_is_out_of_service_at_once_and_back(desk):
    assert desk.request("availability.set", evse_id="1", operational=False) is None
    assert desk.outlet().status == "Unavailable" and desk.kept["available:1"] == b"false"
    desk.plug()
    desk.tap(evse_ids=("1",))
    assert desk.outlet().message == "card_out_of_order" and desk.outlet().phase == "awaiting_card"
    desk.run(5)
    assert not desk.effects(OfferCurrent)
    desk.request("availability.set", evse_id="1", operational=True)
    assert "available:1" not in desk.kept and desk.outlet().status == "Occupied"
    desk.tap(evse_ids=("1",))
    assert desk.outlet().phase == "ready"


def test_a_card_that_waits_is_not_let_in(desk):
    desk.tap(evse_ids=("1",))
    desk.request("availability.set", evse_id="1", operational=False)
    desk.plug()
    desk.run(2)
    assert desk.outlet().phase == "awaiting_card" and desk.outlet().status == "Unavailable"


def test_a_session_goes_on_to_its_end_and_then_it_is_out_of_service(desk):
    desk.charge()
    desk.log.clear()
    desk.request("availability.set", evse_id="1", operational=False)
    desk.run(5)
    assert desk.outlet().phase == "charging" and statuses(desk) == []
    desk.tap()
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished", 5)
    desk.run(0.2)
    assert statuses(desk) == ["Unavailable"]


def test_it_is_still_out_of_service_after_a_restart(desk):
    desk.request("availability.set", evse_id="1", operational=False)
    restart(desk)
    desk.feed(AvailabilityRestored(evse_id="1", operational=False))
    desk.run(1)
    assert desk.outlet().status == "Unavailable"


@pytest.mark.parametrize("args", [{}, {"evse_id": "9", "operational": False},
                                  {"evse_id": "1", "operational": "no"}])
def test_what_says_nothing_of_service_is_refused(desk, args):
    assert "expected" in desk.request("availability.set", **args)
    assert desk.outlet().operational


@pytest.mark.parametrize("bit", [BoardFault.RCD, BoardFault.PROXIMITY])
def test_a_faulted_outlet_refuses_the_card_and_forgets_it(desk, bit):
    desk.devices["1"].faults = (bit,)
    desk.plug()
    assert desk.outlet().status == "Faulted"
    desk.tap(evse_ids=("1",))
    assert desk.outlet().message == "card_out_of_order"
    assert desk.outlet().card is None and not desk.site.cards


def test_without_a_card_in_time_the_outlet_refuses_until_it_is_plugged_anew():
    desk = Desk(plan(1, timers=Timers(auth_timeout_s=90)))
    desk.plug()
    desk.run(88)
    assert not desk.codes()
    desk.run(3)
    assert desk.codes() == {"F307"}
    desk.tap()
    assert desk.outlet().message == "card_unplug_first" and desk.outlet().card is None
    desk.run(2)
    desk.unplug()
    desk.run(0.5)
    assert not desk.codes() and desk.outlet().phase == "vacant"
    desk.plug()
    desk.tap()
    assert desk.outlet().phase == "ready"
    desk.run(100)
    assert not desk.codes(), "a session is no missing card"


def test_a_card_is_withdrawn_before_a_session_and_not_in_one(desk):
    assert desk.request("card.withdraw", evse_id="1") == "evse 1: no card waits"
    desk.tap(evse_ids=("1",))
    assert desk.request("card.withdraw", evse_id="1") is None
    desk.plug()
    desk.run(1)
    assert desk.outlet().phase == "awaiting_card"
    desk.tap(evse_ids=("1",))
    assert desk.request("card.withdraw", evse_id="1") == "evse 1: a session runs"
    assert desk.outlet().phase == "ready"


def test_a_grant_that_comes_after_the_cancelling_is_nothing(desk):
    desk.plug()
    desk.tap(evse_ids=("1",))
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.grants = False
    desk.ask()
    desk.until(lambda: bool(desk.effects(CloseContactor)), 3)
    desk.request("session.stop", evse_id="1")
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished", 10)
    before = desk.outlet()
    desk.feed(GrantPassed(evse_id="1"))
    assert desk.outlet() == before and not desk.outlet().relay_on


def test_a_card_whose_energy_is_used_up_ends_its_session_in_order(desk):
    desk.plug()
    desk.tap(limit_wh=500)
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    desk.devices["1"].wh += 499
    desk.run(2)
    assert desk.outlet().phase == "charging"
    desk.devices["1"].wh += 1
    desk.run(1.1)
    assert desk.outlet().phase == "stopping"
    desk.until(lambda: desk.outlet().phase == "finished", 10)
    assert ended(desk) == ("EnergyLimitReached", "EnergyLimitReached")


@pytest.mark.parametrize(("origin", "args", "reason", "trigger"), [
    (Origin.UI, {}, "Local", "StopAuthorized"),
    (Origin.SERVICE, {}, "Local", "StopAuthorized"),
    (Origin.SYNC, {}, "Remote", "RemoteStop"),
    *((Origin.SYNC, {"reason": str(s.reason)}, str(s.reason), s.trigger) for s in STOPS)])
def test_a_stop_has_the_reason_that_it_is_given(desk, origin, args, reason, trigger):
    desk.charge()
    assert desk.request("session.stop", origin, evse_id="1", **args) is None
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished", 5)
    assert ended(desk) == (reason, trigger)


@pytest.mark.parametrize("reason", ["PowerLoss", "EVDisconnected", "", 5, None])
def test_nobody_gives_a_reason_that_only_we_can_know(desk, reason):
    desk.charge()
    assert desk.request("session.stop", evse_id="1", reason=reason).startswith("reason: got")
    assert desk.outlet().phase == "charging"
    assert not {s.reason for s in STOPS} & {StopReason.POWER_LOSS, StopReason.EV_DISCONNECTED}


def test_a_new_contactor_begins_at_nothing_and_only_a_technician_says_so(desk):
    desk.charge()
    refusal = desk.request("contactor.replaced", evse_id="1")
    assert refusal == "evse 1: the contactor is not open"
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished", 5)
    assert desk.outlet().wear.cycles == 1
    assert "technician" in desk.request("contactor.replaced", Origin.SYNC, evse_id="1")
    assert desk.outlet().wear.cycles == 1
    assert desk.request("contactor.replaced", evse_id="1") is None
    assert desk.outlet().wear == ContactorWear(evse_id="1")


def test_where_one_of_two_is_out_of_order_the_card_serves_the_other(desk):
    desk.devices["1"].faults = (BoardFault.RCD,)
    desk.plug("1")
    desk.plug("2")
    desk.tap()
    assert (desk.outlet("1").phase, desk.outlet("2").phase) == ("awaiting_card", "ready")


def test_each_connector_status_is_told_once(desk):
    desk.charge()
    desk.devices["1"].faults = (BoardFault.TEMPERATURE,)
    desk.run(1)
    desk.devices["1"].faults = ()
    desk.run(1)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "vacant", 20)
    desk.run(0.2)
    assert statuses(desk)[-4:] == ["Occupied", "Faulted", "Occupied", "Available"]


def test_cards_of_others_are_not_withdrawn_with_it(desk):
    desk.tap(ANNA, evse_ids=("1",))
    desk.tap(BERT, evse_ids=("2",))
    desk.request("card.withdraw", evse_id="1")
    assert [c.record for c in desk.site.cards] == [TokenRecord(token=BERT)]


@pytest.mark.parametrize(("expires_utc", "good"), [
    ("2026-11-21T09:57:00.000Z", True), ("2026-11-21T09:56:00.000Z", False),
    ("2026-11-21T11:56:00+02:00", False), ("2026-11-21T08:57:00-01:00", True), ("soon", False)])
def test_a_request_that_expired_in_whatever_zone_is_refused(desk, expires_utc, good):
    answers = [e for e in desk.feed(RequestReceived(request=Request(
        id="r", origin=Origin.SYNC, action="availability.set", expires_utc=expires_utc,
        args={"evse_id": msgspec.Raw(b'"1"'), "operational": msgspec.Raw(b"false")})))
        if isinstance(e, AnswerRequest)]
    assert (answers[0].refusal is None) is good and desk.outlet().operational is not good
