"""Cards as the station runs them: effects to who does them, seals kept for bills, lists, costs."""

import asyncio
from collections.abc import Callable, Coroutine

import msgspec
import pytest
from core_desk import plan
from fake_journal import FakeJournal
from fake_outlet import Tasks
from virtual_time import now_ns, virtual

from edge.controller.effects import NoteRefusal, SaveSession, TellReader
from edge.controller.events import CostSeen, Event, Header, ListSeen
from edge.controller.idtoken import IdToken, Per, Quota, Source
from edge.controller.session import Instant, Session
from edge.controller.state import Site, initial
from edge.controller.trouble import LineDown
from edge.rfid.store_port import SiteKeys
from edge.rfid.tokens.store import ListHead
from edge.rfid.wire import RealUid
from edge.station.cards import LOOK_S, Cards, proofs_of, watch_costs
from edge.station.runner import Runner
from edge.station.scribe import Scribe
from edge.station.tap_book import TapBook

HEAD = ListHead(generation=1, version=7, hash=b"", tokens=3, issued_utc=None,
                confirmed_utc="2026-11-22T10:00:00.000Z")
AT = Header(mono_ns=0, boot=1, fresh_id="x", utc="2026-11-22T10:00:00.000Z", clock_ok=True)


class Store:
    """Of the store, what cards ask of it."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.head, self.broken, self.said = HEAD, False, ""

    async def keep(self, ref: str) -> None:
        if self.broken:
            raise LineDown("keep", where="taps.db", got="full", expected="room")
        self.kept.append(ref)

    async def ask(self, question: Callable[["Store"], ListHead], within_s: float) -> ListHead:
        if self.broken:
            raise LineDown("look", where="cards.db", got="damage", expected="a list")
        return question(self)

    def list_head(self) -> ListHead:
        return self.head

    async def hurt(self) -> str:
        return self.said


class Lamp:
    """Of a reader, what it is told."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def tell(self, *, accepted: bool) -> None:
        self.told.append(accepted)


class Bench:
    def __init__(self) -> None:
        self.store, self.lamp, self.tasks = Store(), Lamp(), Tasks()
        self.events: list[Event] = []
        self.book = TapBook(now_ns)
        self.cards = Cards(store=self.store, book=self.book, cloud=None, desk=None,  # type: ignore[arg-type]
                           hand_in=self.events.append, spawn=self._spawn)
        self.cards.readers = {"front": self.lamp}  # type: ignore[dict-item]
        self.runner = Runner(scribe=Scribe(FakeJournal()), outlets={}, meters={}, cards=self.cards,
                             hand_in=self.events.append, price=None,  # type: ignore[arg-type]
                             answer=lambda _id, _no: None, spawn=self._spawn)

    def _spawn(self, work: Coroutine[None, None, None]) -> object:
        return self.tasks.spawn(work)


def session(source: Source, **more: object) -> Session:
    made = Session(transaction_id="t1", evse_id="1", token=IdToken(ref="a" * 32), plug_seq=1,
                   began=Instant(mono_ns=0, boot=1), source=source)
    return msgspec.structs.replace(made, **more)


@virtual
async def test_a_reader_is_told_and_a_refusal_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench = Bench()
    bench.runner.run(AT, (
        TellReader(reader_id="front", accepted=True), TellReader(reader_id="gone", accepted=True),
        TellReader(reader_id="front", accepted=False),
        NoteRefusal(reader_id="front", why="card_refused", log="unknown", token_ref="a" * 32,
                    last4="6180")))
    assert bench.lamp.told == [True, False]
    assert "reader front: card ....6180 refused: card_refused (unknown)" in caplog.messages


@virtual
async def test_the_seal_of_a_card_that_no_list_knows_is_kept_once_for_its_bill() -> None:
    for source, kept in ((Source.LIST, []), (Source.FREE_VEND, []), (Source.POLICY, ["a" * 32]),
                         (Source.CACHE, ["a" * 32]), (Source.CLOUD, ["a" * 32])):
        bench = Bench()
        bench.store.broken = True
        for _ in range(3):
            bench.runner.run(AT, (SaveSession(transaction_id="t1", session=session(source)),))
            await asyncio.sleep(0.1)
            bench.store.broken = False  # it is tried again until it is done
        bench.runner.run(AT, (SaveSession(transaction_id="t1", session=None),))
        assert bench.store.kept == kept, source


@virtual
async def test_a_list_is_told_of_when_it_changes_and_not_when_it_cannot_be_looked_at() -> None:
    bench = Bench()
    watching = asyncio.create_task(bench.cards.watch_list())
    await bench.cards.look_at_list()
    await asyncio.sleep(3 * LOOK_S + 1)
    assert bench.events == [ListSeen(version=7, tokens=3, confirmed_utc=HEAD.confirmed_utc)]
    bench.store.broken = True
    bench.store.head = msgspec.structs.replace(HEAD, version=8)
    await asyncio.sleep(LOOK_S)
    bench.store.broken = False
    assert len(bench.events) == 1
    await asyncio.sleep(LOOK_S)
    assert bench.events[1:] == [ListSeen(version=8, tokens=3, confirmed_utc=HEAD.confirmed_utc)]
    watching.cancel()


@virtual
async def test_a_session_whose_account_has_a_quota_of_money_is_priced_while_it_runs() -> None:
    money = (Quota(per=Per.MONTH, cost="100"),)
    costs: list[str | None] = ["1.00", "1.00", None, "2.50"]
    for quotas, wanted in (((), []), ((Quota(per=Per.DAY, energy_wh=1),), []),
                           (money, ["1.00", "1.00", "2.50"])):
        site, events, said = initial(plan(1)), [], iter(costs)
        outlet = msgspec.structs.replace(site.outlets["1"], session=session(Source.LIST, quotas=quotas))
        now: Site = msgspec.structs.replace(site, outlets={"1": outlet})
        watching = asyncio.create_task(watch_costs(
            lambda now=now: now, lambda: AT, lambda *_, said=said: next(said), events.append))
        await asyncio.sleep(4 * LOOK_S + 1)
        watching.cancel()
        assert events == [CostSeen(evse_id="1", transaction_id="t1", cost=cost) for cost in wanted]


def test_what_a_site_can_prove_follows_its_clock_and_its_policy() -> None:
    key = RealUid(protocol="ev2", application=b"app", key_no=1, keys=(b"k" * 16,))
    keys = SiteKeys((key,), b"m" * 16)
    for at, day in ((AT, "261122"), (msgspec.structs.replace(AT, clock_ok=False), None),
                    (msgspec.structs.replace(AT, utc=None), None)):
        proofs = proofs_of(keys, {"A": "04" + "ab" * 64}, lambda: initial(plan(1)), lambda at=at: at)()
        assert (proofs.day, proofs.real_uid) == (day, (key,))
        assert proofs.authorities == {"A": bytes.fromhex("04" + "ab" * 64)}
    assert "6d6d" not in repr(keys) and "mmmm" not in repr(keys)


async def test_a_damaged_list_is_handed_in_and_so_is_its_end():
    bench = Bench()
    for said in ("cards.db was damaged", "cards.db was damaged", ""):
        bench.store.said = said
        await bench.cards.look_at_list()
    assert [e.hurt for e in bench.events if isinstance(e, ListSeen)] == ["cards.db was damaged", ""]
