"""Tells people on a terminal (or in a log) what takes its time, with a bar after two seconds."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TextIO

_PATIENCE_S = 2.0
_WIDTH = 24


class Progress:
    """Writes to `out`: bars only on a terminal, lines anywhere. One step at a time."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._share: float | None = None

    def say(self, text: str) -> None:
        """A line of its own."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def reached(self, share: float) -> None:
        """How much of the present step is done, 0 to 1; without it the bar only moves."""
        self._share = share

    @contextlib.contextmanager
    def step(self, what: str, *, line: bool = True) -> Iterator[None]:
        """A step; silent if it takes less than two seconds. `line`: say afterwards how long it took."""
        self._share = None
        done = threading.Event()
        bar = threading.Thread(target=self._bar, args=(what, done), daemon=True)
        began_s = time.monotonic()
        bar.start()
        try:
            yield
        finally:
            done.set()
            bar.join()
            took_s = time.monotonic() - began_s
            if line and took_s >= _PATIENCE_S:
                self.say(f"{what}: {took_s:.1f} s")

    def _bar(self, what: str, done: threading.Event) -> None:
        if done.wait(_PATIENCE_S) or not self._out.isatty():
            return
        beat = 0
        while not done.wait(0.1):
            beat += 1
            if self._share is None:
                at = beat % _WIDTH
                cells = "-" * at + "#" + "-" * (_WIDTH - at - 1)
            else:
                cells = ("#" * round(self._share * _WIDTH)).ljust(_WIDTH, "-")
            self._out.write(f"\r{what} [{cells}]")
            self._out.flush()
        self._out.write("\r\x1b[K")
        self._out.flush()
