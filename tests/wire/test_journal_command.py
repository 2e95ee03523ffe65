"""`forecourt journal` in a process of its own: beside a controller, into a pipe that closes, and where
nothing can be written.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.errors import JournalInUse
from edge.journal.mend import mend
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store

pytestmark = pytest.mark.wire

COMMAND = [sys.executable, "-c",
           "import sys; from edge.journal.command import main; sys.exit(main(sys.argv[1:]))"]
NOBODY = 65534

WRITER = """
import asyncio, sys
from pathlib import Path
from edge.controller.effects import Stream
from edge.journal.journal import Journal
from edge.journal.errors import JournalInUse
from edge.journal.mend import mend
from edge.journal.row import Batch, NewRow

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    print("open", flush=True)
    for n in range(10**9):
        await journal.append(Batch(mono_ns=n, rows=tuple(
            NewRow(stream=s, type="t", data=bytes(200)) for s in Stream)))

asyncio.run(main())
"""


def run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], text=True, capture_output=True, timeout=60,
                          check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A journal that its controller writes to as fast as it can."""
    path = tmp_path / "journal.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], text=True,
                              stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == "open\n"
    yield path
    writer.kill()
    writer.wait()
    writer.stdout.close()


def test_a_journal_that_grows_is_whole_and_its_log_is_not_held_up(live: Path) -> None:
    seen = 0
    for _ in range(5):
        told = run("verify", "--json", str(live))
        found = json.loads(told.stdout)
        assert told.returncode == 0 and found["whole"], told.stdout + told.stderr
        assert found["rows"]["tm"] >= seen
        seen = found["rows"]["tm"]
    assert json.loads(run("stats", "--json", str(live)).stdout)["controller"] is True
    # A reader that stays would let it grow for as long: SQLite starts it anew at 1000 pages.
    deadline = time.monotonic() + 60
    while (size := Path(f"{live}-wal").stat().st_size) > 20_000_000:
        assert time.monotonic() < deadline, size
        time.sleep(0.05)


def test_a_pipe_that_closes_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Store.open(path, new_epoch=lambda: "0" * 16)) as store:
        store.append([Batch(mono_ns=n, rows=(NewRow(stream=Stream.TM, type="t", data=bytes(2000)),))
                      for n in range(500)])
    export = subprocess.Popen([*COMMAND, "export", str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    assert export.stdout is not None and export.stderr is not None
    assert json.loads(export.stdout.readline())["seq"] == 1
    export.stdout.close()
    assert (export.stderr.read(), export.wait(60)) == (b"", 0)
    export.stderr.close()


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder that others may look into: pytest's own are closed to them, again at every start."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_second_controller_is_refused_until_the_first_is_dead(live: Path) -> None:
    second = [sys.executable, "-c", WRITER, str(live)]
    for _ in range(2):
        told = subprocess.run(second, text=True, capture_output=True, timeout=60, check=False)
        assert told.returncode == 1 and told.stdout == ""
        assert "JournalInUse" in told.stderr and "is in use by process" in told.stderr
    with pytest.raises(JournalInUse):
        mend(live, "it looks damaged to somebody")
    assert json.loads(run("verify", "--json", str(live)).stdout)["whole"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
@pytest.mark.parametrize("with_wal", [False, True])
def test_a_copy_is_read_where_nothing_can_be_written(everybodys: Path, with_wal: bool) -> None:
    tmp_path = everybodys
    folder = tmp_path / "medium"
    folder.mkdir()
    path = folder / "journal.db"
    store = Store.open(tmp_path / "other.db", new_epoch=lambda: "0" * 16)
    with closing(store):
        store.append([Batch(mono_ns=1, rows=(NewRow(stream=Stream.TX, type="t", data=b"{}"),))])
        for part in ("", "-wal") if with_wal else ():
            Path(f"{path}{part}").write_bytes(Path(f"{tmp_path}/other.db{part}").read_bytes())
    if not with_wal:
        path.write_bytes((tmp_path / "other.db").read_bytes())
    for file in (*folder.iterdir(), folder):
        file.chmod(0o555 if file is folder else 0o444)
    before = sorted(file.name for file in folder.iterdir())
    program = ("import os, sys\nfrom edge.journal.command import main\n"
               f"main(['verify', {str(tmp_path / 'other.db')!r}])\n"  # loads what only root may read
               f"os.chdir({str(folder)!r})\nos.setgid({NOBODY})\nos.setuid({NOBODY})\n"
               "print('nobody')\nsys.exit(main(['verify', 'journal.db']))")
    told = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, timeout=60,
                          check=False)
    assert told.returncode == 0, told.stderr
    assert "tx 1" in told.stdout.split("nobody")[1]
    assert sorted(file.name for file in folder.iterdir()) == before
