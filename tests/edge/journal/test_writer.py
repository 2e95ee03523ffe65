"""The thread's order of work, step by step: each `result()` waits for the thread, not the loop."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.writer import Committed, Writer

BATCH = Batch(mono_ns=1, rows=(NewRow(stream=Stream.TX, type="t", data=b"{}"),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def told() -> list[Committed]:
    return []


@pytest.fixture
async def writer(path: Path, told: list[Committed]) -> AsyncIterator[Writer]:
    writer = Writer("journal", asyncio.get_running_loop())
    store = writer.call(lambda: Store.open(path, new_epoch=lambda: "0" * 16, busy_s=0.0)).result()
    writer.start_writing(store, told.append)
    yield writer
    await writer.stop(store.close)


def settle(writer: Writer) -> None:
    """Until the thread has tried what was queued, while the loop hears nothing."""
    for _ in range(2):
        writer.call(lambda: None).result()


async def test_after_a_failure_nothing_is_tried_until_the_loop_knows(
        path: Path, writer: Writer, told: list[Committed]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.append(BATCH)
        settle(writer)
        other.execute("ROLLBACK")
    writer.append(BATCH)  # the disk is well again, but this one would overtake the first
    settle(writer)
    await asyncio.sleep(0)
    assert [[type(rows) for rows in group] for group in told] == [[JournalError]]
    writer.forget()
    writer.append(BATCH)
    settle(writer)
    await asyncio.sleep(0)
    ((row,),) = told[1]
    assert row.seq == 1


async def test_questions_are_answered_while_writing_is_halted(path: Path, writer: Writer) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.append(BATCH)
        settle(writer)
        assert writer.call(lambda: 42).result() == 42


async def test_what_waits_is_written_before_the_thread_ends(path: Path) -> None:
    told: list[Committed] = []
    writer = Writer("journal", asyncio.get_running_loop())
    store = writer.call(lambda: Store.open(path, new_epoch=lambda: "0" * 16, busy_s=0.0)).result()
    writer.start_writing(store, told.append)
    for _ in range(700):
        writer.append(BATCH)
    await writer.stop(store.close)
    assert not writer.alive
    assert sum(len(group) for group in told) == 700
