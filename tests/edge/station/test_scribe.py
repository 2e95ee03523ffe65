"""Rows keep their order and none is lost, whatever the disk does."""

import asyncio

import msgspec
import pytest
from fake_journal import FakeJournal
from virtual_time import virtual

from edge.controller.effects import Stream
from edge.controller.records import EV_GAP, Gap
from edge.journal.errors import BadBatch, JournalError, JournalFull
from edge.journal.row import Batch, NewRow
from edge.station.scribe import MOST_TELEMETRY, RETRY_S, Scribe


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


def sample(n: int, *more: NewRow, session: bytes | None = None) -> Batch:
    return Batch(mono_ns=n, utc=f"2026-03-01T00:{n // 60:02}:{n % 60:02}.000Z", clock_ok=True, rows=(
        NewRow(stream=Stream.TM, type="tm", data=b"{}"), *more),
        sessions={} if session is None else {"s": session})


def gap_in(batch: Batch) -> Gap:
    (new,) = batch.rows
    assert (new.stream, new.type) == (Stream.EV, EV_GAP)
    return msgspec.json.decode(new.data, type=Gap)


async def tried_again(journal: FakeJournal, error: JournalError | None = None) -> None:
    """The disk refuses what it is asked for, and somebody asks again."""
    journal.fail(error)
    await asyncio.sleep(RETRY_S + 0.1)


@virtual
async def test_on_a_full_disk_telemetry_goes_first_and_one_row_says_so_when_there_is_room():
    journal = FakeJournal()
    scribe = Scribe(journal)
    scribe.write(row("a"))
    scribe.write(sample(10))
    await tried_again(journal, JournalFull("full"))
    scribe.write(sample(20))
    scribe.write(sample(30, NewRow(stream=Stream.TX, type="b", data=b"{}"), session=b"x"))
    await tried_again(journal, JournalFull("full"))
    assert all(new.stream is not Stream.TM for batch, _ in journal.pending for new in batch.rows)
    written = scribe.written()
    journal.commit()
    await asyncio.sleep(0)
    assert journal.rows == ["a", "b"] and journal.sessions == {"s": b"x"}
    assert written is not None and written.done() and scribe.error is None
    ((batch, _),) = journal.pending
    assert gap_in(batch) == Gap(stream="tm", rows=3, because="disk full",
                                from_utc="2026-03-01T00:00:10.000Z", to_utc="2026-03-01T00:00:30.000Z")
    assert batch.mono_ns == 30
    journal.commit()
    await asyncio.sleep(RETRY_S)
    assert journal.rows == ["a", "b", EV_GAP] and not journal.pending, "once"
    scribe.write(sample(40))
    journal.commit()
    assert journal.rows[-1] == "tm", "and from now on it is written again"


@virtual
async def test_a_disk_that_is_full_for_days_costs_no_memory_for_telemetry_and_sessions_that_go_on():
    journal = FakeJournal(room=10**6)
    scribe = Scribe(journal)
    for n in range(500):
        scribe.write(sample(n))
        scribe.write(Batch(mono_ns=n, sessions={"s": b"%d" % n}, kept={"k": b"%d" % n}))
        if n % 100 == 0:
            await tried_again(journal, JournalFull("full"))
    await tried_again(journal, JournalFull("full"))
    assert len(journal.pending) < 20 and not any(b.rows for b, _ in journal.pending)
    last = scribe.written()
    journal.commit()
    await asyncio.sleep(0)
    assert journal.sessions == {"s": b"499"} and last is not None and last.done()
    assert gap_in(journal.pending[0][0]).rows == 500


@virtual
async def test_a_disk_that_fails_otherwise_keeps_the_newest_hour_of_telemetry():
    journal = FakeJournal(room=10**6)
    scribe = Scribe(journal)
    scribe.write(row("a"))
    journal.fail()
    await asyncio.sleep(0)
    for n in range(MOST_TELEMETRY + 5):
        scribe.write(sample(n))
    await asyncio.sleep(RETRY_S + 0.1)
    held = [b for b, _ in journal.pending if any(r.stream is Stream.TM for r in b.rows)]
    assert len(held) == MOST_TELEMETRY and held[0].mono_ns == 5
    journal.commit()
    await asyncio.sleep(0)
    assert gap_in(journal.pending[0][0]) == Gap(
        stream="tm", rows=5, because="not written", from_utc="2026-03-01T00:00:00.000Z",
        to_utc="2026-03-01T00:00:04.000Z")


@pytest.mark.parametrize("then", [JournalError("I/O"), JournalFull("full")])
@virtual
async def test_a_batch_that_may_be_in_the_file_already_is_tried_again_as_it_was(then: JournalError):
    """The journal finds by it what a commit that failed has left (`edge/journal/doubt.py`)."""
    journal = FakeJournal()
    scribe = Scribe(journal)
    doubtful = sample(1, NewRow(stream=Stream.TX, type="a", data=b"{}"))
    scribe.write(doubtful)
    await tried_again(journal, JournalError("I/O"))
    scribe.write(Batch(mono_ns=2, kept={"k": b"1"}))
    scribe.write(sample(2))
    await tried_again(journal, then)
    assert journal.pending[0][0] == doubtful


@virtual
async def test_rows_of_billing_and_events_wait_however_many_there_are():
    journal = FakeJournal(room=10**6)
    scribe = Scribe(journal)
    for n in range(2000):
        scribe.write(row(str(n)))
        if n % 500 == 0:
            await tried_again(journal, JournalFull("full"))
    await tried_again(journal, JournalFull("full"))
    journal.commit()
    assert journal.rows == [str(n) for n in range(2000)]
