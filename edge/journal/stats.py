"""What a journal tells of itself: where its streams stand, its size, what it writes, how long it takes.
"""

from collections import deque
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from edge.controller.effects import Stream
from edge.controller.struct import Value

WINDOW = 1000
"""Commits that percentiles are of: hours of a site at rest, minutes of a busy one."""
LATELY = 20
"""Commits that "slow" is judged by: three minutes of a site at rest."""


class StreamStats(Value):
    """`first_seq` to `last_seq` are held (or nothing, if that is less); `acked_seq` by the cloud too.

    `oldest_utc`: what the oldest row says; None: nothing.
    """

    first_seq: int
    last_seq: int
    acked_seq: int
    oldest_utc: str | None = None


class LatencyStats(Value):
    """Milliseconds from `append` to the commit, of the last `of` commits; `max_ms` since the start."""

    of: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class JournalStats(Value):
    """`written_bytes`: what the journal's thread has written since the start, and since the first
    commit of the UTC day `day`; None where the kernel does not count. `full`: the last commit
    found no room.
    """

    epoch: str
    boot: int
    sqlite_version: str
    streams: dict[Stream, StreamStats]
    file_bytes: int
    wal_bytes: int
    reserve_held: bool
    commits: int
    rows: int
    failures: int
    latency: LatencyStats
    written_bytes: int | None
    written_today_bytes: int | None
    day: str | None
    full: bool


@dataclass(slots=True)
class CommitStats:
    """How long commits take, from the loop's `append` of their oldest batch to its future."""

    commits: int = 0
    rows: int = 0
    failures: int = 0
    last_ms: float = 0.0
    max_ms: float = 0.0


class Latencies:
    """The last commits; memory is bounded."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=WINDOW)
        self._max_ms = 0.0

    def add(self, took_ms: float) -> None:
        """One more commit."""
        self._ms.append(took_ms)
        self._max_ms = max(self._max_ms, took_ms)

    def stats(self) -> LatencyStats:
        """Percentiles by nearest rank."""
        ordered = sorted(self._ms)
        if not ordered:
            return LatencyStats()
        return LatencyStats(of=len(ordered), p50_ms=_rank(ordered, 0.5), p99_ms=_rank(ordered, 0.99),
                            max_ms=self._max_ms)

    def typical_ms(self) -> float | None:
        """The median of the last `LATELY`; None: there were fewer."""
        if len(self._ms) < LATELY:
            return None
        return _rank(sorted(list(self._ms)[-LATELY:]), 0.5)


class WrittenBytes:
    """What one thread has handed to the kernel to write (proc(5), `wchar`)."""

    def __init__(self, thread_id: int) -> None:
        self._file = Path(f"/proc/self/task/{thread_id}/io")
        self._at_midnight = 0
        self.day: str | None = None

    def total(self) -> int | None:
        """Since the thread began; None: it ended, or the kernel does not count."""
        try:
            for line in self._file.read_text(encoding="ascii").splitlines():
                if line.startswith("wchar:"):
                    return int(line.partition(":")[2])
        except (OSError, ValueError):
            pass
        return None

    def note(self, day: str) -> None:
        """A commit of that day: the first of a day begins a new count, the very first one does not."""
        if day != self.day:
            if self.day is not None:
                self._at_midnight = self.total() or 0
            self.day = day

    def today(self) -> int | None:
        """Since the first commit of the day."""
        total = self.total()
        return None if total is None else total - self._at_midnight


def _rank(ordered: list[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]
