"""Rows keep their order and none is lost, whatever the disk does."""

import asyncio

from fake_journal import FakeJournal
from virtual_time import virtual

from edge.controller.effects import Stream
from edge.journal.errors import BadBatch
from edge.journal.row import Batch, NewRow
from edge.station.scribe import RETRY_S, Scribe


def row(name: str) -> Batch:
    return Batch(mono_ns=0, rows=(NewRow(stream=Stream.TX, type=name, data=b"{}"),))


@virtual
async def test_written_is_done_with_the_last_batch_and_not_before():
    journal = FakeJournal()
    scribe = Scribe(journal)
    assert scribe.written() is None
    scribe.write(row("a"))
    scribe.write(row("b"))
    written = scribe.written()
    journal.commit(1)
    await asyncio.sleep(0)
    assert written is not None and not written.done()
    journal.commit()
    await asyncio.sleep(0)
    assert written.done() and scribe.written() is None


@virtual
async def test_what_failed_is_tried_again_in_the_old_order_before_what_came_after():
    journal = FakeJournal()
    scribe = Scribe(journal)
    scribe.write(row("a"))
    scribe.write(row("b"))
    journal.fail()
    await asyncio.sleep(0)
    assert scribe.error == "disk full"
    scribe.write(row("c"))
    assert not journal.pending, "nothing overtakes"
    written = scribe.written()
    await asyncio.sleep(RETRY_S + 0.1)
    assert scribe.error == "disk full", "until something was written"
    assert written is not None and not written.done()
    journal.commit()
    await asyncio.sleep(0)
    assert journal.rows == ["a", "b", "c"] and written.done() and scribe.error is None


@virtual
async def test_a_batch_written_between_a_failure_and_its_news_waits_too():
    journal = FakeJournal()
    scribe = Scribe(journal)
    scribe.write(row("a"))
    scribe.write(row("b"))
    journal.commit(1)
    journal.fail()
    scribe.write(row("c"))  # the loop has not told the scribe of the failure yet
    assert not journal.pending
    await asyncio.sleep(RETRY_S + 0.1)
    journal.commit()
    assert journal.rows == ["a", "b", "c"]


@virtual
async def test_a_journal_without_room_loses_nothing_and_doubles_nothing():
    journal = FakeJournal(room=2)
    scribe = Scribe(journal)
    for name in "abcde":
        scribe.write(row(name))
    await asyncio.sleep(0)
    assert [batch.rows[0].type for batch, _ in journal.pending] == ["a", "b"]
    last = scribe.written()
    for _ in range(5):
        journal.commit()
        await asyncio.sleep(RETRY_S + 0.1)
    assert "".join(journal.rows) == "abcde"
    assert last is not None and last.done()


@virtual
async def test_no_future_is_done_before_its_own_batch_is_on_the_disk():
    journal = FakeJournal(room=2)
    scribe = Scribe(journal)
    futures = {}
    for name in "abc":
        scribe.write(row(name))
        futures[name] = scribe.written()
    await asyncio.sleep(0)
    journal.commit(1)
    await asyncio.sleep(0)
    assert [name for name, future in futures.items() if future.done()] == ["a"]


@virtual
async def test_a_disk_that_fails_for_long_is_tried_again_and_again():
    journal = FakeJournal()
    scribe = Scribe(journal)
    scribe.write(row("a"))
    for _ in range(10):
        journal.fail()
        await asyncio.sleep(0)
        assert scribe.error is not None
        await asyncio.sleep(RETRY_S + 0.1)
    journal.commit()
    await asyncio.sleep(0)
    assert journal.rows == ["a"] and scribe.error is None


@virtual
async def test_a_batch_that_can_never_be_written_is_told_to_the_supervisor():
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: told.append(context["exception"]))
    journal = FakeJournal()
    scribe = Scribe(journal)
    scribe.write(row("a"))
    journal.fail(BadBatch("no UTF-8"))
    await asyncio.sleep(0.1)
    assert isinstance(told[0], BadBatch) and scribe.error is None


