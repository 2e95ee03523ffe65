"""A commit that failed may be in the file all the same: who tries it again must not write it twice.

When the fsync of a commit fails, SQLite says so; but its log holds the whole commit, and where closing
cannot fold the log in either, whoever opens the file next finds it (seen with two fdatasync that
failed: one batch, two rows, two numbers). Nobody was told of these rows, so the next try is given
them. They are written again before that, by a checkpoint: the kernel forgets pages whose fsync failed.
"""

import sqlite3
from collections.abc import Sequence

from edge.journal.row import Batch, Row
from edge.journal.rows import Heads

_Written = tuple[Row, ...]


class Doubt:
    """The batches of the last commit that failed, until they are tried again. Knows no file."""

    def __init__(self) -> None:
        self._tried: list[tuple[Batch, _Written]] = []
        self._there: list[tuple[Batch, _Written]] = []

    def failed(self, batches: Sequence[Batch], written: Sequence[_Written]) -> None:
        """These, in one transaction, may be in the file or not; nothing that was before them is asked
        for any more.
        """
        self._tried = list(zip(batches, written, strict=True))
        self._there = []

    def look(self, found: Heads) -> None:
        """What the file says when it is opened anew. A commit is all there or not at all."""
        if not self._tried:
            return
        there = [n for n, (_, rows) in enumerate(self._tried, 1)
                 if rows and all(row.seq <= found[row.stream].seq for row in rows)]
        self._there = self._tried[:max(there, default=0)]
        self._tried = []

    def already(self, batches: Sequence[Batch]) -> list[_Written]:
        """The rows of those first `batches` that the file holds since a try before."""
        done: list[_Written] = []
        for batch, (tried, rows) in zip(batches, self._there, strict=False):
            if batch != tried:
                break
            done.append(rows)
        return done

    def settled(self, count: int, *, wrote: bool) -> None:
        """So many of them were answered for; `wrote`: others came after, so that no more will."""
        self._there = [] if wrote else self._there[count:]


def write_again(db: sqlite3.Connection) -> None:
    """Everything in the log of writes to the file itself, and to the disk. Raises `sqlite3.Error`."""
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("somebody reads the journal, so its log cannot be written again")
