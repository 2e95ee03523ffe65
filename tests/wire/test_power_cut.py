"""Power cuts at any moment of a journal's life, by a record of its writes (`support/power_cut.py`).

What a kill leaves proves nothing about power, since the kernel writes on. Here every write that was not
fsynced may be gone, torn or overtaken, and every name that the folder was not fsynced for.
"""

import contextlib
import random
import shutil
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import journal_life
import power_cut
import pytest
from journal_judge import WHOLE, Model, cuts, judged
from power_cut import Disk, Recording

from edge.journal.errors import JournalError
from edge.station.restoring import open_journal

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "tests" / "support" / "journal_life.py"
FEW, MANY = 200, 3000
LONG = pytest.mark.timeout(900)

pytestmark = [
    pytest.mark.wire,
    pytest.mark.skipif(power_cut.why_not() is not None, reason=str(power_cut.why_not()))]


@dataclass(frozen=True)
class Life:
    """`before`: what was told before the recording began."""

    recording: Recording
    before: tuple[str, ...] = ()

    def told(self, ops: int) -> list[str]:
        return [*self.before, *self.recording.told(ops)]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(journal_life.BATCHES)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return lived(tmp_path_factory.mktemp("life"))


def lived(folder: Path, *phases: int, source: Path = ROOT) -> Life:
    """The journal of `source` lives in `folder`."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    return Life(power_cut.record(
        state, [sys.executable, str(LIFE), str(state), *map(str, phases)], folder / "trace",
        environment={"PYTHONPATH": str(source)}))


async def after_cuts(life: Life, model: Model, folder: Path, count: int, *, seed: int = 1,
                     lying: bool = False) -> Counter[str]:
    """How often the journal was found how, after so many cuts at random places."""
    rnd = random.Random(seed)
    disk = Disk(life.recording, lying=lying)
    found: Counter[str] = Counter()
    for at in cuts(rnd, len(life.recording.ops), count):
        disk.play(at)
        power_cut.write_files(folder / "cut", disk.cut(rnd))
        found[await judged(folder / "cut", life.told(at), model)] += 1
    print(count, "cuts in", len(life.recording.ops), "operations:", dict(found))
    return found


def test_the_life_has_everything_in_it(life: Life) -> None:
    """The log of writes begins anew in the middle of a life, or this would not be a life."""
    ops = Counter((op.kind, op.name) for op in life.recording.ops)
    assert ops["sync", "journal.db-wal"] > 300
    opened = sum(line.startswith("open ") for line in life.told(len(life.recording.ops)))
    begun_again = sum(op.kind == "write" and op.name.endswith("-wal") and op.at == 0
                      for op in life.recording.ops)
    assert begun_again > opened
    assert ops["new", "journal.db"] == 1
    told = life.told(len(life.recording.ops))
    assert sum(line.startswith("acked") for line in told) > 10
    assert sum(line.startswith("going") and not line.endswith(" 0") for line in told) > 10


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, LONG])])
async def test_after_any_cut_the_journal_opens_and_holds_what_was_told(
        life: Life, model: Model, tmp_path: Path, count: int) -> None:
    assert await after_cuts(life, model, tmp_path, count) == {WHOLE: count}


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=[pytest.mark.slow, LONG])])
async def test_a_journal_of_the_version_before_is_never_between_two(
        model: Model, tmp_path: Path, count: int) -> None:
    told = lived(tmp_path, 0).told(10**9)
    make_version_2(tmp_path / "state" / journal_life.FILE)
    moved = Life(lived(tmp_path, journal_life.SHORT_SECOND).recording, tuple(told))
    assert await after_cuts(moved, model, tmp_path, count) == {WHOLE: count}


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=[pytest.mark.slow, LONG])])
async def test_a_cut_while_the_cut_before_is_mended(
        life: Life, model: Model, tmp_path: Path, rounds: int) -> None:
    """The log of writes is found, played into the file and begun anew: and that is cut, too."""
    rnd = random.Random(2)
    disk = Disk(life.recording)
    last = next(n for n, op in enumerate(life.recording.ops) if op.data == b"sent 400")
    for at in cuts(rnd, last, rounds):
        disk.play(at)
        power_cut.write_files(tmp_path / "state", disk.cut(rnd))
        told = life.told(at)
        again = Life(power_cut.record(
            tmp_path / "state", [sys.executable, "-c", OPENED, str(tmp_path / "state")],
            tmp_path / "trace", environment={"PYTHONPATH": str(ROOT)}), tuple(told))
        assert await after_cuts(again, model, tmp_path, 40) == {WHOLE: 40}


OPENED = """
import asyncio, sys
from pathlib import Path
from edge.journal.journal import Journal
async def main():
    journal = await Journal.open(Path(sys.argv[1]) / "journal.db")
    print("open", journal.epoch, journal.boot, flush=True)
    await journal.close()
asyncio.run(main())
"""


# Each rule of the journal and of this harness, taken away: a cut must find it.

async def test_a_folder_that_was_never_synced_loses_the_file(
        life: Life, model: Model, tmp_path: Path) -> None:
    bare = Life(life.recording.without_folder_syncs())
    assert (await after_cuts(bare, model, tmp_path, 40))["the file is gone"] > 0


@pytest.mark.parametrize(("line", "instead"), [
    ("synchronous=FULL", "synchronous=NORMAL"),
    ("synchronous=FULL", "synchronous=OFF"),
    ("journal_mode=WAL", "journal_mode=DELETE"),
])
async def test_another_mode_of_sqlite_loses_rows(
        model: Model, tmp_path: Path, line: str, instead: str) -> None:
    source = tmp_path / "source"
    for room in ("controller", "journal"):
        shutil.copytree(ROOT / "edge" / room, source / "edge" / room)
    file = source / "edge" / "journal" / "schema.py"
    text = file.read_text(encoding="utf-8")
    assert line in text
    file.write_text(text.replace(line, instead), encoding="utf-8")
    found = await after_cuts(lived(tmp_path, 0, source=source), model, tmp_path, 100)
    assert found[WHOLE] < 90


@pytest.mark.slow
@LONG
async def test_a_card_that_lies_about_its_flush_is_at_least_noticed(
        life: Life, tmp_path: Path) -> None:
    """No promise can be kept on such a card; but what opens is a whole journal, or a new one beside
    what was set aside.
    """
    rnd = random.Random(3)
    disk = Disk(life.recording, lying=True)
    found: Counter[str] = Counter()
    for at in cuts(rnd, len(life.recording.ops), MANY // 20):
        disk.play(at)
        power_cut.write_files(tmp_path / "cut", disk.cut(rnd))
        try:
            journal, hurt = await open_journal(tmp_path / "cut" / journal_life.FILE)
        except JournalError as error:
            found[f"not opened: {error}"] += 1
            continue
        found["set aside" if hurt else "began anew" if journal.new else "opened"] += 1
        await journal.close()
    print(dict(found))
    assert not [how for how in found if how.startswith("not opened")]


def make_version_2(path: Path) -> None:
    """What the version before wrote: `stream` without tails, kept things without their hash."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in ("PRAGMA user_version = 0", "ALTER TABLE stream DROP COLUMN hash",
                          "ALTER TABLE stream DROP COLUMN tail",
                          "ALTER TABLE stream DROP COLUMN tail_hash",
                          "ALTER TABLE session DROP COLUMN hash", "ALTER TABLE kept DROP COLUMN hash",
                          "DROP TABLE ack_day", "UPDATE meta SET v = 2 WHERE k = 'schema'"):
            db.execute(statement)
