"""Older rows are checked while the journal is in use; what is damaged is said, and noted for the next
start.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal import checks
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, Head, NewRow
from edge.journal.store import Store
from edge.journal.walk import SLICE_ROWS, Examined, Walk

ROWS = checks.NEWEST_ROWS + 2 * SLICE_ROWS


def batch(count: int, stream: Stream = Stream.TM) -> Batch:
    return Batch(mono_ns=1, rows=tuple(
        NewRow(stream=stream, type="t.v1", data=b'{"n":%d}' % n) for n in range(count)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with closing(Store.open(path, new_epoch=lambda: "00112233aabbccdd")) as store:
        store.append([batch(ROWS), batch(3, Stream.TX)])
    return path


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(path)
    yield journal
    await journal.close()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def make_text_of(path: Path, column: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (hash_,), (data,) = (db.execute(f"SELECT {name} FROM row_tm WHERE seq = 7").fetchone()
                             for name in ("hash", "data"))
    content = bytearray(path.read_bytes())
    kinds = bytes([12 + 2 * len(data), 12 + 2 * 32])
    at = content.rindex(kinds, 0, content.index(data + hash_)) + (column == "hash")
    content[at] ^= 1  # https://sqlite.org/fileformat2.html#record_format
    path.write_bytes(content)


async def walked(journal: Journal) -> list[str]:
    """What one walk says."""
    hurts: list[str] = []
    walk = asyncio.create_task(Walk(journal, hurts.append, pause_s=0.0, period_s=3600.0).run())
    asked = 0
    while not walk.done() and asked < 30:  # each answer comes after what the walk asked before it
        await journal.sessions()
        asked += 1
    walk.cancel()
    await asyncio.wait([walk])
    return hurts


async def test_a_whole_journal_is_walked_to_its_end_in_silence(journal: Journal) -> None:
    assert await walked(journal) == []


@pytest.mark.parametrize(("sql", "why"), [
    ("UPDATE row_tm SET data = x'00' WHERE seq = 7", "tm 7 is not what its hash says"),
    ("DELETE FROM row_tm WHERE seq = 210", "tm 210 is missing"),
    ("DELETE FROM row_tm WHERE seq <= 5", "tm 1 is missing"),
])
async def test_an_old_row_that_is_damaged_is_found_and_the_next_start_sets_aside(
        path: Path, sql: str, why: str) -> None:
    change(path, sql)
    journal = await Journal.open(path)  # the newest rows are whole
    assert await walked(journal) == [why]
    await journal.append(batch(1))  # and it goes on writing
    await journal.close()
    with pytest.raises(JournalDamaged, match=why):
        await Journal.open(path)


@pytest.mark.parametrize("column", ["data", "hash"])
async def test_a_flipped_bit_that_makes_a_text_of_a_blob_is_damage_and_ends_no_thread(
        path: Path, column: str) -> None:
    make_text_of(path, column)
    journal = await Journal.open(path)
    (hurt,) = await walked(journal)
    assert "tm 7 is not what its hash says" in hurt
    with pytest.raises(JournalDamaged):
        await journal.read(Stream.TM, 0)
    head = journal.heads()[Stream.TM]
    await journal.acked(journal.epoch, Stream.TM, head.seq, head.hash)
    with pytest.raises(JournalDamaged):
        await journal.thin(batch(0), "disk low")
    assert journal.alive
    await journal.close()


async def test_rows_that_retention_takes_meanwhile_are_no_damage(journal: Journal) -> None:
    (row,) = await journal.read(Stream.TM, ROWS - 1, 1)
    await journal.acked(journal.epoch, Stream.TM, ROWS, row.hash)
    first = await journal.examine(Stream.TM, 0, 10)
    assert first == Examined(last=10)
    while await journal.thin(batch(0), "disk low"):
        pass
    tail = journal.heads()[Stream.TM].tail
    if tail > 10:
        assert (await journal.examine(Stream.TM, 10, 10)).damage is None
    assert await walked(journal) == []


async def test_a_disk_that_does_not_answer_is_no_damage() -> None:
    tried = asyncio.Semaphore(0)

    class Books:

        def heads(self) -> dict[Stream, Head]:
            return {stream: Head(seq=1) for stream in Stream}

        async def examine(self, stream: Stream, after: int, limit: int) -> Examined:
            tried.release()
            raise JournalError("disk I/O error")

        async def note_hurt(self, why: str) -> None:
            raise AssertionError

    walk = asyncio.create_task(Walk(Books(), lambda _: None, period_s=0.0).run())
    for _ in range(3):
        await tried.acquire()
    walk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walk


@pytest.mark.parametrize("sql", [
    "UPDATE row_tm SET data = x'00' WHERE seq = (SELECT max(seq) - 299 FROM row_tm)",
    "DELETE FROM row_tm WHERE seq = (SELECT max(seq) - 1 FROM row_tm)",
    "UPDATE row_tx SET boot = 2 WHERE seq = 1", "UPDATE meta SET v = 0 WHERE k = 'boot'",
])
async def test_damage_among_the_newest_rows_is_found_at_the_start(path: Path, sql: str) -> None:
    change(path, sql)
    with pytest.raises(JournalDamaged):
        await Journal.open(path)
