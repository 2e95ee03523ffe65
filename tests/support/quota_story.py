"""A site whose accounts have quotas, in virtual time; and what they took, added up from its rows."""

import random
from collections import Counter
from datetime import datetime

import msgspec
from core_desk import Desk, plan
from restarts import restart
from wall_oracle import period, shown

from edge.controller.authorisation.usage import Usage
from edge.controller.effects import Effect, PriceSession, Record
from edge.controller.events import SessionPriced, Stamped
from edge.controller.idtoken import IdToken, Per, Quota, Role
from edge.controller.state import Site
from edge.station.zone import transitions

HOUR_MS = 3_600_000
STEP_WH = 240  # the most that one bay takes between two looks at it
#: Two cards of a family, one of a fleet, and one without quotas.
TOKENS = {name: IdToken(ref=name * 32, last4=name * 4) for name in "abcd"}
ACCOUNTS = {"a": "u:home", "b": "u:home", "c": f"t:{'c' * 32}", "d": f"t:{'d' * 32}"}
QUOTAS = {
    "u:home": (Quota(per=Per.DAY, energy_wh=700), Quota(per=Per.EVER, energy_wh=5000),
               Quota(per=Per.WEEK, cost="7.00")),
    ACCOUNTS["c"]: (Quota(per=Per.MONTH, energy_wh=900),), ACCOUNTS["d"]: ()}


class Story(Desk):
    """`ended`: (account, transaction, energy in Wh, when it began, s since 1970) of each Ended row."""

    def __init__(self, zone: str, utc: str, evses: int = 3) -> None:
        self.zone, self.billing = zone, True
        self.began: dict[str, tuple[str, int]] = {}
        self.ended: list[tuple[str, str, int, int]] = []
        self.priced: set[str] = set()
        self.reasons: list[str] = []
        super().__init__(msgspec.structs.replace(plan(evses, fuse_a=63), zone=transitions(zone)))
        self.set_clock(utc)

    def set_clock(self, utc: str) -> None:
        self.utc_ms = int(datetime.fromisoformat(utc).timestamp() * 1000) - self.now_ns // 1_000_000

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        energies = {e.session.transaction_id: self._metered(e) for e in effects
                    if isinstance(e, PriceSession)}
        for row in (msgspec.json.decode(e.data) for e in effects
                    if isinstance(e, Record) and e.type == "tx.event.v1"):
            transaction = row["transactionInfo"]["transactionId"]
            if row["eventType"] == "Started":
                self.began[transaction] = (
                    ACCOUNTS[row["idToken"]["idToken"][0]],
                    int(datetime.fromisoformat(row["timestamp"]).timestamp()))
            if row["eventType"] == "Ended":
                account, began_s = self.began[transaction]
                self.ended.append((account, transaction, energies[transaction], began_s))
                self.reasons.append(row["transactionInfo"]["stoppedReason"])

    @staticmethod
    def _metered(effect: PriceSession) -> int:
        start, end = effect.session.start_reading, effect.session.end_reading
        return 0 if start is None or end is None else end.energy_import_wh - start.energy_import_wh

    def _obey(self, effect: Effect) -> None:
        if isinstance(effect, PriceSession):
            if not self.billing:
                return  # killed before it had done its work
            self.priced.add(effect.session.transaction_id)
        super()._obey(effect)

    def price_again(self, transaction: str) -> None:
        """A price that comes twice."""
        account, _ = self.began[transaction]
        self.feed(SessionPriced(evse_id="1", transaction_id=transaction, currency="SEK",
                                cdr=msgspec.Raw(b"{}"), total_incl_vat="1.00", total_excl_vat="0.80",
                                account=account))

    def show(self, name: str, evse_id: str) -> None:
        self.tap(TOKENS[name], evse_ids=(evse_id,), role=Role.FLEET, quotas=QUOTAS[ACCOUNTS[name]],
                 user_ref="home" if ACCOUNTS[name] == "u:home" else None)

    def flow(self, wh: int) -> None:
        """Each bay whose contactor is closed takes so much."""
        for device in self.devices.values():
            device.wh += wh if device.closed else 0

    # what the rows say
    def used(self, account: str, per: Per, begins: str) -> tuple[int, int]:
        """Wh, and sessions with a price, of all that began in a period."""
        mine = [one for one in self.ended if one[0] == account
                and period(per, shown(self.zone, one[3])) == begins]
        return sum(one[2] for one in mine), sum(one[1] in self.priced for one in mine)

    def expected(self) -> dict[tuple[str, Per, str], tuple[int, int]]:
        return {(account, quota.per, begins): self.used(account, quota.per, begins)
                for account, _, _, began_s in self.ended for quota in QUOTAS[account]
                for begins in (period(quota.per, shown(self.zone, began_s)),)}

    def counted(self) -> dict[tuple[str, Per, str], tuple[int, int]]:
        """What the core knows, which is what it has kept."""
        kept = {key.partition(":")[2]: msgspec.json.decode(body, type=Usage)
                for key, body in self.kept.items() if key.startswith("usage:")}
        assert kept == self.site.usage
        assert all(account == usage.account for account, usage in kept.items())
        return {(usage.account, one.per, one.begins): (one.energy_wh, round(float(one.cost)))
                for usage in kept.values() for one in usage.taken}

    def check(self) -> None:
        """All that was taken in periods that still matter is counted, once."""
        counted, expected = self.counted(), self.expected()
        now_s = (self.utc_ms + self.now_ns // 1_000_000) // 1000
        for key, value in expected.items():
            if key[2] == period(key[1], shown(self.zone, now_s)):
                assert counted.get(key) == value, (key, counted, expected)
        assert counted == {key: value for key, value in expected.items() if key in counted}
        assert all(count == 1 for count in Counter(one[1] for one in self.ended).values())


def tell(seed: int, steps: int) -> Story:
    """A random story that is looked at after each step."""
    dice = random.Random(seed)
    zone, utc = dice.choice((("Europe/Stockholm", "2026-10-24T20:00:00Z"),
                             ("America/New_York", "2027-03-13T22:00:00Z"),
                             ("Australia/Lord_Howe", "2027-04-03T08:00:00Z")))
    story = Story(zone, utc)
    for _ in range(steps):
        evse_id = dice.choice(tuple(story.devices))
        phase = story.outlet(evse_id).phase
        what = dice.random()
        if what < 0.35:
            if phase == "vacant":
                story.plug(evse_id)
            name = dice.choice("aabbcd")
            before = set(story.began)
            story.show(name, evse_id)
            story.run(1.5, step_s=0.5)
            _began_within_its_quota(story, before)
        elif what < 0.5:
            leave(story, evse_id)
        elif what < 0.6:
            story.utc_ms = (story.utc_ms or 0) + dice.choice((1, 2, 5, 9, 26)) * HOUR_MS
        elif what < 0.7:
            restart(story)
            story.run(1, step_s=0.5)
            story.billing = True
        elif what < 0.74:
            story.billing = False  # billing does no more until the next start
        if what >= 0.6:
            for asking in (e for e, d in story.devices.items() if d.pwm_on):
                story.ask(asking)
        if phase == "finished":
            leave(story, evse_id)
        story.flow(dice.randrange(STEP_WH))
        story.run(dice.choice((0.5, 2, 4)), step_s=0.5)
        story.check()
    return story


def leave(story: Story, evse_id: str) -> None:
    story.unplug(evse_id)
    story.run(8, step_s=0.5)


def _began_within_its_quota(story: Story, before: set[str]) -> None:
    for transaction in set(story.began) - before:
        account, began_s = story.began[transaction]
        for quota in QUOTAS[account]:
            energy_wh, priced = story.used(account, quota.per,
                                           period(quota.per, shown(story.zone, began_s)))
            assert quota.energy_wh is None or energy_wh < quota.energy_wh, (account, quota)
            assert quota.cost is None or priced < float(quota.cost), (account, quota)
