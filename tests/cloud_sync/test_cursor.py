"""`sync.db` keeps positions, forwards only, and a damaged one stops nothing."""

import sqlite3

import pytest

from cloud_sync.command import main
from cloud_sync.cursor import CursorStore, Position


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "sync.db"


def test_keeps_positions_of_each_epoch(path):
    store = CursorStore(path)
    store.save("a", {"tx": Position(seq=5, hash="55"), "ev": Position(seq=1, hash="11")})
    store.save("b", {"tx": Position(seq=2, hash="22")})
    store.close()

    store = CursorStore(path)
    assert store.load("a") == {"tx": Position(seq=5, hash="55"), "ev": Position(seq=1, hash="11")}
    assert store.load("b") == {"tx": Position(seq=2, hash="22")}
    assert store.load("c") == {}
    store.close()


def test_never_goes_backwards(path):
    store = CursorStore(path)
    store.save("a", {"tx": Position(seq=5, hash="55")})
    store.save("a", {"tx": Position(seq=4, hash="44")})
    assert store.load("a") == {"tx": Position(seq=5, hash="55")}
    store.close()


def test_puts_a_damaged_file_aside_and_begins_anew(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    store = CursorStore(path)
    assert store.load("a") == {}
    store.close()
    assert path.with_name("sync.db.damaged").read_bytes().startswith(b"this is no")


def test_goes_on_when_the_disk_will_not(path, caplog):
    store = CursorStore(path)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert not store.save("a", {"tx": Position(seq=5, hash="55")})
    assert "locked" in caplog.text
    lock.execute("ROLLBACK")
    lock.close()
    assert store.save("a", {"tx": Position(seq=5, hash="55")})
    store.close()


def test_sync_says_in_one_line_that_it_cannot_keep_anything(tmp_path, capsys):
    (tmp_path / "sync.db").mkdir()
    assert main(["--run-dir", str(tmp_path), "--state-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("forecourt sync: ")
    assert str(tmp_path / "sync.db") in said
