"""One stream's way to the cloud: what is fetched, sent, acknowledged, and what is gone. Pure."""

from collections import deque
from dataclasses import dataclass, field

from cloud_sync.holes import Hole
from edge.link.journal_protocol import WireRow


@dataclass
class Lane:
    """Sequences of one stream; times are seconds of a monotonic clock."""

    head: int = 0  # last row of the journal
    tail: int = 0  # last row that the journal no longer holds
    acked: int = 0  # last row that the cloud acknowledged
    sent: int = 0  # last row that was published since the last going back
    crossed: int = 0  # last row of the last hole that was gone over since then
    holes: list[Hole] = field(default_factory=list)  # gone over since then, not acknowledged
    hole: Hole | None = None  # met, and not named so far: nothing is sent from beyond it
    contradicted: bool = False  # it is named, but what comes behind it does not fit
    ahead: deque[WireRow] = field(default_factory=deque)  # fetched, not sent
    hashes: dict[int, str] = field(default_factory=dict)  # of rows sent and not acknowledged
    progress_s: float = 0.0  # when something was acknowledged, or first sent
    stalls: int = 0
    hold_until_s: float | None = None

    @property
    def fetched(self) -> int:
        """Up to here nothing need be fetched."""
        return max(self.ahead[-1].seq if self.ahead else self.sent, self.crossed)

    @property
    def out(self) -> int:
        """Rows sent and not acknowledged; those of a hole are not on their way."""
        return self.sent - self.acked - sum(
            max(0, min(hole.last, self.sent) - max(hole.first - 1, self.acked)) for hole in self.holes)

    @property
    def pending(self) -> int:
        """Rows that the cloud has not acknowledged and that there are."""
        return max(0, self.head - max(self.acked, self.tail))

    def go_back(self) -> None:
        """Send again from the last acknowledged row."""
        self.sent, self.crossed = self.acked, 0
        self.holes.clear()
        self.ahead.clear()

    def stalled(self) -> None:
        """Go back, and be patient for longer."""
        self.stalls += 1
        self.go_back()

    def cross(self, hole: Hole, hash_: str) -> None:
        """Go on behind rows that are given up; `hash_` is that of the last one."""
        self.holes.append(hole)
        self.crossed = hole.last
        self.hashes[hole.last] = hash_

    def advance(self, seq: int) -> None:
        """The cloud holds everything up to `seq`."""
        self.hashes = {known: hash_ for known, hash_ in self.hashes.items() if known > seq}
        self.holes = [hole for hole in self.holes if hole.last > seq]
        self.acked = seq
        while self.ahead and self.ahead[0].seq <= seq:
            self.ahead.popleft()
        self.sent = max(self.sent, seq)
        if self.hole is not None and self.hole.last <= seq:
            self.hole, self.contradicted = None, False
        self.stalls, self.hold_until_s = 0, None
