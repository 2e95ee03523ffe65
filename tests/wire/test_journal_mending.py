"""A damaged journal is mended once, whenever the process dies over it; the old file stays whole."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from journal_damage import Truth, written

from edge.controller.effects import Stream
from edge.journal.errors import JournalDamaged, JournalError, JournalInUse
from edge.journal.lock import OneOwner
from edge.journal.mend import mend, unfinished
from edge.journal.store import Store

pytestmark = pytest.mark.wire

NEW = "ffeeddccbbaa9988"
STEPS = ("os.rename", "os.remove", "open", "sqlite3.connect")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return written(tmp_path_factory.mktemp("written"), per_day=25)


def damaged(truth: Truth, folder: Path) -> Path:
    wal = bytearray(truth.wal)
    wal[32 + 20 * 4120 + 2000] ^= 4
    return truth.put(folder / "journal.db", wal=bytes(wal))


def die_at(step: int, path: Path) -> bool:
    """In a child: whether it was ended before it had done so many things to the folder."""
    child = os.fork()
    if child == 0:
        count = 0

        def count_down(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event in STEPS and str(path.parent) in str(arguments[0]):
                count += 1
                if count > step:
                    os._exit(9)

        sys.addaudithook(count_down)
        mend(path, "damaged", new_epoch=lambda: NEW)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def test_however_often_it_dies_the_next_start_ends_it(truth: Truth, tmp_path: Path) -> None:
    expected = None
    died = True
    step = 0
    while died:
        folder = tmp_path / str(step)
        folder.mkdir()
        path = damaged(truth, folder)
        before = {part: Path(f"{path}{part}").read_bytes() for part in ("", "-wal")}
        died = die_at(step, path)
        for later in (step - 3, 10**6):  # it may die again before it comes as far
            if later >= 0 and (unfinished(path) or path.read_bytes() == before[""]):
                die_at(later, path)
        assert not unfinished(path)
        with closing(Store.open(path, new_epoch=lambda: "0" * 16)) as store:
            report = store.untold()
            assert store.epoch == NEW and report is not None
            found = (report.streams, store.sessions(), store.kept(),
                     {stream: head.seq for stream, head in store.heads().items()})
        expected = expected or found
        assert found == expected, step
        aside = folder / report.aside
        assert {part: Path(f"{aside}{part}").read_bytes() for part in ("", "-wal")} == before, step
        assert sum(".damaged-" in file.name for file in folder.iterdir()) == 3, "set aside once"
        step += 1
    assert step > 12


def test_who_has_it_open_keeps_it(truth: Truth, tmp_path: Path) -> None:
    path = damaged(truth, tmp_path)
    owner = OneOwner(path)
    with pytest.raises(JournalInUse):
        mend(path, "damaged")
    owner.release()
    assert path.exists() and not unfinished(path)


LIMITED = """
import resource, sys
from pathlib import Path
from edge.journal.errors import JournalError
from edge.journal.mend import mend
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
try:
    mend(Path(sys.argv[1]), "damaged")
except JournalError as error:
    print("not mended:", error)
"""


def test_a_disk_with_little_room_takes_bills_first_and_loses_nothing(
        truth: Truth, tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to let a file grow: no root, no spare disk is needed."""
    told = []
    for limit in (30_000, 60_000, 100_000, 120_000, 150_000, 10_000_000):
        folder = tmp_path / str(limit)
        folder.mkdir()
        path = damaged(truth, folder)
        ran = subprocess.run([sys.executable, "-c", LIMITED, str(path), str(limit)], text=True,
                             capture_output=True, timeout=60, check=False)
        assert ran.stderr == ""
        if "not mended" in ran.stdout:
            assert unfinished(path) and not path.exists()
            told.append(-1)
            mend(path)  # room again
        with closing(Store.open(path, new_epoch=lambda: "")) as store:
            report = store.untold()
            assert report is not None and store.sessions() == truth.sessions
        tx, ev, tm = (report.streams[stream.value] for stream in Stream)
        assert all(one.told + one.left == len(truth.rows[stream]) - truth.acked[stream]
                   for stream, one in zip(Stream, (tx, ev, tm), strict=True))
        assert not tx.left or not tm.told, "bills first"
        if "not mended" not in ran.stdout:
            told.append(tx.told + ev.told + tm.told)
    assert told[0] == -1 and told == sorted(told) and told[-1] == 82 and len(set(told)) > 3, told


def test_a_start_after_the_disk_refused_the_note_changes_nothing(truth: Truth, tmp_path: Path) -> None:
    path = damaged(truth, tmp_path)
    path.with_name("journal.db.aside.tmp").mkdir()  # where the note would be written
    with pytest.raises(JournalError, match="cannot be mended"):
        mend(path, "damaged")
    assert path.exists()
    with pytest.raises(JournalDamaged):
        Store.open(path, new_epoch=lambda: "")
