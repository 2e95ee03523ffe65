"""Cards: who may start and stop, where, and what he is told."""

import pytest
from core_desk import ANNA, BERT, Desk, plan

from edge.controller.idtoken import Level, TokenStatus


@pytest.mark.parametrize(("tap", "message"), [
    ({"known": False}, "card_unknown"),
    ({"status": TokenStatus.BLOCKED}, "card_refused"),
    ({"status": TokenStatus.EXPIRED}, "card_refused"),
    ({"min_level": Level.MUTUAL}, "card_refused"),
    ({"expires_utc": "2026-01-01T00:00:00.000Z"}, "card_refused"),
])
def test_who_may_not_charge_is_told_so_and_starts_nothing(desk, tap, message):
    desk.plug()
    desk.tap(**tap)
    assert desk.outlet().message == message and desk.outlet().phase == "awaiting_card"
    desk.run(6)
    assert desk.outlet().message is None


def test_a_downgrade_is_a_security_event(desk):
    desk.tap(min_level=Level.MUTUAL)
    assert desk.rows("ev.security.v1")[0]["type"] == "TokenDowngrade"


def test_an_expiry_cannot_be_judged_by_a_clock_that_is_not_trusted(desk):
    desk.clock_ok = False
    desk.plug()
    desk.tap(expires_utc="2099-01-01T00:00:00.000Z")
    assert desk.outlet().message == "card_refused"


def test_a_card_without_a_plug_is_forgotten_after_its_time(desk):
    desk.tap()
    assert len(desk.site.cards) == 1
    desk.run(61)
    assert not desk.site.cards
    desk.plug()
    assert desk.outlet().phase == "awaiting_card"


def test_a_card_shown_twice_without_a_plug_is_taken_back(desk):
    desk.tap()
    desk.tap()
    assert not desk.site.cards


def test_one_reader_two_bays_the_earliest_plug_gets_the_card(desk):
    desk.plug("2")
    desk.plug("1")
    desk.tap()
    assert (desk.outlet("2").phase, desk.outlet("1").phase) == ("ready", "awaiting_card")
    desk.tap(BERT)
    assert desk.outlet("1").session.token.ref == BERT.ref


def test_a_card_for_one_bay_opens_no_other(desk):
    desk.plug("1")
    desk.present(ANNA, allowed=("2",))
    assert desk.outlet("1").phase == "awaiting_card"
    desk.plug("2")
    assert desk.outlet("2").phase == "ready"


def test_a_card_in_use_cannot_start_a_second_session(desk):
    desk.charge("1")
    desk.plug("2")
    desk.run(4)
    desk.tap(ANNA, evse_ids=("2",))
    assert desk.outlet("2").message == "card_busy" and desk.outlet("2").phase == "awaiting_card"


def test_a_strangers_card_does_not_stop_a_session(desk):
    desk.charge("1")
    desk.run(4)
    desk.tap(BERT, evse_ids=("1",))
    assert desk.outlet("1").phase == "charging" and desk.outlet("1").message == "card_busy"


def test_a_card_of_the_same_group_stops(desk):
    desk.plug()
    desk.tap(ANNA, group_ref="family")
    desk.run(4)
    desk.tap(BERT, group_ref="family")
    desk.run(0.1)
    assert desk.outlet().phase in ("ending", "finished")


def test_a_card_held_to_the_reader_does_not_start_and_stop(desk):
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.tap()
    assert desk.outlet().phase == "ready" and desk.outlet().message == "card_too_soon"


def test_where_everything_is_taken_the_card_is_told():
    desk = Desk(plan(1))
    desk.charge("1")
    desk.tap(BERT)
    assert desk.outlet().message == "card_busy" and not desk.site.cards
