"""Child processes of the virtual site: started, watched, killed by pid, ended in order."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

READY_S = 30.0
_END_S = 20.0
_AGAIN_S = 0.3
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ChildFailed(RuntimeError):
    """A child ended, or did not get ready; the message holds the end of its log."""


class Children:
    """Named child processes, each with `<name>.log` in a folder (appended over all its lives)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, argv: Sequence[str], environment: dict[str, str] | None = None) -> None:
        """Start a child. It gets SIGTERM if this process dies, so that none is left behind."""
        if self.alive(name):
            raise RuntimeError(f"{name} runs already")
        with self.log_path(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})}, start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None)

    def log_path(self, name: str) -> Path:
        """Where a child writes to."""
        return self._folder / f"{name}.log"

    def alive(self, name: str) -> bool:
        """Whether it runs."""
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def status(self, name: str) -> int | None:
        """How it ended, by itself or by a signal (negative); None: it runs, or nobody started it."""
        process = self._running.get(name)
        return None if process is None else process.poll()

    async def ended(self, name: str) -> int:
        """Wait until a child ends by itself; its exit status."""
        deadline = time.monotonic() + _END_S
        while (status := self.status(name)) is None:
            if time.monotonic() > deadline:
                raise ChildFailed(f"{name} has not ended within {_END_S:g} s")
            await asyncio.sleep(0.01)
        return status

    def pid(self, name: str) -> int:
        """Of a child that was started."""
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal (SIGSTOP, SIGCONT, ...)."""
        self._running[name].send_signal(number)

    def kill9(self, name: str) -> None:
        """`kill -9`, and wait until it is gone."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    async def end(self, name: str, *, hurry: bool = False) -> int | None:
        """Ask a child to end, kill it if it does not; its exit status, None if it did not run.

        `hurry`: ask again and again, as somebody does who will not wait for what it does first.
        """
        process = self._running.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
        deadline, again = time.monotonic() + _END_S, time.monotonic() + _AGAIN_S
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
            elif hurry and time.monotonic() > again:
                process.send_signal(signal.SIGTERM)
                again += _AGAIN_S
            await asyncio.sleep(0.01)
        return process.returncode

    async def until(self, name: str, ready: Callable[[], bool], timeout_s: float = READY_S) -> None:
        """Wait until a child is ready. Raises `ChildFailed`."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.alive(name):
                status = self._running[name].returncode
                raise ChildFailed(f"{name} ended with status {status}: {self._end_of_log(name)}")
            if time.monotonic() > deadline:
                raise ChildFailed(
                    f"{name} is not ready after {timeout_s:g} s: {self._end_of_log(name)}")
            await asyncio.sleep(0.01)

    def _end_of_log(self, name: str) -> str:
        text = self.log_path(name).read_text(errors="replace")
        return text[-2000:].strip() or "(no words)"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
