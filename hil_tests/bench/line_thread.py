"""A paced line that answers from a thread of its own, so that a master's CPU time can be told apart."""

import asyncio
import functools
import selectors
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hil_tests.virtual.line import Line, Slave

_PATIENCE_S = 20.0


class LineThread:
    """`with LineThread(baud, slaves) as line`: serves until the block ends. 8N1."""

    def __init__(self, baud: int, slaves: Callable[[], list[Slave]]) -> None:
        self.baud = baud
        self._slaves = slaves
        self._folder = tempfile.TemporaryDirectory(prefix="bench-line-")
        self.path = Path(self._folder.name) / "rs485"
        self.line = Line(self.path, baud=baud, bits_per_char=10)
        self._ready = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="line")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_PATIENCE_S):
            raise TimeoutError("line: did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:
        self._stop()
        self._thread.join(_PATIENCE_S)
        self._folder.cleanup()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_exact_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        self._stop = functools.partial(_say, loop, done)
        await self.line.start()
        for slave in self._slaves():
            self.line.attach(slave)
        self._ready.set()
        await done.wait()
        await self.line.stop()


def _say(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    loop.call_soon_threadsafe(done.set)


def _exact_loop() -> asyncio.AbstractEventLoop:
    """epoll rounds each timer up to the next millisecond, `select` does not: a meter's answer must not
    be half a millisecond late because of the machine that plays it.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
