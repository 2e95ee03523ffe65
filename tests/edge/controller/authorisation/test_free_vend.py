"""A site where a plug is enough."""

import msgspec
from core_desk import ANNA, Desk, plan

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.effects import PriceSession
from edge.controller.idtoken import NOBODY, Source
from edge.controller.request import Origin

FREE = CardPolicy(free_vend=True)


def test_a_plug_is_enough_at_as_many_outlets_as_there_are():
    desk = Desk(plan(3, cards=FREE))
    for evse_id in desk.devices:
        desk.plug(evse_id)
        session = desk.outlet(evse_id).session
        assert (session.token, session.source) == (NOBODY, Source.FREE_VEND)
    token = desk.rows("tx.event.v1")[0]["idToken"]
    assert (token["type"], token["idToken"]) == ("NoAuthorization", "")
    assert token["customData"]["source"] == "free_vend"


def test_it_is_charged_ended_and_priced_like_any_other_and_does_not_begin_again():
    desk = Desk(plan(1, cards=FREE))
    desk.plug()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    assert desk.request("session.stop", Origin.UI, evse_id="1") is None
    desk.until(lambda: desk.outlet().phase == "finished")
    desk.run(30)
    assert desk.outlet().phase == "finished" and len(desk.effects(PriceSession)) == 1
    desk.unplug()
    desk.run(0.5)
    desk.plug()
    assert desk.outlet().session is not None


def test_no_card_ends_what_is_nobodys_but_a_masters():
    desk = Desk(plan(1, cards=FREE))
    desk.plug()
    desk.run(4)
    desk.tap()
    desk.tap(msgspec.structs.replace(NOBODY), known=False)
    desk.run(0.3)
    assert desk.outlet().session.stop_reason is None
    desk.tap(role="master")
    desk.run(0.3)
    assert desk.outlet().session is None or desk.outlet().session.stop_reason is not None


def test_a_card_before_the_plug_is_billed():
    desk = Desk(plan(1, cards=FREE))
    desk.tap()
    desk.plug()
    assert desk.outlet().session.token.ref == ANNA.ref


def test_an_outlet_out_of_service_or_reserved_serves_nobody():
    desk = Desk(plan(2, cards=FREE))
    desk.request("availability.set", evse_id="1", operational=False)
    assert desk.request("reservation.set", id="r", evse_id="2", token_ref=ANNA.ref,
                        until_utc="2026-11-21T12:00:00Z") is None
    for evse_id in desk.devices:
        desk.plug(evse_id)
        assert desk.outlet(evse_id).session is None
    desk.tap(evse_ids=("2",))
    assert desk.outlet("2").session.token.ref == ANNA.ref
