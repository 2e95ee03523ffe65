"""Cards: who may start and stop, where, and what he is told."""

import msgspec
import pytest
from core_desk import ANNA, BERT, Desk, plan
from looped import looped

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.authorisation.cards import may_stop
from edge.controller.effects import NoteRefusal, TellReader
from edge.controller.events import CardPresented
from edge.controller.idtoken import Level, Role, TokenRecord, TokenStatus, Unproven


def note(desk) -> tuple[str, bool]:
    """What the driver and the reader were told last."""
    return desk.outlet().message, desk.effects(TellReader)[-1].accepted


def security(desk) -> list[str]:
    return [row["type"] for row in desk.rows("ev.security.v1")]


def ends(desk, evse_id="1") -> bool:
    desk.run(0.2)
    return desk.outlet(evse_id).phase in ("stopping", "ending", "finished")


@looped("case", [
    ({"known": False}, "card_refused"),
    ({"status": TokenStatus.BLOCKED}, "card_refused"),
    ({"status": TokenStatus.EXPIRED}, "card_refused"),
    ({"status": TokenStatus.UNKNOWN}, "card_refused"),
    ({"min_level": Level.MUTUAL}, "card_copy"),
    ({"expires_utc": "2026-01-01T00:00:00.000Z"}, "card_expired"),
    ({"shown": {"random": True}}, "card_random"),
    ({"shown": {"unproven": Unproven.TORN}}, "card_again"),
    ({"shown": {"unproven": Unproven.WRONG}}, "card_copy"),
    ({"shown": {"unproven": Unproven.REPLAYED}}, "card_copy"),
    ({"shown": {"unproven": Unproven.FOREIGN}}, "card_refused"),
    ({"shown": {"unproven": Unproven.OUTDATED}}, "card_expired"),
    ({"shown": {"unproven": Unproven.UNABLE}, "min_level": Level.SUN}, "card_copy"),
    ({"role": Role.MASTER}, "card_stops_only"),
])
def test_who_may_not_charge_is_told_so_and_starts_nothing(case):
    tap, message = case
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(**tap)
    assert note(desk) == (message, False) and desk.outlet().phase == "awaiting_card"
    refusal = desk.effects(NoteRefusal)[-1]
    assert (refusal.why, refusal.reader_id, refusal.token_ref) == (message, "front", ANNA.ref)
    assert refusal.log and ANNA.ref not in refusal.log and ANNA.last4 not in refusal.log
    desk.run(11)
    assert desk.outlet().message is None


@looped("case", [
    ({"min_level": Level.MUTUAL}, ["AttemptedReplayAttacks"]),
    ({"shown": {"unproven": Unproven.UNABLE}, "min_level": Level.MUTUAL}, ["AttemptedReplayAttacks"]),
    ({"shown": {"unproven": Unproven.REPLAYED}}, ["AttemptedReplayAttacks"]),
    ({"shown": {"unproven": Unproven.WRONG}}, ["InvalidMessages"]),
    ({"shown": {"unproven": Unproven.FOREIGN}, "known": False}, ["InvalidMessages"]),
    ({"shown": {"unproven": Unproven.TORN}}, []),
    ({"shown": {"unproven": Unproven.OUTDATED}}, []),
    ({"shown": {"random": True}}, []),
    ({"known": False}, []),
    ({"status": TokenStatus.BLOCKED}, []),
])
def test_what_looks_like_a_copy_is_a_security_event_and_what_does_not_is_none(case):
    tap, events = case
    desk = Desk(plan(1))
    desk.tap(**tap)
    assert security(desk) == events


def test_a_card_that_does_not_speak_is_as_good_as_its_number(desk):
    desk.plug()
    desk.tap(shown={"unproven": Unproven.UNABLE})
    assert desk.outlet().phase == "ready"


def test_a_card_that_is_taken_away_too_soon_is_never_held_against_anybody(desk):
    for _ in range(20):
        desk.tap(shown={"unproven": Unproven.TORN})
    assert note(desk)[0] == "card_again" and not desk.site.taps


def test_a_copy_that_falls_silent_when_it_is_asked_is_told_of_and_holds_up_no_proven_card(desk):
    for _ in range(20):
        desk.tap(shown={"unproven": Unproven.TORN}, min_level=Level.MUTUAL)
        assert note(desk)[0] == "card_again"
    assert security(desk) == ["InvalidMessages"]
    desk.tap(level=Level.MUTUAL, min_level=Level.MUTUAL)
    assert note(desk) == (None, True)


def test_who_cannot_be_looked_up_may_end_what_he_began_and_begins_nothing():
    desk = Desk(plan(1))
    desk.charge()
    desk.run(4)
    desk.tap(BERT, known=False, shown={"unproven": Unproven.TORN})
    assert not ends(desk) and note(desk) == ("card_again", False)
    desk.tap(ANNA, known=False, shown={"unproven": Unproven.TORN})
    assert ends(desk)


def test_a_proven_card_starts_at_its_level(desk):
    desk.plug()
    desk.tap(level=Level.MUTUAL, min_level=Level.MUTUAL)
    row = desk.rows("tx.event.v1")[0]["idToken"]["customData"]
    assert (row["level"], row["source"]) == (3, "list")
    assert note(desk)[1] and not security(desk)


def test_an_expiry_cannot_be_judged_by_a_clock_that_is_not_trusted(desk):
    desk.clock_ok = False
    desk.plug()
    desk.tap(expires_utc="2099-01-01T00:00:00.000Z")
    assert desk.outlet().message == "card_clock"


def test_a_card_without_a_plug_is_forgotten_after_its_time(desk):
    desk.tap()
    assert len(desk.site.cards) == 1
    desk.run(61)
    assert not desk.site.cards
    desk.plug()
    assert desk.outlet().phase == "awaiting_card"


def test_a_card_shown_twice_without_a_plug_is_taken_back(desk):
    desk.tap()
    desk.run(1)
    desk.tap()
    assert len(desk.site.cards) == 1 and note(desk)[1], "a tap that went on and off"
    desk.run(3)
    desk.tap()
    assert not desk.site.cards and not note(desk)[1]


def test_a_card_is_judged_again_when_the_plug_comes(desk):
    """It expires in between."""
    desk.tap()
    desk.site = msgspec.structs.replace(desk.site, cards=tuple(
        msgspec.structs.replace(card, record=msgspec.structs.replace(
            card.record, expires_utc="2026-11-21T09:56:50.000Z")) for card in desk.site.cards))
    desk.run(20)
    assert desk.site.cards
    desk.plug()
    assert (desk.outlet().phase, desk.outlet().message) == ("awaiting_card", "card_expired")
    assert not desk.site.cards


def test_a_card_for_one_bay_opens_no_other(desk):
    desk.plug("1")
    desk.present(ANNA, allowed=("2",))
    assert (desk.outlet("1").phase, desk.outlet("1").message) == ("awaiting_card", "card_not_here")
    assert desk.outlet("2").message is None
    desk.plug("2")
    assert desk.outlet("2").phase == "ready"


def test_a_number_that_charges_at_one_end_of_the_site_is_flagged_at_the_other(desk):
    desk.charge("1")
    desk.plug("2")
    desk.run(4)
    desk.tap(ANNA, evse_ids=("2",))
    assert desk.outlet("2").message == "card_in_use" and desk.outlet("2").phase == "awaiting_card"
    assert security(desk) == ["AttemptedReplayAttacks"]
    for _ in range(20):
        desk.tap(ANNA, evse_ids=("2",))
    assert len(security(desk)) <= desk.site.plan.cards.bad_taps + 1, "nobody fills the journal"


def test_a_proven_card_in_use_elsewhere_is_no_copy(desk):
    desk.plug("1")
    desk.tap(level=Level.MUTUAL, evse_ids=("1",))
    desk.run(4)
    desk.tap(level=Level.MUTUAL, evse_ids=("2",))
    assert desk.outlet("2").message == "card_in_use" and not security(desk)


def test_a_strangers_card_does_not_stop_a_session(desk):
    desk.charge("1")
    desk.run(4)
    desk.tap(BERT, evse_ids=("1",))
    assert desk.outlet("1").phase == "charging" and desk.outlet("1").message == "card_not_yours"


@looped("case", [
    ({"group_ref": "family"}, {"group_ref": "family"}, True),
    ({"user_ref": "u1"}, {"user_ref": "u1"}, True),
    ({}, {"role": Role.MASTER}, True),
    ({}, {"role": Role.SERVICE}, True),
    ({"group_ref": "family"}, {"group_ref": "others"}, False),
    ({"user_ref": "u1"}, {"user_ref": "u2"}, False),
    ({"group_ref": "family"}, {"group_ref": "family", "status": TokenStatus.BLOCKED}, False),
    ({}, {"role": Role.MASTER, "status": TokenStatus.BLOCKED}, False),
    ({}, {"role": Role.MASTER, "min_level": Level.MUTUAL}, False),
    ({}, {"role": Role.MASTER, "expires_utc": "2026-01-01T00:00:00.000Z"}, False),
    ({}, {"role": Role.SERVICE, "expires_utc": "2026-01-01T00:00:00.000Z"}, False),
    ({}, {"role": Role.SERVICE, "evse_groups": ("staff",)}, False),
    ({"group_ref": "family"}, {"group_ref": "family", "expires_utc": "2026-01-01T00:00:00Z"}, False),
    ({}, {"role": Role.FLEET}, False),
])
def test_who_else_may_end_a_session(case):
    hers, theirs, may = case
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(ANNA, **hers)
    desk.run(4)
    desk.tap(BERT, **theirs)
    assert ends(desk) is may
    assert desk.effects(TellReader)[-1].accepted is may


def test_where_a_site_wants_proof_a_bare_number_ends_no_session_of_others():
    for theirs in ({"role": Role.SERVICE}, {"role": Role.MASTER}, {"group_ref": "family"}):
        desk = Desk(plan(1, cards=CardPolicy(min_level=Level.MUTUAL)))
        desk.plug()
        desk.tap(ANNA, level=Level.MUTUAL, group_ref="family")
        desk.run(4)
        desk.tap(BERT, **theirs)
        assert not ends(desk) and note(desk) == ("card_refused", False)
        desk.tap(BERT, level=Level.MUTUAL, **theirs)
        assert ends(desk)


def test_a_master_card_says_so_in_the_row_and_in_the_audit(desk):
    desk.charge()
    desk.run(4)
    desk.tap(BERT, role=Role.MASTER)
    desk.until(lambda: desk.outlet().phase == "finished")
    info = desk.rows("tx.event.v1")[-1]["transactionInfo"]
    assert info["stoppedReason"] == "MasterPass"
    assert security(desk) == ["MaintenanceLoginAccepted"]


def test_a_technician_starts_and_stops_and_both_are_told(desk):
    desk.plug()
    desk.tap(role=Role.SERVICE)
    assert desk.outlet().phase == "ready"
    desk.run(4)
    desk.tap(role=Role.SERVICE)
    assert ends(desk)
    assert security(desk) == ["MaintenanceLoginAccepted"] * 2


def test_a_card_ends_its_own_session_whatever_became_of_it_meanwhile():
    for known, record in ((False, {}), (True, {"status": TokenStatus.BLOCKED})):
        desk = Desk(plan(1))
        desk.charge()
        desk.run(4)
        desk.tap(known=known, **record)
        assert ends(desk)


def test_a_copy_of_a_card_ends_no_session_of_it():
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(level=Level.MUTUAL, min_level=Level.MUTUAL)
    desk.run(4)
    for shown in ({}, {"unproven": Unproven.WRONG}, {"unproven": Unproven.TORN}, {"random": True}):
        desk.tap(min_level=Level.MUTUAL, shown=shown)
        assert not ends(desk)


def test_a_card_held_to_the_reader_does_not_start_and_stop(desk):
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.tap()
    assert desk.outlet().phase == "ready" and desk.outlet().message == "card_too_soon"


def test_a_card_held_to_the_reader_does_not_start_again_what_it_has_just_ended():
    desk = Desk(plan(1))
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.until(lambda: desk.outlet().phase == "finished")
    desk.tap()
    assert (desk.outlet().phase, desk.outlet().message) == ("finished", "card_too_soon")
    desk.run(4)
    desk.tap()
    assert desk.outlet().phase == "ready", "another session of the same car"


@pytest.mark.parametrize("role", [Role.DRIVER, Role.FLEET])
def test_a_card_that_ends_its_session_in_a_hurry_waits_for_no_plug_beside_it(desk, role):
    desk.charge("1")
    desk.run(4)
    desk.rest("1")  # its car is polite
    desk.tap(role=role)
    for _ in range(20):
        desk.tap(role=role)
        assert not desk.site.cards and desk.outlet("2").message == "card_too_soon"
        desk.run(0.1)
    assert desk.outlet("1").phase == "finished"


def test_a_fleet_card_held_to_the_reader_starts_one_car():
    desk = Desk(plan(2))
    desk.plug("1")
    desk.tap(role=Role.FLEET)
    desk.plug("2")
    desk.tap(role=Role.FLEET)
    assert desk.outlet("2").phase == "awaiting_card" and desk.outlet("1").message == "card_too_soon"


def test_a_fleet_card_starts_as_many_as_it_may_and_then_ends_its_own():
    desk = Desk(plan(3))
    for evse_id in ("1", "2"):
        desk.plug(evse_id)
        desk.tap(role=Role.FLEET, concurrent=2)
        assert desk.outlet(evse_id).phase == "ready"
        desk.run(4)
    desk.plug("3")
    desk.tap(role=Role.FLEET, concurrent=2, evse_ids=("1", "3"))
    assert ends(desk, "1") and desk.outlet("3").phase == "awaiting_card"


def test_where_everything_is_taken_the_card_is_told():
    desk = Desk(plan(1))
    desk.charge("1")
    desk.tap(BERT)
    assert desk.outlet().message == "card_not_yours" and not desk.site.cards


def test_what_is_told_to_a_driver_who_waits_is_not_told_to_one_who_charges(desk):
    desk.charge("1")
    desk.plug("2")
    desk.tap(BERT, known=False)
    assert (desk.outlet("1").message, desk.outlet("2").message) == (None, "card_refused")


def test_a_refusal_that_is_explained_stays_for_ten_seconds_or_until_a_card_is_taken(desk):
    for said, seconds in (({"known": False}, 10), ({"role": Role.MASTER}, 5)):
        desk.tap(**said)
        desk.run(seconds - 0.1)
        assert desk.outlet().message is not None, said
        desk.run(0.2)
        assert desk.outlet().message is None
    desk.charge("1")
    desk.run(4)
    desk.tap(BERT, known=False)
    assert desk.outlet("2").message == "card_refused"
    desk.tap()
    assert desk.outlet("2").message is None and ends(desk)


def test_a_reader_that_serves_nothing_of_ours_does_nothing(desk):
    assert not desk.feed(CardPresented(reader_id="front", evse_ids=("9",), token=ANNA,
                                       level=Level.UID, record=TokenRecord(token=ANNA)))


@pytest.mark.parametrize("own", [True, False])
def test_while_the_controller_ends_a_card_ends_only_what_it_may(desk, own):
    desk.charge("1")
    token = ANNA if own else BERT

    def may(record=None, evse_id="1", **shown):
        return may_stop(desk.outlet(evse_id), CardPresented(
            reader_id="front", evse_ids=("1", "2"), token=token, level=Level.UID,
            record=record or TokenRecord(token=token), **shown))

    assert may() is own and not may(evse_id="2")
    assert may(TokenRecord(token=token, role=Role.MASTER))
    assert not may(TokenRecord(token=token, role=Role.MASTER, min_level=Level.MUTUAL))
    assert not may(TokenRecord(token=BERT, role=Role.MASTER, status=TokenStatus.BLOCKED)) or own
    assert not may(random=True) and not may(unproven=Unproven.TORN)
    nobody = CardPresented(reader_id="front", evse_ids=("1", "2"), token=token, level=Level.UID,
                           record=None, unproven=Unproven.TORN)
    assert may_stop(desk.outlet("1"), nobody) is own
