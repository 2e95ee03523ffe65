"""`forecourt journal` says what is so, to people and to machines, and fails with the right status."""

import base64
import json
from contextlib import closing
from pathlib import Path

import pytest
from journal_damage import EPOCH, Truth, written

from edge.controller.effects import Stream
from edge.journal.command import main
from edge.journal.lock import OneOwner
from edge.journal.mend import mend
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return written(tmp_path_factory.mktemp("written"), days=2, per_day=15)


@pytest.fixture
def path(truth: Truth, tmp_path: Path) -> Path:
    """After an orderly end."""
    path = truth.put(tmp_path / "journal.db")
    Store.open(path, new_epoch=lambda: "").close()
    return path


def flip(path: Path, needle: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[content.rindex(needle) + 30] ^= 1
    path.write_bytes(content)


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_whole_journal_is_said_to_be(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"journal {EPOCH}, opened 3 times" in out and "tm 30" in out and "Whole" in out


def test_a_broken_chain_is_named_at_its_row(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(path, truth.rows[Stream.TX][7].data)
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert "tx 7: its content or its place is not what its hash says\nBROKEN." in out
    assert main(["verify", "--json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["whole"] is False
    assert [(b["stream"], b["seq"]) for b in told["breaks"]] == [("tx", 7)]


def test_a_damaged_session_breaks_it_too(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, body = next(iter(truth.sessions.items()))
    flip(path, body[:200])
    assert main(["verify", str(path)]) == 1
    assert f"session {name} is not what its hash says" in capsys.readouterr().out


def test_commits_that_the_wal_lost_break_it(
        truth: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As of a file that was set aside, under any name."""
    path = truth.put(tmp_path / "journal.db.damaged-x", wal=truth.wal[:len(truth.wal) // 2])
    assert main(["verify", str(path)]) == 1
    assert "that were committed" in capsys.readouterr().out


def test_what_cannot_be_read_is_status_2_and_says_what_helps(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(b"not a database at all" * 1000)
    for command in ("verify", "stats", "export"):
        assert main([command, str(path)]) == 2
        told = capsys.readouterr()
        assert "file is not a database" in told.err and told.out == ""
    assert main(["verify", str(path.with_name("none.db"))]) == 2
    assert "no such file" in capsys.readouterr().err


def test_stats_tell_rows_by_day_and_who_has_it_open(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    owner = OneOwner(path)
    assert main(["stats", str(path)]) == 0
    owner.release()
    out = capsys.readouterr().out
    assert "tm: rows 1 to 30, acknowledged up to 7" in out and "2026-03-01" in out
    assert "a controller has it open" in out and "30 rows" in out
    assert main(["stats", "--json", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["streams"]["tm"]["rows"] == 30 and told["controller"] is False
    assert told["streams"]["tm"]["days"][0]["rows"] == 30


def test_exported_rows_have_their_exact_bytes_and_hashes(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(path)]) == 0
    told = lines(capsys.readouterr().out)
    assert len(told) == sum(len(rows) for rows in truth.rows.values())
    for one in told:
        row = truth.rows[Stream(str(one["stream"]))][int(str(one["seq"]))]
        assert str(one["data"]).encode() == row.data
        assert (one["prev"], one["hash"]) == (row.prev.hex(), row.hash.hex())


def test_export_picks_by_stream_number_and_type(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(path), "--stream", "tx", "--after", "3", "--type", "tx.cdr.v1"]) == 0
    assert [one["seq"] for one in lines(capsys.readouterr().out)] == [
        seq for seq, row in truth.rows[Stream.TX].items() if seq > 3 and row.type == "tx.cdr.v1"]


def test_bytes_that_are_no_text_are_told_in_base64(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal.db"
    with closing(Store.open(path, new_epoch=lambda: EPOCH)) as store:
        store.append([Batch(mono_ns=1, rows=(NewRow(stream=Stream.EV, type="t", data=b"\xff\0"),))])
    assert main(["export", str(path)]) == 0
    (one,) = lines(capsys.readouterr().out)
    assert base64.b64decode(str(one["data_base64"])) == b"\xff\0" and "data" not in one


def test_rows_of_a_file_that_sqlite_cannot_read_are_exported_row_by_row(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(path.read_bytes())
    content[:4096] = bytes(4096)
    path.write_bytes(content)
    mend(path, "damaged")
    (aside,) = (file for file in path.parent.iterdir() if ".damaged-" in file.name)
    assert main(["export", str(aside)]) == 2
    capsys.readouterr()
    assert main(["export", str(aside), "--salvaged", "--stream", "tx"]) == 0
    assert [one["seq"] for one in lines(capsys.readouterr().out)] == list(truth.rows[Stream.TX])


def test_rows_that_are_told_again_are_exported_as_they_lie(
        truth: Truth, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(path, truth.rows[Stream.TM][20].data)
    mend(path, "damaged")
    assert main(["verify", str(path)]) == 0
    capsys.readouterr()
    assert main(["export", str(path), "--type", "tx.salvaged.v1"]) == 0
    inside = [json.loads(str(one["data"])) for one in lines(capsys.readouterr().out)]
    assert {one["epoch"] for one in inside} == {EPOCH}
    assert main(["stats", str(path)]) == 0
    assert "It follows a damaged journal" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [
    [], ["export"], ["export", "x", "--stream", "zz"], ["vrfy", "x"]])
def test_wrong_arguments_are_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["verify", "stats", "export"])
def test_not_a_byte_of_the_file_is_changed(path: Path, command: str) -> None:
    before = path.read_bytes()
    assert main([command, str(path)]) == 0
    assert path.read_bytes() == before
