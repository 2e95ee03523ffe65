"""Make a disk fail under a program, for real: its system calls end in an error before they do anything.

By strace, with the right to trace; `why_not` says why it cannot be had.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from power_cut import why_not

from hil_tests import stall

__all__ = ["failing", "journal_files", "under", "why_not"]

WRITES = "pwrite64,ftruncate,fallocate,fdatasync,fsync"


def under(calls: str, error: str, first: int, count: int) -> list[str]:
    """The words before a command whose `first` and following `calls`, `count` of them, fail."""
    return ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}",
            "-e", f"inject={calls}:error={error}:when={first}..{first + count - 1}"]


def journal_files(journal: Path) -> tuple[Path, ...]:
    """What SQLite writes to."""
    return journal, journal.with_name(journal.name + "-wal")


@contextlib.contextmanager
def failing(pid: int, calls: str, error: str, files: Sequence[Path] = ()) -> Iterator[None]:
    """While inside, these calls of process `pid` fail (on `files` alone, if any are named).

    Raises `RuntimeError` when strace cannot attach.
    """
    paths = [word for file in files for word in ("-P", str(file))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", "/dev/null", *paths, "-e", f"trace={calls}",
         "-e", f"inject={calls}:error={error}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        stall.wait_attached(tracer, pid)
        yield
    finally:
        tracer.terminate()  # it lets the process go unharmed
        tracer.wait(stall.START_S)
