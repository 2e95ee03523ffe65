"""Power cuts while a damaged journal is set aside, salvaged and replaced (see `test_power_cut.py`)."""

import random
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import journal_life
import msgspec
import power_cut
import pytest
from journal_judge import Known, Model, cuts
from power_cut import Disk, Recording

from edge.controller.effects import Stream
from edge.controller.records import SALVAGED, Salvaged
from edge.journal.journal import Journal
from edge.journal.salvage import CLOCK_FLOOR
from edge.journal.verify import verify
from edge.station.restoring import open_journal

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "tests" / "support" / "journal_life.py"
DAMAGED_ROW = 20

pytestmark = [
    pytest.mark.wire,
    pytest.mark.skipif(power_cut.why_not() is not None, reason=str(power_cut.why_not()))]

#: As the controller starts, then some batches more.
STARTS = """
import asyncio, sys
from pathlib import Path
from journal_life import FILE, append, tell
from edge.station.restoring import open_journal

async def main():
    journal, hurt = await open_journal(Path(sys.argv[1]) / FILE)
    assert hurt is not None
    tell("open", journal.epoch, journal.boot)
    await append(journal, 60, 2)
    await append(journal, 62, 2)
    await journal.close()

asyncio.run(main())
"""

Found = tuple[list[tuple[Stream, int]], dict[str, bytes], dict[str, bytes], int]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, bytes, int]:
    """A start that finds a damaged journal; that journal; and how many rows the cloud had not."""
    folder = tmp_path_factory.mktemp("mended")
    state = folder / "state"
    state.mkdir()
    environment = {"PYTHONPATH": f"{ROOT}:{LIFE.parent}"}
    power_cut.record(state, [sys.executable, str(LIFE), str(state), "0"], folder / "trace",
                     environment=environment)
    path = state / journal_life.FILE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE row_ev SET data = zeroblob(length(data)) WHERE seq = ?", (DAMAGED_ROW,))
        untold = db.execute("SELECT sum(head - acked) FROM stream").fetchone()[0]
    content = path.read_bytes()
    return power_cut.record(state, [sys.executable, "-c", STARTS, str(state)], folder / "trace",
                            environment=environment), content, untold


async def found_in(journal: Journal) -> Found:
    """Salvaged rows by their old place; sessions; kept values; and how many other rows."""
    salvaged, others = [], 0
    for stream in Stream:
        after = 0
        while rows := await journal.read(stream, after):
            after = rows[-1].seq
            for row in rows:
                if row.type == SALVAGED[stream.value]:
                    inner = msgspec.json.decode(row.data, type=Salvaged)
                    salvaged.append((stream, inner.seq))
                else:
                    others += 1
    kept = await journal.kept()
    kept.pop(CLOCK_FLOOR, None)
    return sorted(salvaged), await journal.sessions(), kept, others


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=[
    pytest.mark.slow, pytest.mark.timeout(900)])])
async def test_a_cut_while_a_damaged_journal_is_mended_loses_nothing_and_doubles_nothing(
        damaged: tuple[Recording, bytes, int], tmp_path: Path, count: int) -> None:
    recording, old, untold = damaged
    model, rnd, disk = Model(64), random.Random(4), Disk(recording)
    rows_before = model.after[60][0]
    outcomes: Counter[str] = Counter()
    expected = None
    for at in [0, *cuts(rnd, len(recording.ops), count - 1)]:
        disk.play(at)
        folder = tmp_path / "cut"
        power_cut.write_files(folder, disk.cut(rnd))
        known = Known.of(recording.told(at))
        journal, _ = await open_journal(folder / journal_life.FILE)
        try:
            salvaged, sessions, kept, others = await found_in(journal)
            heads = {s: h.seq for s, h in journal.heads().items()}
            assert known.epoch in (None, journal.epoch)
        finally:
            await journal.close()
        expected = expected or salvaged
        assert salvaged == expected
        appended = next(n for n in range(max(60, known.durable), max(60, known.sent) + 1)
                        if model.after[n][1:] == (sessions, kept)
                        and others == sum(model.after[n][0].values()) - sum(rows_before.values()))
        assert sum(heads.values()) == len(salvaged) + others
        assert verify(folder / journal_life.FILE).breaks == ()
        (aside,) = [file for file in folder.glob("journal.db.damaged-*")
                    if not file.name.endswith(("-wal", "-shm"))]
        assert aside.read_bytes() == old, "a byte of what was set aside is not what it was"
        outcomes[f"{'mended again' if at and known.epoch is None else 'mended'},"
                 f" {appended - 60} batches after"] += 1
    print(count, "cuts in", len(recording.ops), "operations:", dict(outcomes))
    assert expected is not None
    assert len(expected) == untold - 1, "only what is damaged may be lost"
    assert (Stream.EV, DAMAGED_ROW) not in expected
