"""Without a controller: what its files tell."""

import fcntl
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.doctor.asking import Answer, Presence
from edge.doctor.finding import Finding, Grade
from edge.doctor.site_file import facts_of
from edge.doctor.without import examine, journal, presence, set_aside
from edge.journal.glance import glance
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow


async def written(state: Path) -> Path:
    """A journal with two rows and a session."""
    path = state / "journal.db"
    opened = await Journal.open(path)
    await opened.append(Batch(mono_ns=1, rows=tuple(
        NewRow(stream=Stream.TX, type="tx.event.v1", data=f'{{"n":{n}}}'.encode()) for n in range(2)),
        sessions={"t1": b'{"id":1}'}))
    await opened.close()
    return path


def answer(how: Presence, pid: int | None = None, error: str = "") -> Answer:
    return Answer(presence=how, path="/run/forecourt/service.sock", pid=pid, error=error)


def parts(found: list[Finding]) -> list[str]:
    return [f"{f.grade} {f.part}" for f in found]


@pytest.mark.parametrize(("how", "pid", "words"), [
    (Presence.ABSENT, None, "does not run"), (Presence.LEFT_OVER, None, "does not run"),
    (Presence.FORBIDDEN, None, "may not connect"), (Presence.REFUSES, 7, "answers, and not with"),
    (Presence.SILENT, 7, "pid 7 is stopped by a signal"), (Presence.SILENT, 8, "does not answer")])
def test_why_nobody_answers(tmp_path: Path, how: Presence, pid: int | None, words: str) -> None:
    for number, letter in ((7, "T"), (8, "S")):
        (tmp_path / f"proc/{number}").mkdir(parents=True)
        (tmp_path / f"proc/{number}/stat").write_text(f"{number} (python) {letter} 1 1")
    (found,) = presence(answer(how, pid), None, tmp_path)
    assert found.grade is Grade.WRONG and words in found.what and found.remedy


def test_a_safe_stop_says_why_and_how_to_leave_it() -> None:
    (found,) = presence(answer(Presence.SAFE_STOP, 7, "3 failed runs"), None)
    assert found.part == "safe stop" and "3 failed runs" in found.what
    assert "faults clear F606" in found.remedy


async def test_a_journal_that_is_whole_and_one_that_is_not(tmp_path: Path) -> None:
    path = await written(tmp_path)
    (found,) = journal(tmp_path, None)
    assert found.grade is Grade.OK and "whole" in found.what and "tx 2" in found.what
    before = path.read_bytes()
    at = before.rindex(b'{"n":1}')
    path.write_bytes(before[:at] + b'{"n":7}' + before[at + 7:])
    (found,) = journal(tmp_path, None)
    assert found.grade is Grade.WRONG and "tx at row 2" in found.what
    path.write_bytes(b"\x55" * 512 + before[512:])
    (found,) = journal(tmp_path, None)
    assert found.grade is Grade.WRONG and "damaged" in found.what
    assert path.read_bytes()[:512] == b"\x55" * 512, "nothing is mended by looking"


def test_a_journal_that_somebody_holds_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no journal")
    (found,) = journal(tmp_path, 411)
    assert found.grade is Grade.OK and "411" in found.what


def test_a_site_that_has_no_journal_yet(tmp_path: Path) -> None:
    assert parts(list(journal(tmp_path, None))) == ["attention journal"]


def test_damaged_journals_that_were_kept_are_listed(tmp_path: Path) -> None:
    for name in ("journal.db.damaged-20261121T100000", "journal.db.damaged-20261121T100000-wal"):
        (tmp_path / name).touch()
    (found,) = set_aside(tmp_path)
    assert found.what == "journal.db.damaged-20261121T100000"


def test_who_holds_the_lock_without_a_socket_is_said_to_start(tmp_path: Path) -> None:
    import os
    (tmp_path / "site.toml").write_text('[paths]\nstate = "."\nrun = "run"\n')
    with (tmp_path / "journal.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = examine(facts_of(tmp_path / "site.toml"), answer(Presence.ABSENT), tmp_path / "run")
    assert f"pid {os.getpid()} has the journal and no socket yet: it starts" in found[0].what
    file = next(f for f in found if f.part == "site file")
    assert file.grade is Grade.WRONG, "it lacks nearly everything"


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("[site\n")
    assert "line 1" in facts_of(path).error
    assert "No such file" in facts_of(tmp_path / "none.toml").error


def test_devices_are_read_out_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[[bus]]\nurl = "rtu:/dev/a?baud=9600"\n[[bus]]\nurl = "tcp:10.0.0.1:502"\n'
                    '[[reader]]\npath = "tty:AMA0:pn532"\n[[reader]]\npath = "usb:072f:2200"\n'
                    'paths = 3\n')
    assert facts_of(path).devices == ("/dev/a", "/dev/ttyAMA0")


async def test_a_glance_takes_the_newest_rows_and_what_can_be_read(tmp_path: Path) -> None:
    path = await written(tmp_path)
    found = glance(path, 1)
    assert [row.data for row in found.rows[Stream.TX]] == [b'{"n":1}']
    assert found.sessions == {"t1": b'{"id":1}'} and found.troubles == ()
    path.write_bytes(b"\x55" * 512 + path.read_bytes()[512:])
    found = glance(path, 1)
    assert found.rows[Stream.TX] == () and len(found.troubles) >= 3
