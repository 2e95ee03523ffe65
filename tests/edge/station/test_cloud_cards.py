"""The cloud is asked in clear, over its socket alone; what comes back has references for numbers."""

import asyncio
from collections.abc import Coroutine

import msgspec
import pytest
from fake_outlet import Tasks
from virtual_time import virtual

from edge.controller.effects import AskCloud, RememberCard
from edge.controller.events import CardAnswered, Event
from edge.controller.idtoken import IdToken, TokenRecord, TokenStatus
from edge.controller.request import Origin, Request
from edge.controller.trouble import LineDown
from edge.link.card_protocol import QUESTIONS, CardQuestions
from edge.link.messages import Status
from edge.station.cloud_cards import CloudCards

UID = bytes.fromhex("04A3C6CAE26180")
TOKEN = IdToken(ref="a" * 32, last4="6180", sealed="seal")
ASK = AskCloud(question_id="q1", reader_id="front", evse_ids=("1", "2"), token=TOKEN, within_s=3.0)


class Bench:
    """A store that is a table; `pushed` is what sync would hear."""

    def __init__(self) -> None:
        self.pushed: list[CardQuestions] = []
        self.events: list[Event] = []
        self.remembered: list[tuple[TokenRecord, str | None]] = []
        self.tasks, self.answers, self.broken = Tasks(), True, False
        self.cards = CloudCards(store=self, evses={1: "1", 2: "2"}, answers=lambda: self.answers,
                                push=self._push, hand_in=self.events.append, spawn=self._spawn)

    def _push(self, topic: str, data: object) -> None:
        assert topic == QUESTIONS and isinstance(data, CardQuestions)
        self.pushed.append(data)

    def _spawn(self, work: Coroutine[None, None, None]) -> object:
        return self.tasks.spawn(work)

    async def unseal(self, sealed: str, ref: str) -> bytes:
        if self.broken:
            raise LineDown("unseal", where="store", got="nothing", expected="a number")
        if sealed != "seal":
            raise ValueError("the seal does not open")
        return UID

    async def ref(self, token_type: str, value: bytes) -> str:
        return f"ref of {token_type} {value.hex()}"

    async def remember(self, record: TokenRecord, until_utc: str | None) -> None:
        self.remembered.append((record, until_utc))


def request(action: str, **args: object) -> Request:
    return Request(id="1", origin=Origin.SYNC, action=action, args={
        name: msgspec.Raw(msgspec.json.encode(value)) for name, value in args.items()})


@virtual
async def test_a_question_is_open_until_it_is_answered_or_too_late() -> None:
    bench = Bench()
    bench.cards.ask(ASK)
    await asyncio.sleep(1)
    bench.cards.ask(msgspec.structs.replace(ASK, question_id="q2"))
    await asyncio.sleep(1)
    assert [[q.question_id for q in push.questions] for push in bench.pushed] == [["q1"], ["q1", "q2"]]
    question = bench.pushed[0].questions[0]
    assert (question.id_token, question.type, question.evses) == ("04A3C6CAE26180", "ISO14443", (1, 2))
    reply = await bench.cards.answer(request("card.answer", question_id="q1", id_token_info={
        "status": "Accepted", "cacheExpiryDateTime": "2026-12-01T00:00:00+01:00", "language1": "sv",
        "evseId": [2, 7], "groupIdToken": {"idToken": "family", "type": "Central"},
        "chargingPriority": 1}))
    assert reply.status is Status.ACCEPTED
    assert bench.events == [CardAnswered(
        question_id="q1", until_utc="2026-11-30T23:00:00.000Z", record=TokenRecord(
            token=TOKEN, language="sv", evse_ids=("2",), group_ref="family"))]
    await asyncio.sleep(5)
    assert bench.pushed[-1].questions == (), "no number is kept when nobody waits for an answer"
    assert (await bench.cards.answer(request("card.answer", question_id="q2"))).status is Status.REFUSED
    assert "04A3" not in repr(question)


@virtual
async def test_nobody_there_or_no_number_is_an_answer_at_once() -> None:
    for change, effect in (("answers", ASK), ("broken", ASK),
                           ("", msgspec.structs.replace(ASK, token=IdToken(ref="a" * 32)))):
        bench = Bench()
        if change:
            setattr(bench, change, change == "broken")
        bench.cards.ask(effect)
        await asyncio.sleep(0.1)
        (event,) = bench.events
        assert isinstance(event, CardAnswered) and event.record is None and event.error
        assert not bench.pushed


@virtual
async def test_what_is_not_accepted_is_refused_or_unknown() -> None:
    for status, wanted in (("Blocked", TokenStatus.BLOCKED), ("Expired", TokenStatus.EXPIRED),
                           ("NoCredit", TokenStatus.BLOCKED), ("ConcurrentTx", TokenStatus.BLOCKED),
                           ("NotAtThisLocation", TokenStatus.BLOCKED), ("Unknown", None),
                           ("Invalid", None)):
        bench = Bench()
        bench.cards.ask(ASK)
        await asyncio.sleep(0.1)
        await bench.cards.answer(request("card.answer", question_id="q1",
                                         id_token_info={"status": status}))
        (event,) = bench.events
        assert isinstance(event, CardAnswered)
        assert (event.record and event.record.status) is wanted, status


@virtual
async def test_an_answer_for_evses_that_are_not_ours_allows_none() -> None:
    bench = Bench()
    bench.cards.ask(ASK)
    await asyncio.sleep(0.1)
    await bench.cards.answer(request("card.answer", question_id="q1", id_token_info={
        "status": "Accepted", "evseId": [9], "cacheExpiryDateTime": "soon"}))
    (event,) = bench.events
    assert isinstance(event, CardAnswered) and event.record is not None
    assert event.record.status is TokenStatus.BLOCKED and event.until_utc is None


@virtual
async def test_a_moment_that_no_calendar_has_is_none() -> None:
    for until in ("soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""):
        bench = Bench()
        bench.cards.ask(ASK)
        await asyncio.sleep(0.1)
        await bench.cards.answer(request("card.answer", question_id="q1", id_token_info={
            "status": "Accepted", "cacheExpiryDateTime": until}))
        (event,) = bench.events
        assert isinstance(event, CardAnswered) and event.record and event.until_utc is None, until


@virtual
async def test_an_answer_that_says_nothing_leaves_it_to_the_site() -> None:
    bench = Bench()
    bench.cards.ask(ASK)
    await asyncio.sleep(0.1)
    await bench.cards.answer(request("card.answer", question_id="q1", error="the line is down"))
    assert bench.events == [CardAnswered(question_id="q1", record=None, error="the line is down")]


@virtual
async def test_a_reservation_reaches_the_core_without_a_number() -> None:
    bench = Bench()
    seen = await bench.cards.reservation(request(
        "reservation.set", id="r1", evse_id="1", until_utc="2026-12-01T00:00:00Z",
        id_token={"idToken": "04:a3:c6:ca:e2:61:80", "type": "ISO14443"},
        group_id_token={"idToken": "04B1D27A5C2E80", "type": "ISO14443"}))
    args = {name: msgspec.json.decode(raw) for name, raw in seen.args.items()}
    assert args == {"id": "r1", "evse_id": "1", "until_utc": "2026-12-01T00:00:00Z",
                    "token_ref": "ref of ISO14443 04a3c6cae26180",
                    "group_ref": "ref of ISO14443 04b1d27a5c2e80"}
    contract = await bench.cards.reservation(request(
        "reservation.set", id="r1", evse_id="1", until_utc="x",
        id_token={"idToken": "SE-FCT-C1", "type": "eMAID"}))
    assert msgspec.json.decode(contract.args["token_ref"]) == f"ref of eMAID {b'se-fct-c1'.hex()}"
    with pytest.raises(msgspec.ValidationError) as wrong:
        await bench.cards.reservation(request(
            "reservation.set", id="r1", evse_id="1", until_utc="x",
            id_token={"idToken": "04A3C6CAE261", "type": "ISO14443"}))
    assert "04A3" not in str(wrong.value)


@virtual
async def test_the_cache_is_told_in_the_background() -> None:
    bench = Bench()
    record = TokenRecord(token=TOKEN)
    bench.cards.remember(RememberCard(record=record, until_utc="2026-12-01T00:00:00.000Z"))
    await asyncio.sleep(0.1)
    assert bench.remembered == [(record, "2026-12-01T00:00:00.000Z")]
