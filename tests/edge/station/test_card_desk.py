"""What a technician is told of cards through the socket: what the core would say, what may follow."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from core_desk import plan
from virtual_time import now_ns, virtual

from edge.controller.effects import NoteRefusal
from edge.controller.events import Header
from edge.controller.idtoken import IdToken, Level, Source, TokenRecord, Unproven
from edge.controller.request import Origin, Request
from edge.controller.state import initial
from edge.link.messages import Reply, Status
from edge.rfid.enrolling import Enrolled
from edge.rfid.tap_flow import Shown
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault
from edge.rfid.wire import TagSeen
from edge.station.card_desk import CardDesk
from edge.station.tap_book import TapBook

UID = bytes.fromhex("04A3C6CAE26180")
AT = Header(mono_ns=0, boot=1, fresh_id="x", utc="2026-11-22T10:00:00.000Z", clock_ok=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TokenStore]:
    made = TokenStore.open(tmp_path, Vault.load(tmp_path))
    yield made
    made.close()


class Asked:
    """A store that is asked in our own thread."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    async def ask(self, question: Callable[[TokenStore], Enrolled]) -> Enrolled:
        return question(self._store)


def desk(store: TokenStore, book: TapBook) -> CardDesk:
    return CardDesk(book, Asked(store), {"front": ("1", "2")}, lambda: (initial(plan(2)), AT))


def shown(record: TokenRecord | None = None, *, level: int = 0, random: bool = False,
          unproven: Unproven | None = None) -> Shown:
    tag = TagSeen(reader_id="front", uid=UID, sak=0x20, atqa=b"", mono_ns=0, tap=1, card_kind="desfire")
    return Shown(tag=tag, uid=UID, token=IdToken(ref="a" * 32, last4="6180"), record=record,
                 source=Source.LIST, level=Level(level), unproven=unproven, random=random)


def request(action: str, **args: object) -> Request:
    return Request(id="1", origin=Origin.SERVICE, action=action, args={
        name: msgspec.Raw(msgspec.json.encode(value)) for name, value in args.items()})


async def read(of: Shown, store: TokenStore) -> dict[str, object]:
    book = TapBook(now_ns)
    waiting = asyncio.create_task(desk(store, book).handle(request("card.next", within_s=5)))
    await asyncio.sleep(0)
    assert book.take(of)
    reply = await waiting
    assert reply.status is Status.RESULT
    found: dict[str, object] = json.loads(bytes(reply.result))
    return found


@virtual
async def test_a_card_is_told_with_what_the_core_would_say_at_each_evse(store: TokenStore) -> None:
    token = IdToken(ref="a" * 32)
    here = TokenRecord(token=token, evse_ids=("2",))
    proven = TokenRecord(token=token, min_level=Level.MUTUAL)
    for of, allowed in (
            (shown(here), {"1": "not for EVSE 1", "2": ""}),
            (shown(proven), dict.fromkeys("12", "shown at level 0, enrolled at 3")),
            (shown(proven, level=3), {"1": "", "2": ""}),
            (shown(proven, unproven=Unproven.WRONG), dict.fromkeys("12", "its proof failed: wrong")),
            (shown(), dict.fromkeys("12", "unknown here")),
            (shown(random=True), dict.fromkeys("12", "its number is random"))):
        card = await read(of, store)
        assert (card["allowed"], card["uid"]) == (allowed, "04A3C6CAE26180")
        assert card["known"] is (of.record is not None)


@virtual
async def test_who_shows_no_card_or_names_no_reader_is_told_so(store: TokenStore) -> None:
    at = desk(store, TapBook(now_ns))
    late = await at.handle(request("card.next", within_s=1))
    assert (late.status, late.reason) == (Status.REFUSED, "no card was shown within 1 s")
    other = await at.handle(request("card.next", reader_id="back"))
    assert other.reason == "reader_id: got 'back', expected one of front"


@virtual
async def test_a_refused_card_is_enrolled_by_its_index_and_any_by_its_number(store: TokenStore) -> None:
    book = TapBook(now_ns)
    at = desk(store, book)
    book.note(shown())
    book.refused(NoteRefusal(reader_id="front", why="card_refused", log="unknown", token_ref="a" * 32,
                             last4="6180"))

    async def enrol(**args: object) -> Reply:
        return await at.handle(request("card.enrol", **args))

    (tap,) = json.loads(bytes((await at.handle(request("card.refusals"))).result))["taps"]
    assert "04A3C6" not in json.dumps(tap)
    done = await enrol(index=tap["index"], card={"contract": "C-1", "role": "fleet"})
    assert done.status is Status.RESULT, done.reason
    record = store.lookup(UID).record
    assert record is not None and (record.token.contract_id, record.role) == ("C-1", "fleet")
    again = await enrol(uid="04A3C6CAE26180")
    assert json.loads(bytes(again.result))["replaced"] is True
    for args, said in (({"index": 99}, "expected one of `card.refusals`"), ({}, "got None"),
                       ({"uid": "88A3C6CAE26180"}, "never begins with 88")):
        reply = await enrol(**args)
        assert reply.status is Status.REFUSED and said in reply.reason, args
    with pytest.raises(msgspec.ValidationError):
        await enrol(uid="04A3C6CAE26180", card={"role": "king"})
