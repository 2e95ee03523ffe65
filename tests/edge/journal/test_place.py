"""A journal's file that is deleted, renamed or replaced while it is open is put back, complete."""

import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify

EPOCH = "00112233aabbccdd"


def batch(n: int) -> Batch:
    return Batch(mono_ns=n, sessions={"1": b"%d" % n},
                 rows=(NewRow(stream=Stream.TX, type="t", data=b"%d" % n + bytes(3000)),))


def opened(path: Path) -> Store:
    return Store.open(path, new_epoch=lambda: EPOCH)


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("moved"))


def empty_file(path: Path) -> None:
    (path.parent / "empty").touch()
    (path.parent / "empty").replace(path)


def delete_log(path: Path) -> None:
    path.with_name("journal.db-wal").unlink()


def another_log(path: Path) -> None:
    (path.parent / "other").write_bytes(b"not ours")
    (path.parent / "other").replace(path.with_name("journal.db-wal"))


def an_older_copy(path: Path) -> None:
    (path.parent / "older").replace(path)


@pytest.mark.parametrize("trouble", [
    delete, delete_all, rename, empty_file, an_older_copy, delete_log, another_log])
def test_everything_is_there_again(tmp_path: Path, trouble: Callable[[Path], None]) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.append([batch(0)])
    shutil.copy(path, tmp_path / "older")
    with closing(opened(path)) as store:
        boot = store.boot
        for n in range(1, 10):
            store.append([batch(n)])
        trouble(path)
        for n in range(10, 20):
            assert store.append([batch(n)])[0][0].seq == n + 1
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert verify(path).breaks == ()
    with closing(opened(path)) as store:
        assert (store.epoch, store.boot, store.new) == (EPOCH, boot + 1, False)
        assert [row.mono_ns for row in store.read(Stream.TX, 0, 500)] == list(range(20))
        assert store.sessions() == {"1": b"19"}


def test_what_has_its_name_meanwhile_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        store.append([batch(0)])
        path.unlink()
        path.write_bytes(b"somebody's")
        store.append([batch(1)])
    (stranger,) = tmp_path.glob("journal.db.stranger-*")
    assert stranger.read_bytes() == b"somebody's"


def test_without_its_folder_nothing_is_promised_and_all_of_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    with closing(opened(path)) as store:
        store.append([batch(0)])
        path.parent.rename(tmp_path / "away")
        path.parent.write_bytes(b"")  # no folder can be made there
        with pytest.raises(JournalError, match="state"):
            store.append([batch(1)])
        path.parent.unlink()
        assert store.append([batch(1)])[0][0].seq == 2
    assert verify(path).rows[Stream.TX] == 2


@pytest.mark.parametrize("there", ["", "journal.db", "journal.db-wal"])
def test_a_process_that_dies_over_it_leaves_it_to_the_next_start(tmp_path: Path, there: str) -> None:
    """As after a power cut between any two of its renames: a log of somebody else may lie there."""
    path = tmp_path / "journal.db"
    with closing(opened(path)) as store:
        for n in range(3):
            store.append([batch(n)])
        rescued = tmp_path / "rescued"
        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(rescued)) as to:
            db.backup(to)
    path.unlink()
    rescued.rename(path.with_name("journal.db.rescued"))
    if there:
        path.with_name(there).write_bytes(b"somebody's")
    with closing(opened(path)) as store:
        assert [row.mono_ns for row in store.read(Stream.TX, 0, 500)] == [0, 1, 2] and not store.new
    assert not path.with_name("journal.db.rescued").exists()
    assert len([*tmp_path.glob("journal.db.stranger-*")]) == (there != "")
