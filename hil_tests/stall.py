"""Make a disk stand still under a running journal, for real, from outside its process.

Two ways. `held` works on every system: another process holds SQLite's write lock, so that every
commit of the journal waits inside SQLite until it is let go. `slow_fsync` delays the very system
calls, and needs strace with the right to trace (a child, or the same user without Yama's scope 1).
Neither needs root, a compiler or LD_PRELOAD, and neither touches the journal's content.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

START_S = 20.0

_HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""

_SLOWER = """
import sqlite3, sys, threading
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
end = threading.Event()
def go():
    while not end.wait(0.12):  # SQLite looks at a foreign lock every 0.1 s
        db.execute("BEGIN IMMEDIATE")
        end.wait(float(sys.argv[2]))
        db.execute("ROLLBACK")
db.execute("SELECT 1 FROM sqlite_schema")
looking = threading.Thread(target=lambda: (sys.stdin.read(), end.set()))
looking.start()
print("held", flush=True)
go()
looking.join()
"""


@contextlib.contextmanager
def held(journal: Path) -> Iterator[None]:
    """While inside, no commit to the SQLite file `journal` finishes; they go on afterwards.

    The journal sees it go on within 0.1 s (SQLite looks at a foreign lock that often). Returns
    control once the lock is held; raises `RuntimeError` if it cannot be had.
    """
    with _locking(_HOLDER, str(journal)):
        yield


@contextlib.contextmanager
def slowed(journal: Path, hold_s: float) -> Iterator[None]:
    """While inside, a commit to the SQLite file `journal` mostly waits, `hold_s` and 0.1 s at most."""
    with _locking(_SLOWER, str(journal), str(hold_s)):
        yield


@contextlib.contextmanager
def _locking(script: str, *arguments: str) -> Iterator[None]:
    holder = subprocess.Popen([sys.executable, "-c", script, *arguments], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None and holder.stdout is not None
    try:
        if holder.stdout.readline() != "held\n":
            raise RuntimeError(f"cannot lock {arguments[0]}")
        yield
    finally:
        holder.stdin.close()  # it ends, and its lock with it
        holder.stdout.close()
        holder.wait(START_S)


def can_trace() -> bool:
    """Whether strace is there and may delay a system call of a process that is already running."""
    if shutil.which("strace") is None:
        return False
    idle = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"],
                            stdin=subprocess.PIPE)
    assert idle.stdin is not None
    try:
        with slow_fsync(idle.pid, 0.001):
            return True
    except RuntimeError:
        return False
    finally:
        idle.stdin.close()
        idle.wait(START_S)


@contextlib.contextmanager
def slow_fsync(pid: int, delay_s: float) -> Iterator[None]:
    """While inside, each fsync and fdatasync of process `pid` takes `delay_s` longer.

    Raises `RuntimeError` when strace cannot attach; ask `can_trace` first.
    """
    delay_us = round(delay_s * 1e6)
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
         "-e", f"inject=fsync,fdatasync:delay_enter={delay_us}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_attached(tracer, pid)
        yield
    finally:
        tracer.terminate()  # it lets the process go unharmed
        tracer.wait(START_S + delay_s)


def wait_attached(tracer: subprocess.Popen[bytes], pid: int) -> None:
    """Until every thread of `pid` is traced. Raises `RuntimeError`."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if tracer.poll() is not None:
            raise RuntimeError(f"strace cannot attach to {pid}")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            if all(_tracer_of(task) == tracer.pid for task in tasks):
                return
        time.sleep(0.02)
    raise RuntimeError(f"strace did not attach to {pid} within {START_S} s")


def _tracer_of(task: Path) -> int:
    for line in (task / "status").read_text().splitlines():
        if line.startswith("TracerPid:"):
            return int(line.split()[1])
    return 0
