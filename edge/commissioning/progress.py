"""A bar on a terminal for what takes its time; nothing where nobody watches."""

import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 24
_BETWEEN_S = 0.1


class Bar:
    """Draws on `out` if that is a terminal. One line, drawn anew."""

    def __init__(self, out: TextIO, now_s: Callable[[], float] = time.monotonic) -> None:
        self._out, self._now_s = out, now_s
        self._drawn_s = -_BETWEEN_S
        self._there = False

    def show(self, share: float, left_s: float, what: str) -> None:
        """`share` 0..1 is done, `left_s` to go; at most ten times a second."""
        if not self._out.isatty() or self._now_s() - self._drawn_s < _BETWEEN_S:
            return
        self._drawn_s, self._there = self._now_s(), True
        cells = ("#" * round(min(max(share, 0.0), 1.0) * _WIDTH)).ljust(_WIDTH, "-")
        self._out.write(f"\r\x1b[K[{cells}] {share:4.0%}, {span(left_s)} left: {what}")
        self._out.flush()

    def clear(self) -> None:
        """Before anything else is written, and at the end."""
        if self._there:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._there, self._drawn_s = False, -_BETWEEN_S


def span(seconds: float) -> str:
    """"45 s", "3 min 05 s"."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
