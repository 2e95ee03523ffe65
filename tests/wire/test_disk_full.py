"""A disk without a byte left (ENOSPC, a small file system of its own): telemetry makes room, nothing
else is lost, no future is done before its row is on the disk; and a start on such a disk.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.controller.effects import Stream
from edge.controller.events import Header
from edge.controller.records import EV_GAP, Gap
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.reserve import SIZE_BYTES, Reserve
from edge.journal.retention import KeepDays
from edge.journal.row import Batch, NewRow
from edge.journal.verify import verify
from edge.station.housekeeper import Housekeeper
from edge.station.scribe import Scribe

pytestmark = pytest.mark.wire

DISK_MB = 64
NOW = Header(mono_ns=7, boot=1, fresh_id="", utc="2026-03-01T00:00:00.000Z", clock_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            try:
                yield folder
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=True)  # it may have open files
            return
    pytest.skip("no file system may be mounted here")


def fill(folder: Path) -> Path:
    """Until there is no byte left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return filler


def batch(n: int, stream: Stream, size: int) -> Batch:
    return Batch(mono_ns=n, utc=NOW.utc, clock_ok=True, sessions={"s": b"%d" % n},
                 rows=(NewRow(stream=stream, type="t", data=b"%d " % n + bytes(size)),))


async def until(condition, what: str) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


async def test_a_disk_that_fills_up_costs_telemetry_and_nothing_else(disk: Path) -> None:
    path = disk / "journal.db"
    journal = await Journal.open(path)
    scribe = Scribe(journal)
    keeper = Housekeeper(journal, KeepDays(), now=lambda: NOW, low=lambda: False,
                         hand_in=lambda _: None)
    await keeper.tidy()
    assert journal.stats().reserve_held
    keeping = asyncio.create_task(keeper.run())
    for n in range(300):
        scribe.write(batch(n, Stream.TM, 20_000))
    await scribe.flush()
    filler = fill(disk)
    number = 300
    while scribe.error is None:
        number += 1
        scribe.write(batch(number, Stream.TX, 20_000))
        scribe.write(batch(number, Stream.TM, 20_000))
        granted = scribe.written()
        await asyncio.sleep(0.005)  # the disk is to be full before 10,000 batches wait for it
    assert "full" in scribe.error and granted is not None and not granted.done()
    await until(lambda: scribe.error is None and scribe.written() is None, "there is room again")
    assert granted.done() and not journal.stats().reserve_held
    for n in range(number + 1, number + 200):  # ten times what was free
        scribe.write(batch(n, Stream.TX, 5_000))
        await scribe.flush()
    keeping.cancel()
    filler.unlink()
    await keeper.tidy()
    assert journal.stats().reserve_held
    heads = journal.heads()
    gaps = [msgspec.json.decode(row.data, type=Gap) for row in await journal.read(Stream.EV, 0)
            if row.type == EV_GAP]
    found = []
    while rows := await journal.read(Stream.TX, len(found), 100):
        found += [int(row.data.split()[0]) for row in rows]
    assert found == list(range(301, number + 200))
    assert await journal.sessions() == {"s": b"%d" % found[-1]}
    assert sum(gap.rows for gap in gaps if gap.first_seq is not None) == heads[Stream.TM].tail > 0
    assert {gap.because for gap in gaps} == {"disk full"}
    await journal.close()
    assert verify(path).breaks == ()


async def test_a_start_on_a_full_disk_takes_the_reserve(disk: Path) -> None:
    path = disk / "journal.db"
    first = await Journal.open(path)
    await first.append(batch(1, Stream.TX, 10))
    await first.hold_reserve()
    await first.close()
    fill(disk)
    second = await Journal.open(path)
    assert second.boot == 2 and second.epoch == first.epoch
    assert (await second.append(batch(2, Stream.TX, 100_000)))[0].seq == 2
    assert not second.stats().reserve_held
    await second.close()


async def test_a_start_on_a_full_disk_without_one_fails_and_changes_nothing(disk: Path) -> None:
    path = disk / "journal.db"
    first = await Journal.open(path)
    await first.append(batch(1, Stream.TX, 10))
    await first.close()
    filler = fill(disk)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(JournalError):
            await Journal.open(path)
    assert path.read_bytes() == before
    filler.unlink()
    second = await Journal.open(path)
    assert (second.epoch, second.boot) == (first.epoch, 2)
    await second.close()


def test_the_reserve_does_not_fill_a_disk(disk: Path) -> None:
    reserve = Reserve(disk / "journal.db")
    with (disk / "other").open("wb") as file:
        file.write(bytes(DISK_MB * 2**20 - 4 * SIZE_BYTES))
    assert not reserve.hold() and [file.name for file in disk.iterdir()] == ["other"]
