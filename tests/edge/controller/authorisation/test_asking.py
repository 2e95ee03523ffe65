"""A card that nobody here vouches for: the cloud's word, the site's policy, or no (decision 0032)."""

import msgspec
from core_desk import ANNA, BERT, Desk, plan
from restarts import restart

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.effects import AskCloud, NoteRefusal, RememberCard
from edge.controller.events import CardAnswered, CloudSeen
from edge.controller.idtoken import (
    IdToken,
    Level,
    Per,
    Quota,
    Role,
    Source,
    TokenRecord,
    TokenStatus,
    Window,
)

LENIENT = CardPolicy(unknown_offline=True, unknown_limit_wh=5_000, unknown_per_day=2)
UNTIL = "2026-12-24T00:00:00Z"


def site(cards: CardPolicy = CardPolicy(), *, online: bool = True, evses: int = 1) -> Desk:  # noqa: B008
    desk = Desk(plan(evses, cards=cards))
    cloud(desk, online=online)
    return desk


def cloud(desk: Desk, *, online: bool) -> None:
    desk.feed(CloudSeen(connected=online, last_ack_age_s=None, pending={}, answers_cards=online))


def answer(desk: Desk, record: TokenRecord | None = None, error: str = "", n: int = -1) -> None:
    asked = desk.effects(AskCloud)[n]
    desk.feed(CardAnswered(question_id=asked.question_id, record=record, error=error, until_utc=UNTIL))


def listed(desk: Desk, source: Source = Source.LIST, **record: object) -> None:
    """A tap of a card that has this record."""
    desk.tap(shown={"record": TokenRecord(token=ANNA, **record), "source": source})  # type: ignore[arg-type]


def remembered(desk: Desk) -> list[tuple[str, str | None]]:
    return [(e.record.status.value, e.until_utc) for e in desk.effects(RememberCard)]


def message(desk: Desk) -> str | None:
    return desk.outlet().message


def test_the_cloud_says_yes():
    desk = site()
    desk.plug()
    desk.tap(known=False)
    asked = desk.effects(AskCloud)[0]
    assert (asked.token, asked.evse_ids, asked.within_s) == (ANNA, ("1",), 3.0)
    assert message(desk) == "card_asking" and desk.outlet().phase == "awaiting_card"
    desk.run(1)
    answer(desk, TokenRecord(token=msgspec.structs.replace(ANNA, contract_id="SE-FCT-C1", sealed=""),
                             limit_wh=7_000))
    assert desk.outlet().phase == "ready" and message(desk) is None
    session = desk.outlet().session
    assert (session.source, session.limit_wh) == (Source.CLOUD, 7_000)
    row = desk.rows("tx.event.v1")[0]["idToken"]["customData"]
    assert (row["source"], row["contractId"], row["last4"]) == ("cloud", "SE-FCT-C1", ANNA.last4)
    assert remembered(desk) == [("Accepted", UNTIL)] and not desk.site.taps


def test_the_cloud_says_no_and_that_is_remembered_too():
    for record, status in ((None, "Unknown"),
                           (TokenRecord(token=ANNA, status=TokenStatus.BLOCKED), "Blocked")):
        desk = site(LENIENT)
        desk.plug()
        desk.tap(known=False)
        answer(desk, record)
        assert desk.outlet().phase == "awaiting_card" and message(desk) == "card_refused"
        assert remembered(desk) == [(status, UNTIL)] and desk.site.taps


def test_without_an_answer_the_policy_decides_and_nothing_is_remembered():
    for policy, phase in ((CardPolicy(), "awaiting_card"), (LENIENT, "ready")):
        for late in (True, False):
            desk = site(policy)
            desk.plug()
            desk.tap(known=False)
            if late:
                desk.run(3.2)
            else:
                answer(desk, error="no line")
            assert desk.outlet().phase == phase and not remembered(desk)


def test_a_late_answer_is_only_remembered():
    desk = site()
    desk.plug()
    desk.tap(known=False)
    desk.run(4)
    assert message(desk) == "card_refused"
    answer(desk, TokenRecord(token=ANNA))
    assert desk.outlet().phase == "awaiting_card" and remembered(desk) == [("Accepted", UNTIL)]


def test_an_answer_about_another_card_is_none():
    desk = site()
    desk.plug()
    desk.tap(known=False)
    answer(desk, TokenRecord(token=BERT))
    assert desk.outlet().phase == "awaiting_card" and not remembered(desk)


def test_shown_again_it_is_not_asked_again():
    desk = site()
    for _ in range(3):
        desk.tap(known=False)
    assert len(desk.effects(AskCloud)) == 1 and message(desk) == "card_asking"


def test_who_leaves_or_takes_it_back_is_forgotten():
    for leave in (lambda d: d.unplug(), lambda d: d.request("card.withdraw", evse_id="1")):
        desk = site()
        desk.plug()
        desk.tap(known=False)
        leave(desk)
        desk.run(0.3)
        assert not desk.site.questions and message(desk) is None
        answer(desk, TokenRecord(token=ANNA))
        desk.run(0.3)
        assert desk.outlet().session is None and not desk.site.cards and len(remembered(desk)) == 1


def test_a_card_without_a_plug_is_asked_about_and_then_waits_for_one():
    desk = site()
    desk.tap(known=False)
    answer(desk, TokenRecord(token=ANNA))
    desk.plug()
    assert desk.outlet().phase == "ready"


def test_no_more_are_asked_about_than_taps_are_free():
    desk = site(CardPolicy(bad_taps=3))
    for n in range(9):
        desk.tap(IdToken(ref=f"{n:032x}"), known=False)
    assert len(desk.effects(AskCloud)) == 3 and message(desk) == "card_try_later"


def test_a_card_that_the_list_refuses_is_asked_about_and_never_let_in_without_an_answer():
    for record in ({"status": TokenStatus.BLOCKED}, {"status": TokenStatus.EXPIRED},
                   {"expires_utc": "2026-01-01T00:00:00Z"}):
        for online, told in ((True, True), (True, False), (False, False)):
            desk = site(LENIENT, online=online)
            desk.plug()
            desk.tap(**record)
            assert bool(desk.effects(AskCloud)) is online
            if told:
                answer(desk, TokenRecord(token=ANNA))
            desk.run(4)
            assert (desk.outlet().session is not None) is told, (record, online)


def test_an_accepted_card_is_never_asked_about():
    for source in (Source.LIST, Source.CACHE):
        desk = site()
        desk.plug()
        desk.tap(shown={"source": source})
        assert desk.outlet().session.source is source and not desk.effects(AskCloud)


def test_what_is_let_in_unknown_is_bounded_and_flagged_and_kept_over_a_restart():
    desk = site(LENIENT, online=False, evses=3)
    for evse_id, name in (("1", "1"), ("2", "2")):
        desk.plug(evse_id)
        desk.tap(IdToken(ref=name * 32), known=False)
        session = desk.outlet(evse_id).session
        assert (session.source, session.limit_wh) == (Source.POLICY, 5_000)
        desk.run(4)
    assert desk.rows("tx.event.v1")[0]["idToken"]["customData"]["source"] == "policy"
    desk.plug("3")
    desk.tap(IdToken(ref="3" * 32), known=False)
    assert desk.outlet("3").session is None and "lately" in desk.effects(NoteRefusal)[-1].log
    for hours, may in ((1, False), (24, True)):
        restart(desk, away_s=hours * 3600)
        desk.run(1)
        desk.tap(IdToken(ref="4" * 32), known=False, evse_ids=("3",))
        assert (desk.outlet("3").session is not None) is may


def test_cards_that_wait_count_and_a_clock_that_is_not_sure_makes_no_day_pass():
    desk = site(LENIENT, online=False, evses=3)
    desk.clock_ok = False
    for name in "123":
        desk.tap(IdToken(ref=name * 32), known=False)
    assert len(desk.site.cards) == 2
    desk.plug("1")
    desk.plug("2")
    desk.run(1)
    desk.utc_ms += 10 * 86_400_000
    desk.plug("3")
    desk.tap(IdToken(ref="4" * 32), known=False)
    assert desk.outlet("3").session is None


def screens(**tap) -> list:
    """What everybody sees of a card from its tap on, without and with the cloud."""
    seen = []
    for online in (False, True):
        desk = site(online=online, evses=2)
        desk.plug()
        for _ in range(7):
            desk.tap(**tap)
            for _ in range(4):
                desk.run(1, step_s=0.5)
                seen.append([(o.message, o.phase, o.language) for o in desk.site.outlets.values()])
            if online and desk.site.questions:
                answer(desk, tap.get("said"))
    return seen


def test_unknown_and_blocked_cannot_be_told_apart_at_the_post():
    unknown = screens(known=False)
    assert any(message == "card_try_later" for row in unknown for message, *_ in row)
    for status in (TokenStatus.BLOCKED, TokenStatus.EXPIRED, TokenStatus.UNKNOWN):
        for source in (Source.LIST, Source.CACHE, Source.OWN):
            assert screens(status=status, shown={"source": source}) == unknown


def test_a_card_of_the_cloud_that_should_prove_itself_here_cannot():
    desk = site()
    desk.plug()
    desk.tap(known=False)
    answer(desk, TokenRecord(token=ANNA, min_level=Level.MUTUAL))
    assert desk.outlet().phase == "awaiting_card" and message(desk) == "card_copy"


def test_what_was_blocked_by_hand_stays_blocked_whatever_the_cloud_would_say():
    for status in (TokenStatus.BLOCKED, TokenStatus.EXPIRED):
        desk = site(LENIENT)
        desk.plug()
        desk.tap(status=status, shown={"source": Source.OWN})
        assert message(desk) == "card_asking", "as with one that nobody knows"
        answer(desk, TokenRecord(token=ANNA))
        assert message(desk) == "card_refused" and desk.outlet().phase == "awaiting_card"
        assert desk.effects(NoteRefusal)[-1].log == f"entered here as {status}"


def test_a_card_entered_by_hand_whose_time_is_over_is_told_so_and_not_asked_about():
    desk = site()
    desk.plug()
    desk.tap(expires_utc="2020-01-01T00:00:00Z", shown={"source": Source.OWN})
    assert not desk.effects(AskCloud) and message(desk) == "card_expired"


def test_the_clouds_yes_takes_back_nothing_that_the_list_says_besides():
    """An answer has no word for what a card is for, how it proves itself, and what it may take."""
    quotas, hours = (Quota(per=Per.DAY, energy_wh=1),), (Window(days=(1,), from_min=0, until_min=1),)
    for old in ({"status": TokenStatus.BLOCKED}, {"expires_utc": "2026-01-01T00:00:00Z"}):
        for limit, refusal in (({"role": Role.MASTER}, "card_stops_only"),
                               ({"windows": hours}, "card_not_now"),
                               ({"evse_ids": ("2",)}, "card_not_here"),
                               ({"evse_groups": ("staff",)}, "card_not_here")):
            desk = site()
            desk.plug()
            listed(desk, **old, **limit)
            answer(desk, TokenRecord(token=ANNA))
            assert desk.outlet().session is None and message(desk) == refusal, (old, limit)
        desk = site()
        desk.plug()
        desk.tap(**old, quotas=quotas, user_ref="u", concurrent=1, limit_wh=500, group_ref="family")
        answer(desk, TokenRecord(token=ANNA, group_ref="fleet"))
        session = desk.outlet().session
        assert (session.quotas, session.account, session.limit_wh) == (quotas, "u:u", 500)
        assert session.group_ref == "fleet"


def test_what_the_cloud_said_earlier_is_replaced_by_what_it_says_now():
    desk = site()
    desk.plug()
    listed(desk, source=Source.CACHE, status=TokenStatus.BLOCKED, evse_ids=("2",))
    answer(desk, TokenRecord(token=ANNA))
    assert desk.outlet().session is not None


def test_a_card_that_is_refused_by_now_waits_for_no_plug_and_no_choice():
    for cars in ((), ("1", "2")):
        for said in ({"status": TokenStatus.BLOCKED}, {"expires_utc": "2020-01-01T00:00:00Z"},
                     {"known": False}):
            desk = site(online=False, evses=2)
            for evse_id in cars:
                desk.plug(evse_id)
            desk.tap()
            assert len(desk.site.choices) == bool(cars) and len(desk.site.cards) == (not cars)
            desk.run(4)
            desk.tap(**said)
            assert not desk.site.cards, said
            assert not desk.site.choices or "expires_utc" in said, "that is told when it is settled"
            if not cars:
                desk.plug()
            desk.run(20)
            assert all(o.session is None for o in desk.site.outlets.values())


def test_a_card_that_somebody_here_vouches_for_by_now_is_no_longer_asked_about():
    desk = site(CardPolicy(online_s=10))
    desk.tap(known=False)
    desk.tap()
    assert not desk.site.questions and len(desk.site.cards) == 1
    desk.run(4)
    answer(desk, TokenRecord(token=ANNA))
    assert len(desk.site.cards) == 1, "the late word takes nothing back"


def test_what_the_cloud_says_of_a_card_that_proved_itself_is_not_said_of_its_number():
    for late in (False, True):
        desk = site()
        desk.plug()
        proven = msgspec.structs.replace(ANNA, level=Level.CERTIFICATE)
        desk.tap(proven, known=False, level=Level.CERTIFICATE)
        if late:
            desk.run(4)
        answer(desk, TokenRecord(token=proven))
        assert late or desk.outlet().phase == "ready"
        assert desk.effects(RememberCard)[-1].record.min_level is Level.CERTIFICATE


def test_a_question_is_about_the_least_that_was_shown_of_a_card_meanwhile():
    """A copy is shown at another reader while the cloud is asked about the card."""
    desk = site(CardPolicy(min_level=Level.CERTIFICATE), evses=2)
    desk.plug("2")
    desk.tap(known=False, level=Level.CERTIFICATE, evse_ids=("1",))
    desk.tap(known=False, evse_ids=("2",))
    answer(desk, TokenRecord(token=ANNA))
    assert desk.outlet("2").phase == "awaiting_card" and desk.outlet("2").message == "card_refused"
