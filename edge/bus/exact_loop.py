"""An event loop whose timers are as exact as the kernel's.

epoll counts in milliseconds, and Python rounds a wait up to the next one: eight meters at 38400 baud
lost 3 % of each turn to the silences between frames. `select` on the epoll descriptor itself waits for
the same events with the kernel's own timers.
"""

import asyncio
import select
import selectors
from collections.abc import Callable, Sequence

_SHORT_S = 0.05  # a longer wait may be a millisecond late

Wait = Callable[[Sequence[int], Sequence[int], Sequence[int], float], object]


class ExactSelector(selectors.EpollSelector):
    """`wait`: as `select.select`."""

    def __init__(self, wait: Wait = select.select) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector`; `timeout` in seconds."""
        if timeout is not None and 0 < timeout < _SHORT_S:
            self._wait([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)


def exact_loop() -> asyncio.AbstractEventLoop:
    """For `asyncio.Runner(loop_factory=...)`."""
    return asyncio.SelectorEventLoop(ExactSelector())
