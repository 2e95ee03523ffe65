"""A journal whose disk is in the hand of the test."""

import asyncio
from collections import deque

from edge.journal.errors import JournalError, NotTried
from edge.journal.row import Batch, Row


class FakeJournal:
    """Keeps batches until `commit` or `fail`; `rows` are the types of what was committed, in order."""

    def __init__(self, *, room: int = 1_000) -> None:
        self.pending: deque[tuple[Batch, asyncio.Future[tuple[Row, ...]]]] = deque()
        self.rows: list[str] = []
        self.sessions: dict[str, bytes] = {}
        self.room = room

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]":
        future: asyncio.Future[tuple[Row, ...]] = asyncio.get_running_loop().create_future()
        if len(self.pending) >= self.room:
            future.set_exception(JournalError("too many wait for the disk"))
        else:
            self.pending.append((batch, future))
        return future

    def oldest_pending_ns(self) -> int | None:
        return self.pending[0][0].mono_ns if self.pending else None

    def commit(self, count: int | None = None) -> None:
        """The disk took the oldest `count` batches (all)."""
        for _ in range(len(self.pending) if count is None else count):
            batch, future = self.pending.popleft()
            self.rows += [row.type for row in batch.rows]
            for key, body in batch.sessions.items():
                if body is None:
                    self.sessions.pop(key, None)
                else:
                    self.sessions[key] = body
            future.set_result(())

    def fail(self, error: JournalError | None = None) -> None:
        """The disk refused the oldest: everything that waits fails with it, as the journal promises."""
        error = error or JournalError("disk full")
        while self.pending:
            self.pending.popleft()[1].set_exception(error)
            error = NotTried(f"one before it failed: {error}")
