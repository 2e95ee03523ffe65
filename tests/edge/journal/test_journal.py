"""The journal as the loop sees it. Clock by hand; the disk is real and quick."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import BadBatch, JournalError, JournalInUse, NotTried
from edge.journal.journal import Journal
from edge.journal.row import Batch, Head, NewRow
from edge.journal.writer import MAX_GROUP


class Clock:
    now_ns = 1_000_000

    def __call__(self) -> int:
        return self.now_ns


def batch(*streams: Stream, mono_ns: int = 1, sessions: dict[str, bytes | None] | None = None) -> Batch:
    return Batch(mono_ns=mono_ns, sessions=sessions or {},
                 rows=tuple(NewRow(stream=stream, type="t.v1", data=b"{}") for stream in streams))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(path)
    yield journal
    await journal.close()


async def test_rows_come_back_when_they_are_durable(journal: Journal) -> None:
    (row,) = await journal.append(batch(Stream.TX))
    assert (row.epoch, row.seq, row.boot) == (journal.epoch, 1, 1)
    assert journal.heads()[Stream.TX] == Head(seq=1, hash=row.hash)
    assert await journal.read(Stream.TX, 0) == (row,)


async def test_each_new_file_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    epochs = set()
    for name in "abc":
        journal = await Journal.open(tmp_path / name)
        epochs.add(journal.epoch)
        await journal.close()
    assert len(epochs) == 3
    assert all(len(epoch) == 16 and int(epoch, 16) >= 0 for epoch in epochs)


async def test_a_second_controller_is_refused_until_the_first_is_gone(path: Path) -> None:
    first = await Journal.open(path)
    with pytest.raises(JournalInUse, match="in use by process"):
        await Journal.open(path)
    await first.append(batch(Stream.TX))
    await first.close()
    second = await Journal.open(path)
    assert (second.boot, second.heads()[Stream.TX].seq) == (2, 1)
    await second.close()


async def test_what_cannot_be_opened_says_so_and_leaves_no_lock(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"journal\.db"):
            await Journal.open(tmp_path / "journal.db")


async def test_batches_that_pile_up_share_commits_and_resolve_in_order(journal: Journal) -> None:
    resolved: list[int] = []
    futures = [journal.append(batch(Stream.TX, mono_ns=n)) for n in range(1000)]
    for n, future in enumerate(futures):
        future.add_done_callback(lambda _, n=n: resolved.append(n))
    written = [rows[0] for rows in await asyncio.gather(*futures)]
    assert resolved == list(range(1000))
    assert [row.mono_ns for row in written] == list(range(1000))
    assert [row.seq for row in written] == list(range(1, 1001))
    assert journal.latency.rows == 1000
    assert journal.latency.commits < 100


async def test_a_bad_batch_fails_alone(journal: Journal) -> None:
    futures = [journal.append(batch(Stream.TX, mono_ns=n)) for n in (1, 2, 2**63, 3)]
    done = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(done[2], BadBatch)
    assert [rows[0].seq for rows in (done[0], done[1], done[3]) if isinstance(rows, tuple)] == [1, 2, 3]
    assert journal.latency.failures == 1


async def test_nothing_overtakes_a_batch_that_failed(path: Path) -> None:
    journal = await Journal.open(path, busy_s=0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [journal.append(batch(Stream.TX)) for _ in range(2 * MAX_GROUP + 1)]
        await asyncio.wait(futures[:1])
        other.execute("ROLLBACK")
    done = await asyncio.gather(*futures, return_exceptions=True)
    assert {type(error) for error in done[:MAX_GROUP]} == {JournalError}
    assert {type(error) for error in done[MAX_GROUP:]} == {NotTried}
    assert "locked" in str(done[0])
    assert "not tried" in str(done[-1])
    assert journal.oldest_pending_ns() is None
    assert (await journal.append(batch(Stream.TX)))[0].seq == 1
    assert journal.latency.failures == len(futures)
    await journal.close()


async def test_an_empty_batch_is_a_barrier(journal: Journal) -> None:
    first, barrier = journal.append(batch(Stream.TX)), journal.append(batch())
    assert await barrier == ()
    assert first.done()


async def test_oldest_pending_is_the_oldest_that_is_not_committed(path: Path) -> None:
    clock = Clock()
    journal = await Journal.open(path, clock=clock)
    assert journal.oldest_pending_ns() is None
    first = journal.append(batch(Stream.TX))
    clock.now_ns = 4_000_000
    second = journal.append(batch(Stream.TX))
    assert journal.oldest_pending_ns() == 1_000_000
    await asyncio.gather(first, second)
    assert journal.oldest_pending_ns() is None
    assert journal.latency.max_ms == 3.0
    await journal.close()


async def test_a_cancelled_future_does_not_take_its_batch_back(journal: Journal) -> None:
    journal.append(batch(Stream.TX)).cancel()
    (row,) = await journal.append(batch(Stream.TX))
    assert row.seq == 2


async def test_growth_is_told_once_per_commit(path: Path) -> None:
    grown: list[dict[str, int]] = []
    journal = await Journal.open(path, on_grown=grown.append)
    await journal.append(batch(Stream.TX, Stream.TX, Stream.EV))
    await journal.append(batch(sessions={"1": b"s"}))
    assert grown == [{"tx": 2, "ev": 1}]
    await journal.close()


async def test_sessions_commit_with_the_rows_of_their_batch(path: Path) -> None:
    journal = await Journal.open(path)
    await journal.append(batch(Stream.TX, sessions={"1": b"begun"}))
    with pytest.raises(BadBatch):
        await journal.append(batch(Stream.TX, sessions={"1": None}, mono_ns=2**63))
    assert await journal.sessions() == {"1": b"begun"}
    await journal.append(batch(Stream.TX, sessions={"1": None}))
    assert await journal.sessions() == {}
    await journal.close()


async def test_acknowledging(journal: Journal) -> None:
    rows = await journal.append(batch(Stream.TX, Stream.TX))
    await journal.acked(journal.epoch, Stream.TX, 2, rows[1].hash)
    await journal.acked(journal.epoch, Stream.TX, 1, rows[0].hash)
    assert (journal.heads()[Stream.TX].seq, journal.heads()[Stream.TX].acked) == (2, 2)
    with pytest.raises(JournalError, match="acknowledged"):
        await journal.acked(journal.epoch, Stream.TX, 2, rows[0].hash)


@pytest.mark.parametrize(("after", "limit"), [(-1, 10), (0, 0), (0, 501), (2**63, 10)])
async def test_a_read_outside_its_limits_is_refused(journal: Journal, after: int, limit: int) -> None:
    with pytest.raises(JournalError, match="limit"):
        await journal.read(Stream.TX, after, limit)


async def test_closing_writes_what_waits_and_then_refuses(path: Path) -> None:
    journal = await Journal.open(path)
    futures = [journal.append(batch(Stream.TX)) for _ in range(600)]
    await journal.close()
    await journal.close()
    assert (await futures[-1])[0].seq == 600
    assert not journal.alive
    with pytest.raises(JournalError, match="closed"):
        await journal.append(batch(Stream.TX))
    with pytest.raises(JournalError, match="closed"):
        await journal.sessions()


async def test_a_file_that_was_taken_away_is_told_once_it_is_back(journal: Journal, path: Path) -> None:
    told: list[str] = []
    journal.on_put_back = told.append
    await journal.append(batch(Stream.TX))
    assert not told
    os.unlink(path)  # noqa: PTH108
    await journal.append(batch(Stream.TX))
    await journal.append(batch(Stream.TX))
    assert len(told) == 1 and "deleted or replaced" in told[0]
