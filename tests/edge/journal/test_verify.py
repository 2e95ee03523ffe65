"""`verify` needs nothing but the file, and names the row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with closing(Store.open(path, new_epoch=lambda: "00112233aabbccdd")) as store:
        for seq in range(1, 6):
            store.append([Batch(mono_ns=seq, rows=(
                NewRow(stream=Stream.TX, type="tx.event.v1", data=b'{"row": %d, "x": "%s"}' % (
                    seq, b"PAYLOAD" * 10)),
                NewRow(stream=Stream.EV, type="ev.status.v1", data=b"{}")))])
    return path


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def test_a_whole_journal_has_no_break(path: Path) -> None:
    found = verify(path)
    assert found.breaks == ()
    assert (found.epoch, found.boot) == ("00112233aabbccdd", 1)
    assert found.rows == {Stream.TX: 5, Stream.EV: 5, Stream.TM: 0}


def test_a_journal_in_use_can_be_verified(path: Path) -> None:
    with closing(Store.open(path, new_epoch=lambda: "")) as store:
        store.append([Batch(mono_ns=9, rows=(NewRow(stream=Stream.TM, type="t", data=b"{}"),))])
        found = verify(path)
        assert found.breaks == ()
        assert found.rows[Stream.TM] == 1


def test_a_flipped_bit_in_the_file_is_found_at_its_row(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b'{"row": 3, "x": "PAYLOAD') + 20
    content[at] ^= 0x01
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]  # SQLite sees nothing
    assert [(b.stream, b.seq) for b in verify(path).breaks] == [(Stream.TX, 3)]


@pytest.mark.parametrize(("sql", "expected"), [
    ("UPDATE row_tx SET mono_ns = mono_ns + 1 WHERE seq = 2", [(Stream.TX, 2)]),
    ("UPDATE row_tx SET clock_ok = 1 WHERE seq = 1", [(Stream.TX, 1)]),
    ("UPDATE row_ev SET utc = '2026' WHERE seq = 5", [(Stream.EV, 5)]),
    ("DELETE FROM row_tx WHERE seq = 3", [(Stream.TX, 3)]),
    ("DELETE FROM row_ev WHERE seq = 5", [(Stream.EV, 5)]),
    ("UPDATE row_tx SET hash = zeroblob(32) WHERE seq = 4", [(Stream.TX, 4), (Stream.TX, 5)]),
    ("UPDATE meta SET v = 'ffffffffffffffff' WHERE k = 'epoch'",
     [(stream, seq) for stream in (Stream.TX, Stream.EV) for seq in range(1, 6)]),
])
def test_a_change_is_found_at_its_row(path: Path, sql: str,
                                      expected: list[tuple[Stream, int]]) -> None:
    change(path, sql)
    assert [(b.stream, b.seq) for b in verify(path).breaks] == expected


def test_what_is_no_journal_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no such file"):
        verify(tmp_path / "none.db")
    other = tmp_path / "other.db"
    other.write_bytes(b"something else" * 1000)
    with pytest.raises(JournalDamaged, match="not a database"):
        verify(other)


def test_a_name_that_is_not_the_one_that_was_written_is_damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"head_hash", b"head_\xff\xfesh"))
    with pytest.raises(JournalDamaged):
        verify(path)
