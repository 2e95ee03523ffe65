"""Writes and fsyncs that fail, each one of a journal's first ones: every batch is there, once."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import bad_disk
import pytest

from edge.controller.effects import Stream
from edge.journal.lock import OneOwner
from edge.journal.store import Store
from edge.journal.verify import verify

pytestmark = [
    pytest.mark.wire,
    pytest.mark.skipif(bad_disk.why_not() is not None, reason=str(bad_disk.why_not()))]

ROOT = Path(__file__).parents[2]
BATCHES = 10

#: Opens the journal while the disk is well, then appends as the scribe does: the same again, in order.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow

def batch(n):
    return Batch(mono_ns=n, sessions={"1": b"%d" % n}, rows=(
        NewRow(stream=Stream.TX, type="t", data=b"%d" % n),))

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    print("open", flush=True)
    left, tries = list(range(int(sys.argv[2]))), 0
    while left:
        tries += 1
        futures = [journal.append(batch(n)) for n in left[:2]]
        told = await asyncio.gather(*futures, return_exceptions=True)
        left = [n for n, how in zip(left[:2], told) if isinstance(how, JournalError)] + left[2:]
        if any(isinstance(how, Exception) and not isinstance(how, JournalError) for how in told):
            raise SystemExit(told)
    await journal.close()
    print(tries)

asyncio.run(main())
"""


def run(path: Path, *before: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*before, sys.executable, "-c", SCRIPT, str(path), str(BATCHES)], text=True,
                          capture_output=True, timeout=60, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})


def holds_each_once(path: Path) -> None:
    assert verify(path).breaks == ()
    with closing(Store.open(path, new_epoch=lambda: "")) as store:
        assert [row.data for row in store.read(Stream.TX, 0, 500)] == [
            b"%d" % n for n in range(BATCHES)]
        assert store.sessions() == {"1": b"%d" % (BATCHES - 1)}


def tries_beside(path: Path, calls: str, error: str, first: int, count: int) -> int | None:
    """How often it was tried until all was told as written; None: the journal was never opened."""
    ran = run(path, *bad_disk.under(calls, error, first, count))
    if not ran.stdout.startswith("open"):
        return None
    assert ran.returncode == 0, ran.stderr
    holds_each_once(path)
    return int(ran.stdout.split()[1])


def test_a_disk_that_is_well_is_tried_once(tmp_path: Path) -> None:
    ran = run(tmp_path / "journal.db")
    assert ran.stdout.split() == ["open", str(BATCHES // 2)], ran.stderr
    holds_each_once(tmp_path / "journal.db")


CALLS = {"fdatasync": ("EIO",), "pwrite64": ("EIO", "ENOSPC")}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_fsync_that_fails_doubles_nothing(tmp_path: Path, count: int) -> None:
    """SQLite's log holds the commit whose fsync failed, and finds it when the file is opened again."""
    tried = [tries_beside(tmp_path / f"{first}.db", "fdatasync", "EIO", first, count)
             for first in (8, 10, 12, 14)]
    assert any(tries is not None and tries > BATCHES // 2 for tries in tried), tried


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("call", "error"), [(c, e) for c, errors in CALLS.items() for e in errors])
def test_any_call_that_fails_any_number_of_times_doubles_and_loses_nothing(
        tmp_path: Path, call: str, error: str) -> None:
    tried = [tries_beside(tmp_path / f"{first}-{count}.db", call, error, first, count)
             for first in range(1, 90 if call == "pwrite64" else 24) for count in (1, 2, 3, 6)]
    print(call, error, "first calls and counts:", len(tried), "opened:", len(tried) - tried.count(None))
    assert any(tries is not None and tries > BATCHES // 2 for tries in tried)


@pytest.mark.parametrize("held", [True, False])
def test_a_read_only_disk_still_tells_whose_journal_it_is(tmp_path: Path, held: bool) -> None:
    """Or a second controller would take it for a reason to drop the first one's relays."""
    path = tmp_path / "journal.db"
    owner = OneOwner(path)
    if not held:
        owner.release()
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-P", f"{path}.lock", "-e", "trace=openat",
         "-e", "inject=openat:error=EROFS:when=1", sys.executable, "-c",
         "import sys; from pathlib import Path; from edge.journal.lock import OneOwner;"
         "OneOwner(Path(sys.argv[1]))", str(path)], text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    in_use = f"JournalInUse: {path} is in use by process {os.getpid()}"
    assert (in_use if held else "Read-only file system") in tried.stderr
    if held:
        owner.release()
