"""A disk that stands still: the loop goes on, the oldest batch is known, nothing is lost."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow
from hil_tests import stall

pytestmark = pytest.mark.wire

STALL_S = 1.0


def batch(n: int) -> Batch:
    return Batch(mono_ns=n, rows=(NewRow(stream=Stream.TX, type="t", data=b"{}"),))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(tmp_path / "journal.db")
    yield journal
    await journal.close()


async def turns_within(seconds: float) -> int:
    """How often the loop turned."""
    turns, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.005)
        turns += 1
    return turns


async def test_a_held_file_delays_commits_and_nothing_else(journal: Journal, tmp_path: Path) -> None:
    with stall.held(tmp_path / "journal.db"):
        appended_ns = time.monotonic_ns()
        futures = [journal.append(batch(n)) for n in range(20)]
        assert await turns_within(STALL_S) > 20
        assert not any(future.done() for future in futures)
        oldest_ns = journal.oldest_pending_ns()
        assert oldest_ns is not None
        assert 0 <= oldest_ns - appended_ns < 0.5e9
    rows = await asyncio.gather(*futures)
    assert [row.seq for (row,) in rows] == list(range(1, 21))
    assert journal.oldest_pending_ns() is None
    assert journal.latency.max_ms >= STALL_S * 1000


async def test_a_lock_that_stays_fails_the_batch_and_the_next_is_written(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", busy_s=0.2)
    with stall.held(tmp_path / "journal.db"), pytest.raises(JournalError, match="locked"):
        await journal.append(batch(1))
    assert (await journal.append(batch(2)))[0].seq == 1
    await journal.close()


async def test_closing_does_not_wait_for_ever(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db")
    with stall.held(tmp_path / "journal.db"):
        written = journal.append(batch(1))
        with pytest.raises(JournalError, match="the disk stands still"):
            await journal.close(timeout_s=0.2)
    assert (await written)[0].seq == 1


async def test_every_commit_waits_for_its_own_fsync(journal: Journal) -> None:
    """The acknowledgement follows fdatasync, and the loop turns meanwhile: measured in the kernel."""
    if not await asyncio.to_thread(stall.can_trace):
        pytest.skip("strace is missing or may not attach")
    slow = stall.slow_fsync(os.getpid(), STALL_S)
    await asyncio.to_thread(slow.__enter__)
    try:
        written = journal.append(batch(1))
        turns = await turns_within(STALL_S * 0.8)
        done_early = written.done()
        await written
    finally:
        await asyncio.to_thread(slow.__exit__, None, None, None)
    assert not done_early
    assert turns > 20
    assert journal.latency.last_ms >= STALL_S * 1000
