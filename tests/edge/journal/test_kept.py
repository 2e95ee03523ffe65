"""What outlives a restart beside rows and sessions, and files of the version that knew none of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.aside import move_aside, note_of
from edge.journal.errors import BadBatch, JournalDamaged, JournalInUse, JournalTooNew
from edge.journal.lock import OneOwner
from edge.journal.mend import mend
from edge.journal.row import NO_ROW, Batch, NewRow, kept_hash
from edge.journal.store import Store
from edge.journal.verify import verify

ROW = NewRow(stream=Stream.TX, type="t.v1", data=b"{}")


def opened(path: Path, epoch: str = "00112233aabbccdd") -> Store:
    return Store.open(path, new_epoch=lambda: epoch, busy_s=0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


def old(path: Path, version: int) -> Path:
    """A file as that version left it: two rows, one open session; the second version's kept values."""
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, rows=(ROW, ROW), sessions={"t1": b"body"}, kept={"k": b"x"})])
    path.rename(new := path.with_name("new"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ATTACH ? AS new", (str(new),))
        db.executescript(OLD + "".join(
            f"CREATE TABLE row_{s.value}(seq INTEGER PRIMARY KEY, type TEXT NOT NULL, utc TEXT,"
            " boot INTEGER NOT NULL, mono_ns INTEGER NOT NULL, clock_ok INTEGER NOT NULL, data BLOB"
            f" NOT NULL, hash BLOB NOT NULL) STRICT; INSERT INTO row_{s.value} SELECT * FROM"
            f" new.row_{s.value};" for s in Stream))
        if version > 1:
            db.executescript("CREATE TABLE kept(key TEXT PRIMARY KEY, body BLOB NOT NULL)"
                             " WITHOUT ROWID; INSERT INTO kept SELECT key, body FROM new.kept;")
        db.execute("UPDATE meta SET v = ? WHERE k = 'schema'", (version,))
    new.unlink()
    return path


OLD = """
CREATE TABLE meta(k TEXT PRIMARY KEY, v NOT NULL) WITHOUT ROWID;
INSERT INTO meta SELECT * FROM new.meta;
CREATE TABLE stream(name TEXT PRIMARY KEY, head INTEGER NOT NULL, head_hash BLOB NOT NULL,
  acked INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO stream SELECT name, head, head_hash, acked FROM new.stream;
CREATE TABLE session(transaction_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO session SELECT transaction_id, body FROM new.session;
"""


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


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_keeps_its_rows_and_sessions_and_gets_the_rest(
        path: Path, version: int) -> None:
    assert not verify(old(path, version)).breaks
    with closing(opened(path, epoch="ffffffffffffffff")) as store:
        assert store.epoch == "00112233aabbccdd" and not store.new
        assert [row.seq for row in store.read(Stream.TX, 0, 10)] == [1, 2]
        assert store.heads()[Stream.TX].tail == 0 and store.heads()[Stream.TX].tail_hash == NO_ROW
        assert store.sessions() == {"t1": b"body"}
        assert store.kept() == ({"k": b"x"} if version > 1 else {})
        store.append([Batch(mono_ns=3, rows=(ROW,), kept={"k2": b"y"})])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT hash FROM session").fetchall() == [(kept_hash("t1", b"body"),)]
        assert db.execute("SELECT key, hash FROM kept").fetchall() == [
            *([("k", kept_hash("k", b"x"))] if version > 1 else []), ("k2", kept_hash("k2", b"y"))]
    assert verify(path).rows[Stream.TX] == 3 and not verify(path).breaks


def test_the_hash_of_what_is_kept_tells_name_and_body_apart() -> None:
    assert len({kept_hash("a", b"b"), kept_hash("ab", b""), kept_hash("", b"ab")}) == 3


def test_every_version_before_ours_has_a_migration() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))


def test_a_file_of_a_later_version_is_left_alone_and_not_called_damaged(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET v = v + 1 WHERE k = 'schema'")
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.execute("ALTER TABLE kept RENAME TO renamed")
    with pytest.raises(JournalTooNew, match="expected"):
        opened(path)


def set_aside(path: Path) -> Path:
    note = move_aside(path, "damaged")
    note_of(path).unlink()
    return path.with_name(note.to)


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
        mend(path)
    owner.release()
    assert path.exists()
