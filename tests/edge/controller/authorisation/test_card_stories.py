"""Whatever is shown, answered, reserved and plugged, in any order: who charges was let in."""

import random

import pytest
from core_desk import NS, Desk, plan

from edge.controller.authorisation.card_policy import CardPolicy, Choosing
from edge.controller.clockwork import parse_ms, text
from edge.controller.effects import AskCloud, Effect, NoteRefusal, TellReader
from edge.controller.events import CardAnswered, CardPresented, CloudSeen, Stamped
from edge.controller.idtoken import (
    IdToken,
    Level,
    Role,
    Source,
    TokenRecord,
    TokenStatus,
    Unproven,
)
from edge.controller.phase import LIVE
from edge.controller.pilot import PilotState
from edge.controller.request import Origin
from edge.controller.state import Site

pytestmark = pytest.mark.stories

READERS = {"front": ("1", "2"), "back": ("3",)}
TIMES_S = (0.2, 0.2, 0.5, 1.0, 3.1, 5.0, 14.0, 61.0)


def token(name: str) -> IdToken:
    return IdToken(ref=name * 32)


LIST = {record.token.ref: record for record in (
    TokenRecord(token=token("a")),
    TokenRecord(token=token("b"), group_ref="family", user_ref="u1"),
    TokenRecord(token=token("c"), group_ref="family", concurrent=2),
    TokenRecord(token=token("d"), user_ref="u1"),
    TokenRecord(token=token("e"), status=TokenStatus.BLOCKED),
    TokenRecord(token=token("f"), role=Role.FLEET, evse_ids=("2", "3")),
    TokenRecord(token=token("0"), role=Role.MASTER),
    TokenRecord(token=token("1"), role=Role.SERVICE),
    TokenRecord(token=token("2"), min_level=Level.MUTUAL),
    TokenRecord(token=token("7")), TokenRecord(token=token("8")))}
UNKNOWN = tuple(token(name) for name in "34569")


class Watched(Desk):
    """Judges each step by what was shown and said, and not by what the core makes of it."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.policy = CardPolicy(
            unknown_offline=draw.random() < 0.5, unknown_per_day=2, bad_taps=3, free_vend=False,
            choosing=draw.choice((Choosing.ASK, Choosing.OLDEST)))
        self.shown_ns: dict[str, int] = {}  # when a card was last shown in a way that may start
        self.cloud_said: dict[str, TokenRecord] = {}
        self.asked_ns: dict[str, tuple[int, str]] = {}
        self.policy_sessions = 0
        self.stopped = [0, 0]  # sessions of others, and its own
        self.begun: dict[Source, int] = dict.fromkeys(Source, 0)
        super().__init__(plan(3, cards=self.policy))

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        event = stamped.event
        if isinstance(event, CardPresented):
            self._tapped(event, effects)
            self._stopped(event, before)
        for effect in effects:
            if isinstance(effect, AskCloud):
                assert event.record is None or event.record.status is not TokenStatus.ACCEPTED
                assert all(q.token.ref != effect.token.ref for q in before.questions.values())
                self.asked_ns[effect.question_id] = self.now_ns, effect.token.ref
        for evse_id, outlet in self.site.outlets.items():
            session, was = outlet.session, before.outlets[evse_id].session
            if session is not None and (was is None or was.transaction_id != session.transaction_id):
                self._began(evse_id, before)
        self._waits(before)

    def _tapped(self, tap: CardPresented, effects: tuple[Effect, ...]) -> None:
        told = [e.accepted for e in effects if isinstance(e, TellReader)]
        asking = tap.token.ref in {q.token.ref for q in self.site.questions.values()}
        assert len(told) == 1 or (asking and not told), "one word to each driver"
        assert [e for e in effects if isinstance(e, NoteRefusal)] == [] or told == [False]
        if tap.unproven is None and not tap.random:
            self.shown_ns[tap.token.ref] = self.now_ns

    def _stopped(self, tap: CardPresented, before: Site) -> None:
        """What a tap ends was its own, its user's or its group's, or is anybody's to end."""
        for evse_id, outlet in self.site.outlets.items():
            was = before.outlets[evse_id]
            session, record = was.session, tap.record
            asked = any(evse_id in choice.evse_ids for choice in before.choices.values())
            if session is None or was.phase not in LIVE or outlet.phase in LIVE or asked:
                continue
            assert evse_id in tap.evse_ids
            assert tap.unproven is None and not tap.random
            self.stopped[session.token.ref == tap.token.ref] += 1
            if session.token.ref != tap.token.ref:
                assert record is not None and record.status is TokenStatus.ACCEPTED
                assert tap.level >= record.min_level
                assert (record.role in (Role.MASTER, Role.SERVICE)
                        or (record.group_ref or "") == session.group_ref
                        or session.account == record.account)

    def _began(self, evse_id: str, before: Site) -> None:
        session = self.site.outlets[evse_id].session
        ref, record = session.token.ref, LIST.get(session.token.ref)
        self.begun[session.source] += 1
        assert self.now_ns - self.shown_ns[ref] < (60 + 60 + 15 + 4) * NS, "shown a minute ago"
        match session.source:
            case Source.LIST:
                assert record.status is TokenStatus.ACCEPTED and session.token.level >= record.min_level
                assert record.role is not Role.MASTER
                assert not record.evse_ids or evse_id in record.evse_ids
            case Source.CLOUD:
                assert self.cloud_said[ref].status is TokenStatus.ACCEPTED
            case Source.POLICY:
                self.policy_sessions += 1
                assert self.policy.unknown_offline and record is None
                assert session.limit_wh == self.policy.unknown_limit_wh
                assert self.policy_sessions <= self.policy.unknown_per_day
            case _:
                raise AssertionError(session.source)
        mine = [o.session for o in self.site.outlets.values() if o.session is not None
                and (o.session.account == session.account or o.session.token.ref == ref)]
        most = 1 if record is None else record.concurrent or (
            1 if record.role is Role.DRIVER else 3)
        assert len(mine) <= most
        for reservation in before.reservations.values():
            if reservation.evse_id == evse_id and reservation.token_ref != ref and (
                    self.now_ns < reservation.until_ns):
                assert record is not None and record.role is Role.SERVICE, "reserved for another"

    def _waits(self, before: Site) -> None:
        now = self.site
        assert all(q.until_ns >= self.now_ns for q in now.questions.values())
        assert all(c.until_ns >= self.now_ns for c in (*now.choices.values(), *now.cards))
        refs = [c.record.token.ref for c in now.cards]
        refs += [o.card.record.token.ref for o in now.outlets.values() if o.card is not None]
        refs += [c.card.record.token.ref for c in now.choices.values()]
        assert len(refs) == len(set(refs)), "a card waits in one place"
        assert all(taps.left < 3 for taps in now.taps.values())
        at = [r.evse_id for r in now.reservations.values()]
        assert len(at) == len(set(at))

    # what happens
    def happen(self) -> None:
        draw, evse_id = self.draw, self.draw.choice(("1", "2", "3"))
        device = self.devices[evse_id]
        match draw.choice(("tap",) * 6 + ("plug",) * 3 + ("leave", "ask", "answer", "answer", "cloud",
                                                         "choose", "reserve", "cancel", "withdraw")):
            case "tap":
                self._tap()
                if self.site.questions and draw.random() < 0.6:
                    self._answer()
            case "plug" if device.pilot is PilotState.A:
                device.pwm_on, device.offered_a = False, 0.0
                self.plug(evse_id)
            case "leave":
                self.unplug(evse_id)
            case "ask" if device.pilot is PilotState.B and device.pwm_on:
                self.ask(evse_id)
            case "answer" if self.asked_ns:
                self._answer()
            case "cloud":
                online = draw.random() < 0.7
                self.feed(CloudSeen(connected=online, last_ack_age_s=None, pending={},
                                    answers_cards=online))
            case "choose":
                for choice in list(self.site.choices.values()):
                    self.request("card.choose", Origin.UI, choice_id=choice.id, evse_id=evse_id)
            case "reserve":
                until_ms = (parse_ms(text(self.utc_ms + self.now_ns // 10**6)) or 0) + 20_000
                self.request("reservation.set", id=f"r{evse_id}", evse_id=evse_id,
                             token_ref=draw.choice(tuple(LIST)), until_utc=text(until_ms))
            case "cancel":
                self.request("reservation.cancel", id=f"r{evse_id}")
            case "withdraw":
                self.request("card.withdraw", evse_id=evse_id)
            case _:
                pass
        wait_s = draw.choice(TIMES_S)
        self.run(wait_s, step_s=0.1 if wait_s < 1 else min(wait_s, 1.0))

    def _tap(self) -> None:
        draw, reader_id = self.draw, self.draw.choice(tuple(READERS))
        ref = draw.choice((*LIST, *(one.ref for one in UNKNOWN)))
        self.feed(CardPresented(
            reader_id=reader_id, evse_ids=READERS[reader_id], token=IdToken(ref=ref),
            level=draw.choice((Level.UID, Level.UID, Level.MUTUAL)), record=LIST.get(ref),
            unproven=draw.choice((None,) * 8 + tuple(u for u in Unproven if u != Unproven.UNABLE)),
            random=draw.random() < 0.05))

    def _answer(self) -> None:
        waiting = [(name, at) for name, at in self.asked_ns.items() if name in self.site.questions]
        question_id, (_, ref) = self.draw.choice(waiting or tuple(self.asked_ns.items()))
        status = self.draw.choice((TokenStatus.ACCEPTED,) * 2 + (TokenStatus.BLOCKED,))
        record = TokenRecord(token=IdToken(ref=ref), status=status)
        if question_id in self.site.questions:
            self.cloud_said[ref] = record
        self.feed(CardAnswered(question_id=question_id, record=record, until_utc=None))


def test_whatever_is_shown_in_whatever_order() -> None:
    begun: dict[Source, int] = dict.fromkeys(Source, 0)
    stopped = [0, 0]
    for seed in range(7):
        desk = Watched(random.Random(seed))
        for _ in range(120):
            desk.happen()
        for source, n in desk.begun.items():
            begun[source] += n
        stopped = [all_of + n for all_of, n in zip(stopped, desk.stopped, strict=True)]
        _ends_in_order(desk)
    print(begun, stopped)
    assert all(begun[source] > 2 for source in (Source.LIST, Source.CLOUD, Source.POLICY))
    assert min(stopped) > 2


def _ends_in_order(desk: Desk) -> None:
    """After all that, a good card and a car make a session anywhere."""
    for evse_id in desk.devices:
        desk.unplug(evse_id)
        desk.request("reservation.cancel", id=f"r{evse_id}")
    desk.run(90, step_s=0.5)
    for device in desk.devices.values():
        device.pwm_on, device.offered_a = False, 0.0
    assert not desk.site.choices and not desk.site.questions and not desk.site.cards
    for evse_id, name in (("1", "a"), ("2", "7"), ("3", "8")):
        desk.plug(evse_id)
        desk.tap(token(name), evse_ids=(evse_id,))
        assert desk.outlet(evse_id).session is not None, evse_id
