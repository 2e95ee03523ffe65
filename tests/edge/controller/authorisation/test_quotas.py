"""Quotas: shared, counted once, by the wall's days; sessions stop in order when nothing is left."""

import random
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from both_ways import difference
from core_desk import ANNA, BERT, Desk, plan
from looped import looped
from quota_story import TOKENS, Story, tell
from restarts import restart
from wall_oracle import ZONES, period, shown, turns

from edge.controller.authorisation import quotas
from edge.controller.authorisation.usage import Taken, Usage
from edge.controller.effects import OpenContactor, WithdrawOffer
from edge.controller.events import CostSeen, Header, SessionPriced
from edge.controller.idtoken import Per, Quota, Role, TokenRecord
from edge.controller.turn import Turn
from edge.controller.wallclock import wall_at
from edge.station.zone import transitions

KWH = Quota(per=Per.DAY, energy_wh=1000)
MONEY = Quota(per=Per.MONTH, cost="5.00")


@looped("zone", ZONES)
def test_periods_begin_at_the_walls_midnight_through_both_turns(zone):
    table, dice = transitions(zone), random.Random(9)
    for hour in (*turns(zone, 2027), int(datetime(2026, 12, 31, tzinfo=UTC).timestamp())):
        midnights = (hour // 86_400 * 86_400 + offset for offset in range(-90_000, 90_000, 5400))
        for utc_s in (second for at in midnights for second in (at - 1, at, at + dice.randrange(1800))):
            for per in Per:
                assert quotas.begins(per, wall_at(table, utc_s * 1000)) == period(
                    per, shown(zone, utc_s)), (zone, utc_s, per)


def charge(desk: Desk, evse_id: str = "1", **says: object) -> None:
    desk.plug(evse_id)
    desk.tap(says.pop("token", ANNA), evse_ids=(evse_id,), **says)
    desk.until(lambda: desk.devices[evse_id].pwm_on)
    desk.ask(evse_id)
    desk.until(lambda: desk.outlet(evse_id).phase == "charging")


def leave(desk: Desk, evse_id: str = "1") -> None:
    desk.unplug(evse_id)
    desk.until(lambda: desk.outlet(evse_id).phase == "vacant")


def ends(desk: Desk) -> list[tuple[str, str]]:
    return [(row["transactionInfo"]["stoppedReason"], row["triggerReason"])
            for row in desk.rows("tx.event.v1") if row["eventType"] == "Ended"]


def flow(desk: Desk, wh: int, evse_id: str = "1") -> None:
    desk.devices[evse_id].wh += wh
    desk.read(evse_id)


def test_a_session_gets_what_is_left_and_stops_in_order(desk):
    charge(desk, quotas=(KWH,))
    flow(desk, 999)
    desk.run(2)
    assert desk.outlet().phase == "charging"
    desk.log.clear()
    flow(desk, 1)
    assert desk.outlet().phase == "stopping" and desk.effects(WithdrawOffer)
    assert not desk.effects(OpenContactor)  # the car has its time
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished")
    assert ends(desk) == [("EnergyLimitReached", "EnergyLimitReached")]
    leave(desk)
    desk.plug()
    desk.tap(quotas=(KWH,))
    desk.run(1)
    assert desk.outlet().session is None and desk.outlet().message == "card_quota"


def test_two_cars_of_one_account_share_what_is_left_and_both_stop(desk):
    family = {"user_ref": "home", "quotas": (KWH,), "concurrent": 2}
    charge(desk, "1", **family)
    charge(desk, "2", token=BERT, **family)
    flow(desk, 600, "1")
    flow(desk, 399, "2")
    desk.run(2)
    assert {desk.outlet(e).phase for e in ("1", "2")} == {"charging"}
    flow(desk, 1, "1")
    assert {desk.outlet(e).phase for e in ("1", "2")} == {"stopping"}


def test_what_one_car_takes_ends_the_others_session_in_the_same_step_however_few_are_judged():
    heard = []

    class Heard(Desk):
        def took(self, before, stamped, effects):
            heard.append(stamped)

    desk = Heard(plan(4, fuse_a=63))
    family = {"user_ref": "home", "concurrent": 2}
    charge(desk, "1", quotas=(Quota(per=Per.DAY, energy_wh=5000),), **family)
    charge(desk, "3", token=BERT, quotas=(KWH,), **family)
    desk.run(3)
    begin, heard[:] = desk.site, []
    for _ in range(12):
        desk.run(0.4)
        flow(desk, 110, "1")
    told, narrow = difference(begin, heard)
    assert told is None and narrow > 20
    assert (desk.outlet("1").phase, desk.outlet("3").phase) == ("charging", "stopping")


def test_money_counts_while_it_runs_and_when_it_is_priced(desk):
    charge(desk, quotas=(MONEY,))
    transaction = desk.outlet().session.transaction_id
    desk.feed(CostSeen(evse_id="1", transaction_id="another", cost="99"))
    desk.feed(CostSeen(evse_id="1", transaction_id=transaction, cost="4.9999"))
    assert desk.outlet().phase == "charging"
    desk.feed(CostSeen(evse_id="1", transaction_id=transaction, cost="5.00"))
    assert desk.outlet().phase == "stopping"
    leave(desk)
    taken = desk.site.usage[f"t:{ANNA.ref}"]
    assert (taken.taken[0].cost, taken.unpriced) == ("1.00", ())  # what it came to in the end


def test_between_its_end_and_its_price_a_session_costs_what_it_was_seen_to_cost():
    story = Story("Europe/Stockholm", "2026-11-20T08:00:00Z")
    story.plug()
    story.tap(TOKENS["d"], evse_ids=("1",), quotas=(MONEY,))
    story.until(lambda: story.outlet().session is not None)
    transaction, story.billing = story.outlet().session.transaction_id, False
    story.feed(CostSeen(evse_id="1", transaction_id=transaction, cost="4.99"))
    leave(story)
    again = TokenRecord(token=TOKENS["d"], quotas=(Quota(per=Per.MONTH, cost="4.99"),))
    for _ in range(2):
        turn = Turn(story.site, Header(mono_ns=story.now_ns, boot=1, fresh_id="x"))
        now_ms = story.utc_ms + story.now_ns // 1_000_000
        assert quotas.used_up(turn, again.account, again.quotas, now_ms) == again.quotas[0]
        assert quotas.used_up(turn, again.account, again.quotas, now_ms + 31 * 86_400_000) is None
        restart(story)
        story.run(1)
    story.price_again(transaction)
    story.price_again(transaction)
    taken = story.site.usage[again.account]
    assert (taken.taken[0].cost, taken.unpriced) == ("1.00", ())


@looped("case", (("nonsense", True), ("NaN", True), ("", True), ("0", True), ("-1", True),
                 ("0.01", False), ("1e3", False)))
def test_an_amount_that_cannot_be_read_leaves_nothing(case):
    cost, refused = case
    desk = Desk(plan())
    turn = Turn(desk.site, Header(mono_ns=1, boot=1, fresh_id="x"))
    for quota in (Quota(per=Per.EVER, cost=cost), Quota(per=Per.EVER, cost=cost, energy_wh=9)):
        assert (quotas.used_up(turn, "t:x", (quota,), None) is not None) is refused
    assert quotas.used_up(turn, "t:x", (Quota(per=Per.EVER),), None) is None


def test_a_session_that_runs_past_midnight_is_yesterdays_and_today_is_whole():
    story = Story("Europe/Stockholm", "2026-11-20T22:58:00Z")
    drive(story, "a", "1")
    story.set_clock("2026-11-20T23:30:00Z")
    flow(story, 400)
    drive(story, "b", "2")
    flow(story, 699, "2")
    story.run(1)
    assert story.outlet("1").phase == story.outlet("2").phase == "charging"
    flow(story, 1, "2")
    assert (story.outlet("1").phase, story.outlet("2").phase) == ("charging", "stopping")
    for evse_id in ("1", "2"):
        leave(story, evse_id)
    story.check()
    assert {one.begins: one.energy_wh for one in story.site.usage["u:home"].taken
            if one.per is Per.DAY} == {"2026-11-21": 700}  # the day before is over, and forgotten


def drive(story: Story, name: str, evse_id: str) -> None:
    story.plug(evse_id)
    story.show(name, evse_id)
    story.until(lambda: story.devices[evse_id].pwm_on)
    story.ask(evse_id)
    story.until(lambda: story.outlet(evse_id).phase == "charging")


def test_a_day_is_remembered_while_a_session_of_it_runs():
    story = Story("Europe/Stockholm", "2026-11-20T22:55:00Z")
    drive(story, "a", "1")
    flow(story, 300)
    leave(story)
    drive(story, "b", "2")
    story.set_clock("2026-11-21T10:00:00Z")
    drive(story, "a", "1")
    flow(story, 50)
    leave(story)
    flow(story, 399, "2")
    assert story.outlet("2").phase == "charging"
    flow(story, 1, "2")
    assert story.outlet("2").phase == "stopping"


def test_a_session_that_waits_to_be_resumed_counts(desk):
    charge(desk, quotas=(KWH,))
    flow(desk, 1000)
    waiting = desk.outlet().session
    turn = Turn(Desk(plan()).site, Header(mono_ns=1, boot=1, fresh_id="x"))
    now_ms = desk.utc_ms + desk.now_ns // 1_000_000
    assert quotas.used_up(turn, waiting.account, (KWH,), now_ms) is None
    turn.set("2", restored=waiting)
    assert quotas.used_up(turn, waiting.account, (KWH,), now_ms) == KWH


def test_a_restart_forgets_nothing_and_a_session_that_goes_on_still_counts(desk):
    charge(desk, quotas=(KWH,))
    flow(desk, 600)
    leave(desk)
    charge(desk, quotas=(KWH,))
    flow(desk, 300)
    restart(desk)
    desk.run(2)
    assert desk.outlet().phase == "charging"
    assert desk.site.usage[f"t:{ANNA.ref}"].taken[0].energy_wh == 600
    flow(desk, 100)
    assert desk.outlet().phase == "stopping"


def test_a_session_without_a_clock_counts_for_ever_and_in_its_day_once_it_is_dated():
    story = Story("Europe/Stockholm", "2026-11-20T08:00:00Z")
    story.clock_ok = False
    story.plug()
    story.tap(TOKENS["c"], evse_ids=("1",), quotas=(Quota(per=Per.EVER, energy_wh=500),))
    story.until(lambda: story.devices["1"].pwm_on)
    story.ask()
    story.until(lambda: story.outlet().phase == "charging")
    account = f"t:{TOKENS['c'].ref}"
    day = msgspec.structs.replace(story.outlet().session, quotas=(KWH, Quota(per=Per.EVER)))
    turn = Turn(story.site, Header(mono_ns=story.now_ns, boot=1, fresh_id="x"))
    turn.set("1", session=day)
    quotas.count(turn, day)
    assert [(t.per, t.begins) for t in turn.site.usage[account].taken] == [(Per.EVER, "")]
    story.clock_ok = True
    story.run(0.2)
    began = story.outlet().session.began
    assert began.clock_ok and began.repaired
    flow(story, 500)
    assert story.outlet().phase == "stopping"


def test_nothing_is_kept_of_accounts_without_quotas_nor_of_technicians(desk):
    charge(desk)
    flow(desk, 700)
    leave(desk)
    charge(desk, role=Role.SERVICE, quotas=(Quota(per=Per.EVER, energy_wh=1),))
    flow(desk, 700)
    desk.run(2)
    assert desk.outlet().phase == "charging"
    leave(desk)
    assert desk.site.usage == {} and not any(key.startswith("usage:") for key in desk.kept)


def test_periods_that_are_over_are_forgotten_a_few_accounts_at_a_time(desk):
    old = {f"t:{n}": Usage(account=f"t:{n}", taken=(
        Taken(per=Per.DAY, begins="2026-01-02", energy_wh=1), *((Taken(
            per=Per.EVER, begins="", energy_wh=2),) if n % 10 == 0 else ())))
        for n in range(2 * quotas.SWEPT)}
    desk.kept.update({f"usage:{name}": msgspec.json.encode(one) for name, one in old.items()})
    restart(desk)
    desk.run(1)
    for n in (1, 2, 3):
        charge(desk, quotas=(KWH,))
        leave(desk)
        desk.run(2)
        assert len(desk.site.usage) < max(2 * quotas.SWEPT - n * (quotas.SWEPT - 6), 10)
    left = {name for name in old if int(name[2:]) % 10 == 0}
    assert set(desk.site.usage) == left | {f"t:{ANNA.ref}"}
    assert {key for key in desk.kept if key.startswith("usage:")} == {
        f"usage:{name}" for name in desk.site.usage}
    assert all(len(one.taken) == 1 for one in desk.site.usage.values())


def test_a_transaction_counts_once_however_often_it_ends(desk):
    charge(desk, quotas=(KWH,))
    flow(desk, 300)
    session = desk.outlet().session
    for _ in range(3):
        turn = Turn(desk.site, Header(mono_ns=desk.now_ns, boot=1, fresh_id="x"))
        turn.set("1", session=None)
        quotas.count(turn, session)
        desk.site = turn.result()[0]
    assert desk.site.usage[f"t:{ANNA.ref}"].taken[0].energy_wh == 300
    desk.feed(SessionPriced(evse_id="1", transaction_id="unknown", cdr=msgspec.Raw(b"{}"),
                            currency="SEK", total_incl_vat="9", total_excl_vat="9",
                            account=f"t:{ANNA.ref}"))
    assert desk.site.usage[f"t:{ANNA.ref}"].taken[0].cost == "0"


def test_a_short_story_counts_each_session_once():
    assert len(tell(2, 16).ended) > 1


@pytest.mark.stories
def test_whatever_happens_each_session_counts_once_and_none_begins_beyond_its_quota():
    seen: Counter[str] = Counter()
    for seed in range(12):
        story = tell(seed, 100)
        seen["sessions"] += len(story.ended)
        seen["spent"] += story.reasons.count("EnergyLimitReached")
        seen["restarts"] += story.boot - 1
    assert seen["sessions"] > 100 and seen["restarts"] > 60 and seen["spent"] > 20, seen
