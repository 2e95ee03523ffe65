"""What a journal tells of itself."""

import asyncio
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.controller.records import EV_GAP
from edge.journal.journal import Journal
from edge.journal.reserve import Reserve
from edge.journal.retention import DAY_S, SPARE_BYTES, KeepDays
from edge.journal.row import Batch, NewRow
from edge.journal.stats import LATELY, WINDOW, Latencies, StreamStats

UTC = "2026-03-01T00:00:00.000Z"


def batch(stream: Stream, count: int = 1, *, day: str = "2026-03-01", size: int = 10) -> Batch:
    return Batch(mono_ns=1, utc=f"{day}T00:00:00.000Z", clock_ok=True, rows=(
        NewRow(stream=stream, type="t", data=bytes(size)),) * count)


def test_percentiles_are_of_the_last_commits_and_the_longest_is_of_all():
    took = Latencies()
    assert took.stats().of == 0
    took.add(5000.0)
    for n in range(WINDOW):
        took.add(float(n % 100))
    told = took.stats()
    assert (told.of, told.p50_ms, told.p99_ms, told.max_ms) == (WINDOW, 49.0, 98.0, 5000.0)


def test_what_is_typical_is_half_of_the_last_few_and_needs_some():
    took = Latencies()
    for _ in range(LATELY - 1):
        took.add(1.0)
    assert took.typical_ms() is None
    took.add(1.0)
    for slow, typical_ms in ((LATELY // 2, 1.0), (1, 900.0), (LATELY, 900.0)):
        for _ in range(slow):
            took.add(900.0)
        assert took.typical_ms() == typical_ms


async def test_the_streams_the_sizes_and_the_bytes_of_a_day(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db")
    await journal.append(batch(Stream.TM, 5))
    await journal.append(batch(Stream.TX))
    first = journal.stats()
    assert first.streams == {
        Stream.TX: StreamStats(first_seq=1, last_seq=1, acked_seq=0, oldest_utc=UTC),
        Stream.EV: StreamStats(first_seq=1, last_seq=0, acked_seq=0),
        Stream.TM: StreamStats(first_seq=1, last_seq=5, acked_seq=0, oldest_utc=UTC)}
    assert first.wal_bytes > 10_000 and (first.commits, first.rows, first.full) == (2, 6, False)
    assert (first.epoch, first.boot, first.latency.of) == (journal.epoch, 1, 2)
    assert first.written_bytes is not None and first.written_bytes == first.written_today_bytes
    assert first.written_bytes > first.wal_bytes
    await journal.append(batch(Stream.TX, day="2026-03-02", size=50_000))
    next_day = journal.stats()
    assert next_day.day == "2026-03-02" and next_day.written_bytes is not None
    assert next_day.written_bytes > first.written_bytes + 50_000
    await journal.append(batch(Stream.TX, day="2026-03-02", size=50_000))
    assert 50_000 < (journal.stats().written_today_bytes or 0) < 90_000
    await journal.close()


async def test_what_goes_is_known_to_the_loop_and_told_to_sync(tmp_path: Path) -> None:
    grown: list[dict[str, int]] = []
    now = [0]
    journal = await Journal.open(tmp_path / "journal.db", on_grown=grown.append,
                                 clock=lambda: now[0])
    rows = await journal.append(batch(Stream.TM, 400, size=30_000))
    await journal.append(batch(Stream.TM, 1, day="2026-03-09"))
    await journal.acked(journal.epoch, Stream.TM, 100, rows[99].hash)
    assert await journal.forget("2026-03-10", KeepDays()) == 0
    now[0] += 8 * DAY_S * 10**9
    assert await journal.forget("2026-03-18", KeepDays()) == 100
    assert journal.heads()[Stream.TM].tail == 100 and grown[-1] == {"tm": 401}
    assert await journal.thin(Batch(mono_ns=2), "disk low") == 300
    assert grown[-1] == {"ev": 1}
    await journal.acked(journal.epoch, Stream.TM, 399, bytes(32))  # gone: nobody can check it
    told = journal.stats().streams
    assert told[Stream.TM] == StreamStats(first_seq=401, last_seq=401, acked_seq=100,
                                          oldest_utc="2026-03-09T00:00:00.000Z")
    (gap,) = await journal.read(Stream.EV, 0)
    assert gap.type == EV_GAP and journal.heads()[Stream.EV].hash == gap.hash
    await journal.close()


async def test_a_file_with_room_within_itself_is_not_thinned(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db")
    for _ in range(3):
        await journal.append(batch(Stream.TM, 500, size=SPARE_BYTES // 450))
    gone = 0
    while rows := await journal.thin(Batch(mono_ns=2), "disk low"):
        gone += rows
    assert gone == 500
    await journal.close()


async def test_commits_go_on_between_slices(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db")
    await journal.append(batch(Stream.TM, 5000, size=100))
    thinned = [asyncio.create_task(journal.thin(Batch(mono_ns=2), "disk low")) for _ in range(8)]
    await asyncio.sleep(0)
    await journal.append(batch(Stream.TX))
    assert sum(not task.done() for task in thinned) > 2
    await asyncio.gather(*thinned)
    assert (await journal.append(batch(Stream.EV)))[0].seq == 9
    assert journal.heads()[Stream.EV].seq == 9
    await journal.close()


def test_the_reserve_takes_its_room_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "journal.db", size=1_000_000)
    assert not reserve.held and not reserve.release()
    assert reserve.hold() and reserve.held and reserve.hold()
    file = tmp_path / "journal.db.reserve"
    assert file.stat().st_blocks * 512 >= 1_000_000 and file.stat().st_mode & 0o077 == 0
    assert reserve.release() and not file.exists()


@pytest.mark.parametrize("size", [10**15, 2**62])
def test_a_disk_without_room_for_it_has_no_reserve(tmp_path: Path, size: int) -> None:
    reserve = Reserve(tmp_path / "journal.db", size=size)
    assert not reserve.hold() and not list(tmp_path.iterdir())
