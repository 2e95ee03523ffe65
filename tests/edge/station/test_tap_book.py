"""What a technician may see of taps: the last ones, without numbers, and only for a while."""

import asyncio

import pytest
from virtual_time import now_ns, virtual

from edge.controller.effects import NoteRefusal, TellReader
from edge.controller.idtoken import IdToken, Level, Source
from edge.rfid.tap_flow import Shown
from edge.rfid.wire import TagSeen
from edge.station.tap_book import KEPT, KEPT_NS, TapBook


def shown(ref: str = "a", reader_id: str = "front") -> Shown:
    tag = TagSeen(reader_id=reader_id, uid=b"\x04ABCDEF", sak=0x20, atqa=b"", mono_ns=0, tap=1,
                  card_kind="ntag424")
    return Shown(tag=tag, uid=tag.uid, token=IdToken(ref=ref * 32, last4="CDEF"), record=None,
                 source=Source.LIST, level=Level.UID, unproven=None, random=False)


def refusal(ref: str = "a", reader_id: str = "front") -> NoteRefusal:
    return NoteRefusal(reader_id=reader_id, why="card_refused", log="unknown", token_ref=ref * 32,
                       last4="CDEF")


@virtual
async def test_a_refused_card_is_remembered_with_its_number_and_an_accepted_one_without() -> None:
    book = TapBook(now_ns)
    book.note(shown("a"))
    book.refused(refusal("a"))
    book.note(shown("b"))
    book.told(TellReader(reader_id="front", accepted=True))
    (refused,) = book.refusals()
    assert (refused.decision, refused.why, refused.log) == ("refused", "card_refused", "unknown")
    assert (card := book.refused_card(refused.index)) is not None and card.uid == b"\x04ABCDEF"
    assert book.refused_card(refused.index + 1) is None
    assert [entry.shown is None for entry in book._entries] == [False, True], "nobody needs it"
    _, taps = await book.changes(1, 0.0)
    assert [tap.decision for tap in taps] == ["refused", "accepted"]


@virtual
async def test_a_word_belongs_to_the_card_that_it_is_about() -> None:
    book = TapBook(now_ns)
    book.note(shown("a"))
    book.note(shown("b", "back"))
    book.note(shown("c"))
    book.refused(refusal("a"))  # the cloud took its time
    book.told(TellReader(reader_id="front", accepted=False))
    assert [tap.decision for tap in (await book.changes(1, 0.0))[1]] == ["open", "open", "refused"]
    book.told(TellReader(reader_id="front", accepted=True))
    book.told(TellReader(reader_id="front", accepted=True))
    assert {(tap.reader_id, tap.decision) for tap in (await book.changes(1, 0.0))[1]} == {
        ("back", "open"), ("front", "refused"), ("front", "accepted")}


@virtual
async def test_a_quarter_of_an_hour_and_fifty_cards_are_all_that_is_kept() -> None:
    book = TapBook(now_ns)
    for _ in range(KEPT + 5):
        book.note(shown())
        book.refused(refusal())
    assert len(book.refusals()) == KEPT
    assert book.refused_card(1) is None
    latest = book.refusals()[0].index
    await asyncio.sleep(KEPT_NS / 1e9 - 1)
    assert book.refusals()[0].age_s == pytest.approx(899)
    await asyncio.sleep(2)
    assert book.refusals() == () and book.refused_card(latest) is None


@virtual
async def test_the_next_card_is_for_one_technician_at_one_reader_and_for_so_long() -> None:
    book = TapBook(now_ns)
    assert not book.take(shown())
    waiting = asyncio.create_task(book.next("back", 10.0))
    await asyncio.sleep(0)
    assert not book.take(shown(reader_id="front"))
    assert book.take(shown("b", "back"))
    assert not book.take(shown("c", "back")), "one card, not all of them"
    assert (await waiting).token.ref == "b" * 32
    with pytest.raises(TimeoutError):
        await book.next(None, 5.0)
    assert not book.take(shown())


@virtual
async def test_changes_come_as_soon_as_there_are_any() -> None:
    book, loop = TapBook(now_ns), asyncio.get_running_loop()
    book.note(shown("a"))
    waiting = asyncio.create_task(book.changes(0, 20.0))
    await asyncio.sleep(3)
    book.note(shown("b"))
    after, taps = await waiting
    assert loop.time() == pytest.approx(1003)
    assert [tap.index for tap in taps] == [2], "0: from now on"
    assert await book.changes(after, 1.0) == (after, ())


@virtual
async def test_a_refusal_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    book = TapBook(now_ns)
    book.note(shown())
    book.refused(refusal())
    (line,) = caplog.messages
    assert line == "reader front: card ....CDEF refused: card_refused (unknown)"
