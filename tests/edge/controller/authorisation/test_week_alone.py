"""A week without the cloud: list, cache, hours, quotas and the policy for unknown cards go on deciding
as the site's file and the list say. What should come of each visit is reckoned here, from the calendar.
"""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from core_desk import NS, Desk, plan
from restarts import restart

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.effects import AskCloud
from edge.controller.events import CloudSeen, ListSeen
from edge.controller.idtoken import (
    IdToken,
    Level,
    Per,
    Quota,
    Source,
    TokenRecord,
    TokenStatus,
    Window,
)
from edge.controller.site import SitePlan

pytestmark = pytest.mark.stories

ZONE = ZoneInfo("Europe/Stockholm")
FIRST = datetime(2026, 10, 21, 6, 0, tzinfo=UTC)  # a Wednesday; on Sunday summer time ends
STALE_DAYS = 4
POLICY = CardPolicy(unknown_offline=True, unknown_limit_wh=5_000, unknown_per_day=2,
                    stale_days=STALE_DAYS, bad_taps=1000)
KWH = 4_000  # that a visit takes, if it may
EXPIRES = FIRST + timedelta(days=2, hours=5)


def token(name: str) -> IdToken:
    return IdToken(ref=name * 32, last4="0A0B")


CARDS = {
    "proven": TokenRecord(token=token("a"), min_level=Level.MUTUAL),
    "hours": TokenRecord(token=token("b"), min_level=Level.MUTUAL, windows=(
        Window(days=(1, 2, 3, 4, 5), from_min=8 * 60, until_min=18 * 60),)),
    "night": TokenRecord(token=token("c"), min_level=Level.MUTUAL, windows=(
        Window(days=(1, 2, 3, 4, 5, 6, 7), from_min=22 * 60, until_min=6 * 60),)),
    "quota": TokenRecord(token=token("d"), min_level=Level.MUTUAL,
                         quotas=(Quota(per=Per.DAY, energy_wh=2 * KWH),)),
    "expires": TokenRecord(token=token("e"), min_level=Level.MUTUAL, expires_utc=EXPIRES.isoformat()),
    "number": TokenRecord(token=token("f")),
    "cached": TokenRecord(token=token("1")),
    "blocked": TokenRecord(token=token("2"), status=TokenStatus.BLOCKED),
    "unknown": None}


class Alone(Desk):
    """A site whose cloud was there until the story begins; local time without a table of its own."""

    def __init__(self) -> None:
        super().__init__(_plan())
        self.utc_ms = int(FIRST.timestamp() * 1000) - self.now_ns // 10**6
        self.feed(CloudSeen(connected=True, last_ack_age_s=1.0, pending={}, answers_cards=True))
        self.feed(ListSeen(version=7, tokens=len(CARDS), confirmed_utc=FIRST.isoformat()))
        self.feed(CloudSeen(connected=False, last_ack_age_s=None, pending={}))
        self.guests = 0
        self.let_in: list[datetime] = []
        self.taken: dict[str, int] = {}

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp((self.utc_ms + self.now_ns // 10**6) / 1000, UTC)

    def expected(self, name: str) -> str | None:
        """Why this card does not begin a session now; None: it does."""
        now, local = self.now, self.now.astimezone(ZONE)
        minute = local.hour * 60 + local.minute
        match name:
            case "hours" if local.isoweekday() > 5 or not 8 * 60 <= minute < 18 * 60:
                return "card_not_now"
            case "night" if 6 * 60 <= minute < 22 * 60:
                return "card_not_now"
            case "quota" if self.taken.get(local.date().isoformat(), 0) >= 2 * KWH:
                return "card_quota"
            case "expires" if now >= EXPIRES:
                return "card_expired"
            case "number" | "cached" if now - FIRST >= timedelta(days=STALE_DAYS):
                return "card_offline"
            case "blocked":
                return "card_refused"
            case "unknown" if sum(now - then < timedelta(days=1) for then in self.let_in) >= 2:
                return "card_refused"
        return None

    def visit(self, name: str) -> None:
        """Plug, tap, take some, leave."""
        self.plug()
        record, day = CARDS[name], self.now.astimezone(ZONE).date().isoformat()
        expected = self.expected(name)
        self.guests += 1
        shown = IdToken(ref=f"{self.guests:032x}") if record is None else record.token
        level = Level.UID if record is None else record.min_level
        self.tap(shown, level=level, shown={
            "record": record, "source": Source.CACHE if name == "cached" else Source.LIST})
        session = self.outlet().session
        got = None if session is not None else self.outlet().message
        assert got == expected, (name, self.now)
        if session is not None:
            wh = KWH
            if record is None:
                self.let_in.append(self.now)
                assert session.source is Source.POLICY
                wh = POLICY.unknown_limit_wh
            self._take(wh)
            if name == "quota":
                self.taken[day] = self.taken.get(day, 0) + wh
        self.unplug()
        self.run(self.site.plan.timers.replug_s + 2)
        self.devices["1"].pwm_on, self.devices["1"].offered_a = False, 0.0

    def _take(self, wh: int) -> None:
        self.until(lambda: self.devices["1"].pwm_on)
        self.ask()
        self.until(lambda: self.outlet().phase == "charging")
        self.devices["1"].wh += wh
        self.run(1.2)
        self.rest()
        self.run(1)

    def sleep(self, until: datetime) -> None:
        """Nothing happens; then the boards and meters are heard again."""
        self.now_ns += int((until - self.now).total_seconds() * NS)
        self.devices["1"].pwm_on, self.devices["1"].offered_a = False, 0.0
        self.run(35, step_s=0.5)


def _plan() -> SitePlan:
    return msgspec.structs.replace(plan(1, cards=POLICY), zone=_zone())


def _zone() -> tuple[tuple[int, int], ...]:
    """Both offsets, from the calendar's own words: summer time ended at 01:00 UTC on 2026-10-25."""
    ended = int(datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp())
    return ((0, 7200), (ended, 3600))


def test_a_week_without_the_cloud_is_decided_as_configured() -> None:
    draw, desk = random.Random(7), Alone()
    told: dict[tuple[str, str | None], int] = {}
    for day in range(7):
        minutes = sorted(draw.sample(range(24 * 60 - 30), 14))
        for minute in minutes:
            moment = FIRST + timedelta(days=day, minutes=minute)
            if moment - desk.now < timedelta(minutes=3):
                continue
            desk.sleep(moment)
            for name in draw.sample([*CARDS], 2):
                told[name, desk.expected(name)] = told.get((name, desk.expected(name)), 0) + 1
                desk.visit(name)
        if day == 3:
            restart(desk)  # what was taken and how old the list is outlives it
            desk.feed(ListSeen(version=7, tokens=len(CARDS), confirmed_utc=FIRST.isoformat()))
            desk.feed(CloudSeen(connected=False, last_ack_age_s=None, pending={}))
    print(sum(told.values()), told)
    assert not desk.effects(AskCloud)
    both = {name for name, why in told if why is None} & {name for name, why in told if why is not None}
    assert both == {*CARDS} - {"proven", "blocked"}, "each was let in and refused"
