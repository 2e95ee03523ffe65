"""A controller that was killed while a thread hung in its disk: gone, and still holding its lock."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.journal.errors import JournalInUse
from edge.journal.lock import OneOwner
from edge.station.relays import LOCK, is_buried_alive

pytestmark = pytest.mark.wire

OWNER = """
import ctypes, sys, threading, time
from pathlib import Path
from edge.journal.lock import OneOwner
owner = OneOwner(Path(sys.argv[1]))
threading.Thread(target=time.sleep, args=(600,)).start()
print("held", flush=True)
if sys.stdin.readline().strip() == "end":
    ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / LOCK)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_only_an_owner_whose_main_thread_has_ended_drives_nothing(
        tmp_path: Path, owner: "subprocess.Popen[str]") -> None:
    lock = tmp_path / f"{LOCK}.lock"
    assert not is_buried_alive(lock), "it lives"
    assert owner.stdin is not None
    owner.stdin.write("end\n")
    owner.stdin.flush()
    deadline = time.monotonic() + 30
    while not is_buried_alive(lock):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(JournalInUse):
        OneOwner(tmp_path / LOCK)
    owner.kill()
    owner.wait()
    assert not is_buried_alive(lock), "it is gone"
    OneOwner(tmp_path / LOCK).release()


@pytest.mark.parametrize("content", ["", "x", "-1", "999999999"])
def test_a_lock_file_that_names_nobody_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.lock").write_text(content)
    assert not is_buried_alive(tmp_path / "a.lock") and not is_buried_alive(tmp_path / "none.lock")
