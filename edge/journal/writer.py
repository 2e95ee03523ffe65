"""The journal's thread: all batches that wait are written first, together; then one question."""

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from edge.journal.errors import BadBatch, JournalError, NotTried
from edge.journal.row import Batch, Row
from edge.journal.store import Store

T = TypeVar("T")

MAX_GROUP, MAX_GROUP_BYTES = 256, 1_000_000
"""In one transaction: so many batches; no more once their rows hold so many bytes."""

Committed = Sequence[tuple[Row, ...] | JournalError]
"""Per batch, in order: its rows, or why it was not written."""


class Writer:
    """Runs everything that touches the file. A daemon: a dead disk must not keep the process.

    Its methods never wait for the disk and may be called from the loop's thread only.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wake = threading.Condition()
        self._batches: deque[Batch] = deque()
        self._questions: deque[Callable[[], None]] = deque()
        self._stop = False
        self._halted = False  # a write failed and the loop has not been told yet
        self._store: Store | None = None
        self._committed: Callable[[Committed], None] = lambda _: None
        self._last: Callable[[], None] = lambda: None
        self._stopped: Future[None] = Future()
        self._stopped.set_running_or_notify_cancel()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def thread_id(self) -> int:
        """The kernel's."""
        return self._thread.native_id or 0

    def start_writing(self, store: Store, committed: Callable[[Committed], None]) -> None:
        """From now on batches go to `store`; `committed` is called on the loop after each group."""
        with self._wake:
            self._store, self._committed = store, committed

    def append(self, batch: Batch) -> None:
        """Queue a batch."""
        with self._wake:
            self._batches.append(batch)
            self._wake.notify()

    def forget(self) -> None:
        """After a failure: drop every batch that is still queued, and go on with the next one."""
        with self._wake:
            self._batches.clear()
            self._halted = False

    def call(self, question: Callable[[], T]) -> "Future[T]":
        """Run `question` on the thread: between two commits, one question at a time."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                _settle(future, question)

        with self._wake:
            self._questions.append(run)
            self._wake.notify()
        return future

    async def stop(self, last: Callable[[], None] = lambda: None) -> None:
        """Do all that is queued, then `last`, then end the thread; raises what `last` raised.

        Cancelling the wait does not take it back.
        """
        if not self.alive:  # it would be waited for in vain
            raise JournalError("the journal's thread has ended")
        with self._wake:
            self._last, self._stop = last, True
            self._wake.notify()
        try:
            await asyncio.wrap_future(self._stopped)
        finally:
            if self._stopped.done():
                self._thread.join()  # it is on its last line

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._next_group_size() or self._questions or self._stop)
                store = self._store
                group = [self._batches.popleft() for _ in range(self._next_group_size())]
                question = self._questions.popleft() if self._questions else None
            if group and store is not None and not self._tell(self._write(store, group)):
                return
            if question is not None:
                question()
            elif not group:
                _settle(self._stopped, self._last)
                return

    def _next_group_size(self) -> int:
        if self._halted:
            return 0
        size = 0
        for number, batch in enumerate(itertools.islice(self._batches, MAX_GROUP)):
            if size > MAX_GROUP_BYTES:
                return number
            size += sum(len(row.data) for row in batch.rows)
        return min(len(self._batches), MAX_GROUP)

    def _write(self, store: Store, group: Sequence[Batch]) -> Committed:
        if self._halted:
            return [NotTried("not tried: a batch before it was not written")] * len(group)
        try:
            return store.append(group)
        except BadBatch as error:
            if len(group) == 1:
                return [error]
        except JournalError as error:
            with self._wake:
                self._halted = True
            return [error] * len(group)
        done: list[tuple[Row, ...] | JournalError] = []
        for batch in group:  # one of them is bad; the others shall not suffer for it
            done.extend(self._write(store, [batch]))
        return done

    def _tell(self, done: Committed) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._committed, done)
        except RuntimeError:  # the loop is closed: nobody waits for anything any more
            return False
        return True


def _settle(future: "Future[T]", question: Callable[[], T]) -> None:
    try:
        future.set_result(question())
    except (JournalError, ValueError) as error:
        future.set_exception(error)
