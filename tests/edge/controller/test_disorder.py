"""Events out of order, twice, of nowhere, of the past and the future: facts at most, never a grant."""

import msgspec
import pytest
from core_desk import NS, Desk, plan

from edge.controller.core import step
from edge.controller.effects import CloseContactor, OfferCurrent, OpenContactor, RenewGrant
from edge.controller.events import (
    BoardLost,
    GrantFailed,
    GrantPassed,
    Header,
    OutletFound,
    OutletSeen,
    ReadingTaken,
    SessionPriced,
    Stamped,
    Tick,
)
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.reading import Reading

GRANTS = CloseContactor | OfferCurrent


@pytest.mark.parametrize("event", [
    OutletSeen(evse_id="9", board=BoardStatus(mono_ns=1, pilot=PilotState.C), relay_on=True,
               pi_mirror_closed=True),
    BoardLost(evse_id="9", error="x"), GrantPassed(evse_id="9"), GrantFailed(evse_id="9", error="x"),
    OutletFound(evse_id="9", relay_on=True, pi_mirror_closed=True),
    SessionPriced(evse_id="9", transaction_id="x", cdr=msgspec.Raw(b"{}"), total_incl_vat="1",
                  total_excl_vat="1", currency="SEK"),
])
def test_an_evse_that_is_not_ours_says_nothing(desk, event):
    before = desk.site
    assert desk.feed(event) == ()
    assert msgspec.structs.replace(desk.site, rest=before.rest) == before


def test_a_poll_that_arrives_late_does_not_undo_a_newer_one(desk):
    desk.charge()
    desk.run(0.3)
    device = desk.devices["1"]
    late = OutletSeen(evse_id="1", board=msgspec.structs.replace(desk.outlet().board),
                      relay_on=True, pi_mirror_closed=True)
    device.pilot = PilotState.A
    desk.run(0.3)
    before = desk.outlet()
    effects = desk.feed(late)
    assert desk.outlet() == before and not [e for e in effects if isinstance(e, GRANTS)]


def test_the_same_poll_twice_is_one_poll(desk):
    desk.charge()
    seen = OutletSeen(evse_id="1", board=desk.outlet().board, relay_on=True, pi_mirror_closed=True)
    before = msgspec.structs.replace(desk.outlet(), seen_ns=None)
    assert desk.feed(seen) == ()
    assert msgspec.structs.replace(desk.outlet(), seen_ns=None) == before


def test_a_poll_from_the_future_proves_no_closing_and_shuts_out_no_later_one(desk):
    desk.charge()
    board = msgspec.structs.replace(desk.outlet().board, mono_ns=desk.now_ns + 100 * NS)
    desk.feed(OutletSeen(evse_id="1", board=board, relay_on=True, pi_mirror_closed=True))
    assert desk.outlet().board.mono_ns <= desk.now_ns
    desk.log.clear()
    desk.unplug()
    desk.run(0.1)
    assert desk.effects(OpenContactor)


def test_a_reading_from_the_future_is_not_fresh_for_ever(desk):
    desk.charge()
    desk.feed(ReadingTaken(reading=Reading(
        meter_id="bay-1", mono_ns=desk.now_ns + 3600 * NS, energy_import_wh=1_000, power_w=0.0)))
    desk.devices["1"].meter_answers = False
    desk.until(lambda: "F102" in desk.codes(), 12)


@pytest.mark.parametrize("back_s", [0.001, 5, 900])
def test_time_that_runs_backwards_closes_nothing_and_keeps_the_deadlines(desk, back_s):
    desk.charge()
    desk.request("session.stop", evse_id="1")
    desk.log.clear()
    start = desk.now_ns
    site = desk.site
    for n in range(20):
        at = Header(mono_ns=start - int(back_s * NS) - n, boot=1, fresh_id=f"b{n}")
        site, effects = step(site, Stamped(at=at, event=Tick()))
        assert not [e for e in effects if isinstance(e, GRANTS | RenewGrant)]
    desk.site = site
    took = desk.until(lambda: bool(desk.effects(OpenContactor)), 8)
    assert took <= 6.2


@pytest.mark.parametrize("event", [GrantPassed(evse_id="1"), GrantFailed(evse_id="1", error="late")])
def test_an_answer_to_no_question_is_nothing(desk, event):
    desk.plug()
    desk.tap()
    before = desk.outlet()
    desk.feed(event)
    assert desk.outlet() == before


def test_a_price_that_comes_twice_is_of_one_session(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished", 10)
    desk.run(4)
    desk.tap()
    desk.run(1)
    running = desk.outlet().session
    done = desk.rows("tx.event.v1")[0]["transactionInfo"]["transactionId"]
    desk.feed(SessionPriced(evse_id="1", transaction_id=done, cdr=msgspec.Raw(b"{}"),
                            total_incl_vat="9", total_excl_vat="9", currency="SEK"))
    assert desk.outlet().session == running and running.transaction_id != done
    assert len(desk.rows("tx.cdr.v1")) == 1, "nobody pays twice"


def test_answers_to_nothing_on_a_desk_that_has_seen_nothing_grant_nothing():
    desk = Desk(plan(1))
    desk.log.clear()
    for event in (GrantPassed(evse_id="1"), GrantPassed(evse_id="1"), BoardLost(evse_id="1", error=""),
                  GrantFailed(evse_id="1", error=""), Tick()):
        desk.feed(event)
    assert not [e for e in desk.log if isinstance(e, GRANTS)]
