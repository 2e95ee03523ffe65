"""One reader for many outlets: which one a card is for (decision 0031)."""

from core_desk import ANNA, BERT, CARL, Desk, plan

from edge.controller.authorisation.card_policy import CardPolicy, Choosing
from edge.controller.effects import TellReader
from edge.controller.idtoken import IdToken, Role
from edge.controller.request import Origin

OLDEST = CardPolicy(choosing=Choosing.OLDEST)


def two_waiting(cards: CardPolicy = CardPolicy()) -> Desk:  # noqa: B008 (a value)
    """The car at 2 came first."""
    desk = Desk(plan(3, cards=cards))
    desk.plug("2")
    desk.plug("1")
    return desk


def phases(desk: Desk) -> list[str]:
    return [desk.outlet(e).phase.value for e in ("1", "2")]


def chosen(desk: Desk, evse_id: str) -> str | None:
    (choice,) = desk.site.choices.values()
    return desk.request("card.choose", Origin.UI, choice_id=choice.id, evse_id=evse_id)


def test_where_nobody_is_asked_the_car_that_has_waited_longest_gets_the_card():
    desk = two_waiting(OLDEST)
    desk.tap()
    assert phases(desk) == ["awaiting_card", "ready"]
    desk.tap(BERT)
    assert desk.outlet("1").session.token.ref == BERT.ref


def test_with_one_car_waiting_nobody_is_asked():
    desk = Desk(plan(3))
    desk.plug("2")
    desk.tap()
    assert desk.outlet("2").phase == "ready" and not desk.site.choices


def test_the_screen_asks_and_the_answer_counts():
    desk = two_waiting()
    desk.tap()
    (choice,) = desk.site.choices.values()
    assert choice.evse_ids == ("2", "1") and phases(desk) == ["awaiting_card"] * 2
    assert desk.effects(TellReader)[-1].accepted
    assert "expected one of 2, 1" in chosen(desk, "3")
    assert chosen(desk, "1") is None
    assert phases(desk) == ["ready", "awaiting_card"] and not desk.site.choices
    refusal = desk.request("card.choose", Origin.UI, choice_id=choice.id, evse_id="2")
    assert choice.id in refusal, "it is asked no more"


def test_without_an_answer_the_car_that_has_waited_longest_gets_the_card():
    desk = two_waiting()
    desk.tap()
    desk.run(14)
    assert phases(desk) == ["awaiting_card"] * 2
    desk.run(2)
    assert phases(desk) == ["awaiting_card", "ready"]


def test_shown_again_it_is_still_the_same_question():
    desk = two_waiting()
    desk.tap()
    desk.run(5)
    desk.tap()
    assert len(desk.site.choices) == 1
    desk.run(10.5)
    assert phases(desk) == ["awaiting_card", "ready"]


def test_when_one_car_leaves_the_other_one_was_meant():
    desk = two_waiting()
    desk.tap()
    desk.unplug("2")
    desk.run(0.3)
    assert desk.outlet("1").phase == "ready" and not desk.site.choices


def test_when_both_leave_nobody_was():
    desk = two_waiting()
    desk.tap()
    for evse_id in ("1", "2"):
        desk.unplug(evse_id)
        desk.poll(evse_id)
    desk.run(0.3)
    assert not desk.site.choices and not desk.site.cards
    assert desk.outlet("1").phase == desk.outlet("2").phase == "vacant"


def test_two_drivers_are_asked_and_each_gets_a_car():
    desk = two_waiting()
    desk.tap(ANNA)
    desk.tap(BERT)
    anna = next(iter(desk.site.choices.values()))
    assert desk.request("card.choose", Origin.UI, choice_id=anna.id, evse_id="2") is None
    desk.run(0.3)
    assert desk.outlet("2").session.token.ref == ANNA.ref
    assert desk.outlet("1").session.token.ref == BERT.ref


def test_a_technician_can_take_it_back():
    desk = two_waiting()
    desk.tap()
    assert desk.request("card.withdraw", evse_id="1") is None
    desk.run(16)
    assert not desk.site.choices and phases(desk) == ["awaiting_card"] * 2


def test_what_is_refused_by_the_time_it_is_chosen_starts_nothing():
    desk = two_waiting()
    desk.tap(expires_utc="2026-11-21T09:56:50.000Z")
    desk.run(11)
    assert chosen(desk, "1") is None
    assert phases(desk) == ["awaiting_card"] * 2 and desk.outlet("1").message == "card_expired"


def sessions_of_a_family() -> Desk:
    """Anna's and Bert's; Bert's began first."""
    desk = Desk(plan(3))
    for evse_id, token in (("2", BERT), ("1", ANNA)):
        desk.plug(evse_id)
        desk.tap(token, group_ref="family")
        desk.run(4)
    return desk


def stopping(desk: Desk) -> list[bool]:
    desk.run(0.3)
    return [desk.outlet(e).session is None or desk.outlet(e).session.stop_reason is not None
            for e in ("1", "2")]


def test_its_own_session_first():
    desk = sessions_of_a_family()
    desk.tap(ANNA, group_ref="family")
    assert stopping(desk) == [True, False]


def test_then_a_car_that_waits():
    desk = sessions_of_a_family()
    desk.plug("3")
    desk.tap(CARL, group_ref="family")
    assert stopping(desk) == [False, False] and desk.outlet("3").session.token.ref == CARL.ref


def test_then_a_session_of_its_group_and_which_one_is_asked():
    for answer in ("1", "2", None):
        desk = sessions_of_a_family()
        desk.tap(CARL, group_ref="family")
        assert stopping(desk) == [False, False]
        (choice,) = desk.site.choices.values()
        assert choice.stops and choice.evse_ids == ("2", "1")
        if answer is None:
            desk.run(16)
        else:
            assert chosen(desk, answer) is None
        assert stopping(desk) == [answer == "1", answer == "2"] and not desk.site.choices


def test_no_session_ends_in_place_of_one_that_ended_by_itself():
    desk = sessions_of_a_family()
    desk.tap(CARL, role=Role.MASTER)
    desk.unplug("2")
    desk.run(20)
    assert not desk.site.choices and stopping(desk) == [False, True]


def test_a_car_that_waits_is_meant_and_not_one_whose_session_is_over():
    desk = Desk(plan(3))
    desk.charge("1", BERT)
    desk.run(4)
    desk.tap(BERT)
    desk.until(lambda: desk.outlet("1").phase == "finished")
    desk.run(4)
    desk.plug("2")
    desk.tap()
    assert desk.outlet("2").session.token.ref == ANNA.ref and not desk.site.choices


def test_a_reserved_car_is_meant_without_a_question():
    desk = Desk(plan(3))
    assert desk.request("reservation.set", id="r", evse_id="1", token_ref=ANNA.ref,
                        until_utc="2026-11-21T12:00:00Z") is None
    desk.plug("2")
    desk.plug("1")
    desk.tap()
    assert phases(desk) == ["ready", "awaiting_card"]


def over(token: IdToken, evses: int = 2) -> Desk:
    """The car at 1 was charged with this card and still stands there."""
    desk = Desk(plan(evses))
    desk.charge("1", token)
    desk.run(4)
    desk.tap(token)
    desk.until(lambda: desk.outlet("1").phase == "finished")
    desk.run(4)
    return desk


def test_a_card_before_the_plug_starts_no_strangers_car_whose_session_is_over():
    desk = over(BERT)
    desk.tap()
    assert desk.outlet("1").card is None and len(desk.site.cards) == 1
    desk.plug("2")
    assert desk.outlet("2").session.token.ref == ANNA.ref and desk.outlet("1").session is None


def test_it_ends_its_own_or_its_groups_session_rather_than_to_start_such_a_car():
    for card in ({"role": Role.FLEET}, {"concurrent": 2}, {"group_ref": "family"}):
        desk = over(BERT)
        desk.plug("2")
        desk.tap(CARL if "group_ref" in card else ANNA, **card)
        desk.run(4)
        desk.tap(**card)
        desk.run(0.3)
        assert desk.outlet("1").session is None, card
        assert desk.outlet("2").session is None or desk.outlet("2").session.stop_reason == "Local", card


def test_its_own_car_charges_again_and_where_no_bay_is_free_anybodys_does():
    for evses, token, role, again in ((2, BERT, Role.DRIVER, True), (1, BERT, Role.FLEET, True),
                                      (1, ANNA, Role.DRIVER, True), (2, BERT, Role.FLEET, False),
                                      (2, ANNA, Role.DRIVER, False)):
        desk = over(BERT, evses)
        desk.tap(token, role=role)
        desk.run(0.3)
        assert (desk.outlet("1").session is not None) is again, (evses, token.last4, role)
        assert len(desk.site.cards) == (not again)
    desk = over(BERT)
    desk.tap()
    desk.bounce("1", away_s=6)
    assert desk.outlet("1").session.token.ref == ANNA.ref, "plugged in anew it is a car like any other"


def test_what_is_known_of_a_card_by_now_counts_when_its_choice_is_settled():
    desk = two_waiting()
    desk.tap()
    desk.tap(expires_utc="2020-01-01T00:00:00Z")
    assert chosen(desk, "1") is None
    desk.run(0.3)
    assert desk.outlet("1").session is None and desk.outlet("1").message == "card_expired"
