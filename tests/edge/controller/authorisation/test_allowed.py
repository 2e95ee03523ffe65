"""The judgement about a token that is known: each rule alone, and which of several speaks."""

import msgspec
from core_desk import ANNA, BERT, plan
from looped import looped

from edge.controller.authorisation.allowed import in_use, judge
from edge.controller.authorisation.card_policy import CardPolicy, Stale, Untrusted
from edge.controller.authorisation.refusal import Why
from edge.controller.authorisation.usage import Taken, Usage
from edge.controller.events import Header
from edge.controller.idtoken import (
    Level,
    Per,
    Quota,
    Role,
    Source,
    TokenRecord,
    TokenStatus,
    Window,
)
from edge.controller.session import Instant, Session
from edge.controller.state import CardList, Site, initial
from edge.controller.turn import Turn
from edge.station.zone import transitions

NOW = "2026-11-21T10:00:00.000Z"  # a Saturday, 11:00 in Stockholm
STOCKHOLM = transitions("Europe/Stockholm")
WEEKDAYS = (Window(days=(1, 2, 3, 4, 5), from_min=0, until_min=1440),)
ALWAYS = (Window(days=(1, 2, 3, 4, 5, 6, 7), from_min=0, until_min=0),)
DAILY, FOR_EVER = Quota(per=Per.DAY, energy_wh=5000), Quota(per=Per.EVER, energy_wh=5000)


def site(policy: CardPolicy = CardPolicy(), **changes: object) -> Site:  # noqa: B008 (a value)
    made = plan(cards=policy)
    evses = (made.evses[0], msgspec.structs.replace(made.evses[1], groups=("staff", "roof")))
    return msgspec.structs.replace(initial(msgspec.structs.replace(
        made, evses=evses, zone=STOCKHOLM)), **changes)


def turn(of: Site | None = None, utc: str | None = NOW, *, clock_ok: bool = True) -> Turn:
    return Turn(of or site(), Header(mono_ns=10**12, boot=1, fresh_id="i", utc=utc, clock_ok=clock_ok))


def record(**says: object) -> TokenRecord:
    return TokenRecord(token=ANNA, **says)  # type: ignore[arg-type]


def why(of: Turn, known: TokenRecord, level: Level = Level.UID, evse_id: str = "1",
        source: Source = Source.LIST) -> Why | None:
    refused = judge(of, known, level, evse_id, source)
    assert refused is None or (refused.log and ANNA.ref not in refused.log)
    return None if refused is None else refused.why


def session(evse_id: str = "1", account: str = f"t:{ANNA.ref}", **says: object) -> Session:
    return Session(**{"transaction_id": f"tx-{evse_id}", "evse_id": evse_id, "plug_seq": 1,  # type: ignore[arg-type]
                      "account": account, "began": Instant(mono_ns=0, boot=1, utc=NOW, clock_ok=True),
                      "token": ANNA if account.startswith("t:a") else BERT, **says})


def running(*sessions: Session, restored: bool = False, **changes: object) -> Site:
    made = site(**changes)
    name = "restored" if restored else "session"
    return msgspec.structs.replace(made, outlets={**made.outlets, **{
        one.evse_id: msgspec.structs.replace(made.outlets[one.evse_id], **{name: one})
        for one in sessions}})


def test_what_is_known_and_says_no_more_may_charge():
    assert why(turn(), record()) is None
    assert why(turn(utc=None, clock_ok=False), record()) is None


@looped("status", tuple(TokenStatus))
def test_only_what_is_accepted_charges_and_all_others_hear_the_same(status):
    refused = status is not TokenStatus.ACCEPTED
    assert why(turn(), record(status=status, min_level=Level.MUTUAL)) is (
        Why.REFUSED if refused else Why.COPY)
    assert why(turn(), record(status=status), Level.CERTIFICATE) is (Why.REFUSED if refused else None)


def test_a_card_that_shows_less_than_it_can_is_a_copy_and_the_site_may_want_more():
    for least in Level:
        for shown in Level:
            want = Why.COPY if shown < least else None
            assert why(turn(), record(min_level=least), shown) is want
            strict = site(CardPolicy(min_level=least))
            assert why(turn(strict), record(), shown) is (None if want is None else Why.REFUSED)
            assert why(turn(strict), record(min_level=Level.SUN), shown) is (
                Why.COPY if shown < Level.SUN else None if shown >= least else Why.REFUSED)


@looped("case", (
    ({"expires_utc": "2026-11-21T10:00:00.001Z"}, None), ({"expires_utc": NOW}, Why.EXPIRED),
    ({"expires_utc": "2026-11-21T11:00:00+01:00"}, Why.EXPIRED), ({"expires_utc": "soon"}, Why.EXPIRED),
    ({"expires_utc": "2027-01-01"}, Why.EXPIRED), ({"valid_from_utc": NOW}, None),
    ({"valid_from_utc": "2026-11-21T10:00:00.001Z"}, Why.NOT_YET),
    ({"valid_from_utc": ""}, Why.NOT_YET),
    ({"valid_from_utc": "2026-01-01T00:00:00Z", "expires_utc": "2027-01-01T00:00:00Z"}, None)))
def test_dates_hold_to_the_millisecond_and_one_that_cannot_be_read_refuses(case):
    says, expected = case
    assert why(turn(), record(**says)) is expected
    assert why(turn(), record(role=Role.SERVICE, **says)) is expected


@looped("case", (
    ({}, None, None), ({"evse_ids": ("1",)}, None, Why.NOT_HERE),
    ({"evse_groups": ("staff",)}, Why.NOT_HERE, None), ({"evse_groups": ("Staff",)}, Why.NOT_HERE,
                                                        Why.NOT_HERE),
    ({"evse_ids": ("1",), "evse_groups": ("roof", "x")}, None, None),
    ({"evse_ids": ("3",)}, Why.NOT_HERE, Why.NOT_HERE)))
def test_a_card_is_good_at_its_evses_and_at_those_of_its_groups(case):
    says, *expected = case
    assert [why(turn(), record(**says), evse_id=e) for e in ("1", "2")] == expected


def test_hours_are_the_walls_and_a_technician_has_none():
    friday_utc = "2026-11-20T22:59:59Z"  # 23:59:59 on the wall
    assert why(turn(utc=friday_utc), record(windows=WEEKDAYS)) is None
    assert why(turn(utc="2026-11-20T23:00:00Z"), record(windows=WEEKDAYS)) is Why.NOT_NOW
    for role in Role:
        assert why(turn(), record(role=role, windows=WEEKDAYS)) is (
            None if role is Role.SERVICE else Why.NOT_NOW)


@looped("clock", ((NOW, False), (None, False), (None, True), ("noon", True)))
def test_without_a_clock_to_trust_the_policy_decides_about_dates_hours_and_quotas(clock):
    utc, clock_ok = clock
    bound = ({"windows": ALWAYS}, {"windows": WEEKDAYS}, {"quotas": (DAILY,)},
             {"expires_utc": "2020-01-01T00:00:00Z"}, {"valid_from_utc": "2030-01-01T00:00:00Z"})
    for says in bound:
        assert why(turn(utc=utc, clock_ok=clock_ok), record(**says)) is Why.CLOCK, says
        lenient = site(CardPolicy(untrusted_clock=Untrusted.ALLOW))
        assert why(turn(lenient, utc, clock_ok=clock_ok), record(**says)) is None, says
    for says in ({}, {"quotas": (FOR_EVER,)}, {"role": Role.SERVICE, "windows": WEEKDAYS,
                                               "quotas": (DAILY,)}):
        assert why(turn(utc=utc, clock_ok=clock_ok), record(**says)) is None, says


def test_a_certificate_has_dates_that_nobody_judges_without_a_clock():
    lenient = site(CardPolicy(untrusted_clock=Untrusted.ALLOW))
    assert why(turn(clock_ok=False), record(), Level.CERTIFICATE) is Why.CLOCK
    assert why(turn(lenient, clock_ok=False), record(), Level.CERTIFICATE) is None
    assert why(turn(), record(), Level.CERTIFICATE) is None
    assert why(turn(clock_ok=False), record(), Level.MUTUAL) is None


def test_a_quota_for_ever_needs_no_clock():
    used = site(usage={f"t:{ANNA.ref}": Usage(account=f"t:{ANNA.ref}", taken=(
        Taken(per=Per.EVER, begins="", energy_wh=5000), Taken(per=Per.DAY, begins="2026-11-21",
                                                              energy_wh=5000)))},
                policy=CardPolicy(untrusted_clock=Untrusted.ALLOW))
    assert why(turn(used, clock_ok=False), record(quotas=(FOR_EVER,))) is Why.QUOTA
    assert why(turn(used, clock_ok=False), record(quotas=(DAILY,))) is None
    assert why(turn(used), record(quotas=(DAILY,))) is Why.QUOTA
    assert why(turn(used), record(quotas=(DAILY,), role=Role.SERVICE)) is None


AGES = (  # confirmed, contact, stale by 30 days
    (None, None, False), ("2026-10-22T10:00:00.001Z", None, False),
    ("2026-10-22T10:00:00Z", None, True),
    (None, "2026-10-22T10:00:00.001Z", False), (None, "2026-10-22T10:00:00Z", True),
    ("2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z", False), ("2026-11-01T00:00:00Z", "?", False),
    ("?", None, True), ("?", "?", True), ("2027-01-01T00:00:00Z", None, True),
    ("2027-01-01T00:00:00Z", "2026-11-01T00:00:00Z", False))


@looped("age", AGES)
def test_a_list_that_nobody_confirmed_for_too_long_lets_in_what_the_policy_says(age):
    confirmed, contact, stale = age
    known = {"card_list": CardList(version=1, tokens=1, confirmed_utc=confirmed),
             "contact_utc": contact}
    for keeps in Stale:
        for level in (Level.UID, Level.SUN, Level.MUTUAL, Level.CERTIFICATE):
            of = turn(site(CardPolicy(stale_keeps=keeps), **known))
            passes = keeps is Stale.ALL or (keeps is Stale.PROVEN and level >= Level.MUTUAL)
            for source in Source:
                aged = stale and not passes and source in (Source.LIST, Source.CACHE)
                assert why(of, record(), level, source=source) is (Why.OFFLINE if aged else None)
    assert why(turn(site(CardPolicy(stale_days=None), **known)), record()) is None


def test_a_clock_that_is_not_sure_counts_against_the_list_unless_it_is_not_looked_at():
    old = {"contact_utc": "2026-10-01T00:00:00Z"}
    assert why(turn(site(**old), clock_ok=False), record()) is Why.OFFLINE
    assert why(turn(site(**old), "2000-01-01T00:00:00Z", clock_ok=False), record()) is None
    assert why(turn(site(**old), None, clock_ok=False), record()) is None
    lenient = CardPolicy(untrusted_clock=Untrusted.ALLOW)
    assert why(turn(site(lenient, **old), clock_ok=False), record()) is None
    for clock_ok in (True, False):  # it is there just now
        assert why(turn(site(**old, cloud_connected=True), clock_ok=clock_ok), record()) is None
        listed = site(card_list=CardList(version=1, tokens=1, confirmed_utc="2026-01-01T00:00:00Z"))
        assert why(turn(listed, clock_ok=clock_ok), record()) is Why.OFFLINE
        there = msgspec.structs.replace(listed, cloud_connected=True)
        assert why(turn(there, clock_ok=clock_ok), record()) is None


MOST = ((Role.DRIVER, None, 1), (Role.DRIVER, 2, 2), (Role.DRIVER, 0, 0), (Role.FLEET, None, 9),
        (Role.FLEET, 1, 1), (Role.SERVICE, None, 9))


@looped("most", MOST)
def test_a_driver_has_one_session_and_fleets_have_any_unless_the_record_says_otherwise(most):
    role, concurrent, free = most
    says = record(role=role, concurrent=concurrent)
    shared = record(role=role, concurrent=concurrent, user_ref="family")
    for restored in (False, True):
        for count in (0, 1, 2):
            mine = [session(str(n + 1)) for n in range(count)]
            others = [session(str(n + 1), "u:family", token=BERT) for n in range(count)]
            expected = Why.IN_USE if count >= free else None
            assert why(turn(running(*mine, restored=restored)), says) is expected
            assert why(turn(running(*others, restored=restored)), shared) is expected
            assert (in_use(turn(running(*others)), says) is None) is (free > 0)


def test_a_session_of_an_earlier_version_is_its_cards():
    assert why(turn(running(session(account="", token=ANNA))), record(user_ref="u")) is Why.IN_USE


def test_what_a_driver_can_do_least_about_is_said_first():
    used = Usage(account=f"t:{ANNA.ref}", taken=(
        Taken(per=Per.DAY, begins="2026-11-21", energy_wh=9999),))
    of = turn(running(session(), policy=CardPolicy(min_level=Level.SUN),
                      contact_utc="2026-01-01T00:00:00Z", usage={used.account: used}))
    wrong = {"status": TokenStatus.BLOCKED, "min_level": Level.MUTUAL, "expires_utc": NOW,
             "evse_ids": ("9",), "windows": WEEKDAYS, "quotas": (DAILY,)}
    said, level, source = [], Level.UID, Source.LIST
    for name in (*wrong, "age"):
        said.append(why(of, record(**wrong), level, source=source))
        if name == "quotas":
            source = Source.CLOUD
            continue
        wrong.pop(name, None)
        level = Level.SUN if name == "min_level" else level
    assert said[:5] == [Why.REFUSED, Why.COPY, Why.EXPIRED, Why.NOT_HERE, Why.NOT_NOW]
    assert said[5:] == [Why.OFFLINE, Why.QUOTA]
    assert why(of, record(), level, source=source) is Why.IN_USE
