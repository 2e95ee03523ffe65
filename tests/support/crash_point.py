"""Where a controller may die: before and after each statement that writes, each frame, each relay.

The journal's thread takes turns with the loop: a transaction begins when the loop has nothing to do
at this moment of virtual time, and the loop waits for its end. So every run of a day is the same, down
to the number of the place.
"""

import asyncio
import os
import selectors
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from edge.journal.journal import Journal
from edge.journal.row import Batch, Row

T = TypeVar("T")

DIED = 86
COMMIT_S = 0.02
REAL_S = 15.0  # for a disk that is really there


class Places:
    """Counts the places; at number `aim` the process is gone. `names` tells what each one was."""

    def __init__(self, aim: int | None, last_words: Callable[[], None]) -> None:
        self._aim, self._last_words = aim, last_words
        self.names: list[str] = []

    def at(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._aim:
            self._last_words()
            os._exit(DIED)


class Turns:
    """A turnstile between the journal's thread and its loop."""

    def __init__(self) -> None:
        self.wake: Callable[[], object] = lambda: None  # the loop
        self._changed = threading.Condition()
        self._state = "out"  # out, standing, inside

    def enter(self) -> None:
        """The thread: wait for the loop to have nothing to do."""
        with self._changed:
            self._state = "standing"
            self._changed.notify_all()
            self.wake()
            assert self._changed.wait_for(lambda: self._state == "inside", REAL_S), "no turn"

    def leave(self) -> None:
        with self._changed:
            self._state = "out"
            self._changed.notify_all()

    def stands(self) -> None:
        """The loop: wait until the thread is at the turnstile."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._state == "standing", REAL_S), "nobody came"

    def let_through(self) -> bool:
        """The loop: if somebody stands there, let him do his transaction, and wait for its end."""
        with self._changed:
            if self._state != "standing":
                return False
            self._state = "inside"
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._state != "inside", REAL_S), "a disk that stands"
        return True


def watched(places: Places, turns: Turns | None, name: str = "") -> type[sqlite3.Connection]:
    """A connection all of whose writing is places to die at. `turns` None: it is used by the loop."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return self._told(sql, lambda: super(Watched, self).execute(sql, *values))

        def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return self._told(sql, lambda: super(Watched, self).executemany(sql, *values))

        def _told(self, sql: str, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
            what = " ".join(sql.split()[:3]).split("(")[0]
            if what.startswith("SELECT") or not what:
                return execute()
            if what.startswith("BEGIN") and turns is not None:
                turns.enter()
            try:
                places.at(f"before {name}{what}")
                done = execute()
                places.at(f"after {name}{what}")
            finally:
                if not self.in_transaction and turns is not None:
                    turns.leave()
            return done

    return Watched


class _Patient(selectors.SelectSelector):
    """Jumps to the next timer, but not while the journal's thread has something to do."""

    def __init__(self, now_s: float) -> None:
        super().__init__()
        self.now_s = now_s
        self.turns: Turns | None = None
        self.outstanding: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.turns is not None and self.turns.let_through():
            return super().select(0)
        if self.outstanding():
            return super().select(REAL_S)
        if timeout is None:
            raise RuntimeError("everything waits for nothing")
        self.now_s += max(timeout, 0.0)
        return ready


class PatientLoop(asyncio.SelectorEventLoop):
    """Its time passes only while everybody waits, and begins where the world is."""

    def __init__(self, now_s: float) -> None:
        self.patient = _Patient(now_s)
        super().__init__(self.patient)

    def time(self) -> float:
        return self.patient.now_s


class Lane:
    """The journal as a scribe and a sync see it: the real one, its turns taken by the clock.

    Batches wait for COMMIT_S; the first is committed alone, those behind it together.
    """

    def __init__(self, journal: Journal, places: Places, turns: Turns) -> None:
        self.journal, self._places, self._turns = journal, places, turns
        self._loop = asyncio.get_running_loop()
        self._buffer: deque[tuple[Batch, asyncio.Future[tuple[Row, ...]]]] = deque()
        self._due = False

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]":
        future: asyncio.Future[tuple[Row, ...]] = self._loop.create_future()
        self._buffer.append((batch, future))
        self._forward_later()
        return future

    def oldest_pending_ns(self) -> int | None:
        return self._buffer[0][0].mono_ns if self._buffer else self.journal.oldest_pending_ns()

    def _forward_later(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_later(COMMIT_S, self._forward)

    def _forward(self) -> None:
        self._due = False
        if self.journal.oldest_pending_ns() is not None:
            self._forward_later()
            return
        alone = self._buffer[0][0]
        self._hand_over()
        if self._buffer and not alone.empty:
            self._turns.stands()
            while self._buffer:
                self._hand_over()

    def _hand_over(self) -> None:
        batch, future = self._buffer.popleft()

        def ended(committed: "asyncio.Future[tuple[Row, ...]]") -> None:
            self._places.at("committed, not told")
            if committed.exception() is not None:
                future.set_exception(committed.exception())
            else:
                future.set_result(committed.result())

        self.journal.append(batch).add_done_callback(ended)


class Asked:
    """Counts the questions that the journal's thread has not answered yet."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, question: Awaitable[T]) -> T:
        self.count += 1
        try:
            return await question
        finally:
            self.count -= 1
