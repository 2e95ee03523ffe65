"""What outlives a restart beside rows and sessions, and files of the version that knew none of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.aside import set_aside
from edge.journal.errors import BadBatch, JournalDamaged, JournalInUse, JournalTooNew
from edge.journal.lock import OneOwner
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify

ROW = NewRow(stream=Stream.TX, type="t.v1", data=b"{}")


def opened(path: Path, epoch: str = "00112233aabbccdd") -> Store:
    return Store.open(path, new_epoch=lambda: epoch, busy_s=0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def old(path: Path) -> Path:
    """A file as the first version left it: two rows, one open session, no table `kept`."""
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, rows=(ROW, ROW), sessions={"t1": b"body"})])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE kept")
        db.execute("UPDATE meta SET v = 1 WHERE k = 'schema'")
    return path


def test_a_kept_value_is_replaced_and_forgotten_by_its_key(path: Path) -> None:
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, kept={"wear:1": b"a", "wear:2": b"b"})])
        store.append([Batch(mono_ns=2, kept={"wear:1": b"c", "wear:2": None})])
    with closing(opened(path)) as store:
        assert store.kept() == {"wear:1": b"c"}


def test_a_kept_value_is_committed_with_the_rows_of_its_batch_or_not_at_all(path: Path) -> None:
    with closing(opened(path)) as store:
        with pytest.raises(BadBatch):
            store.append([Batch(mono_ns=2**80, rows=(ROW,), kept={"k": b"x"})])
        assert store.kept() == {}
        store.append([Batch(mono_ns=1, rows=(ROW,), kept={"k": b"x"})])
        assert store.kept() == {"k": b"x"}


def test_a_batch_that_keeps_something_is_not_empty() -> None:
    assert Batch(mono_ns=1).empty and not Batch(mono_ns=1, kept={"k": None}).empty


def test_only_the_start_that_created_the_file_finds_it_new(path: Path) -> None:
    for new in (True, False, False):
        with closing(opened(path)) as store:
            assert store.new is new


def test_a_file_of_version_1_keeps_its_rows_and_sessions_and_gets_the_table(old: Path) -> None:
    with closing(opened(old, epoch="ffffffffffffffff")) as store:
        assert store.epoch == "00112233aabbccdd" and not store.new
        assert [row.seq for row in store.read(Stream.TX, 0, 10)] == [1, 2]
        assert store.sessions() == {"t1": b"body"}
        store.append([Batch(mono_ns=3, rows=(ROW,), kept={"k": b"x"})])
    with closing(opened(old)) as store:
        assert store.kept() == {"k": b"x"}
    assert verify(old).rows[Stream.TX] == 3 and not verify(old).breaks


def test_every_version_before_ours_has_a_migration() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))


def test_a_file_of_a_later_version_is_left_alone_and_not_called_damaged(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET v = v + 1 WHERE k = 'schema'")
        db.execute("ALTER TABLE kept RENAME TO renamed")
    with pytest.raises(JournalTooNew, match="expected"):
        opened(path)


def test_a_damaged_file_is_set_aside_whole_and_a_new_journal_begins(path: Path) -> None:
    path.parent.mkdir()
    rubbish = b"not a database at all, but long enough to look at" * 100
    path.write_bytes(rubbish)
    with pytest.raises(JournalDamaged):
        opened(path)
    aside = set_aside(path)
    assert aside.read_bytes() == rubbish and not path.exists()
    with closing(opened(path)) as store:
        assert store.new


def test_two_files_may_be_set_aside_within_one_second(path: Path) -> None:
    path.parent.mkdir()
    found = set()
    for content in (b"a", b"b"):
        path.write_bytes(content)
        path.with_name("journal.db-wal").write_bytes(content * 2)
        found.add(set_aside(path))
    assert {p.read_bytes() for p in found} == {b"a", b"b"}
    assert {p.with_name(p.name + "-wal").read_bytes() for p in found} == {b"aa", b"bb"}


def test_a_journal_in_use_is_not_taken_from_its_owner(path: Path) -> None:
    opened(path).close()
    owner = OneOwner(path)
    with pytest.raises(JournalInUse):
        set_aside(path)
    owner.release()
    assert path.exists()
