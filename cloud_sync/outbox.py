"""Which row goes next, and which may be forgotten: the bookkeeping between journal and cloud. Pure.

Rules
1. A row leaves only by the ingest's acknowledgement. A PUBACK frees a slot of the window, no more.
2. Lanes are served strictly in order: tx, ev, tm. Lower lanes leave some slots free, so that a bill
   need not wait for telemetry that is on its way.
3. At most `window` messages are without PUBACK, at most `unacked` rows of a lane without
   acknowledgement, and at most a window of rows of a lane wait here in memory.
4. When the acknowledgements of a lane stand still for `resend_s` while rows are out, the lane goes
   back to the last acknowledged row (go-back-N). It then sends only `PROBE` rows until one is
   acknowledged, and waits twice as long each time, so that a dead ingest costs little.
5. A PUBACK that says no (a failure code, or 0x10: nobody listens) is no delivery: the lane goes back
   and holds still until the ingest asks to resume, the line is new, or the wait is over.

Times are seconds of a monotonic clock, handed in. Duplicates are harmless: the cloud's key is
(site, epoch, stream, seq).
"""

import enum
import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloud_sync.messages import NO_HASH, Ack
from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.link.journal_protocol import MAX_ROWS, WireRow

PROBE = 10
MAX_BACKOFF = 20  # times resend_s
LANES = tuple(stream.value for stream in Stream)


class Verdict(enum.Enum):
    """What an acknowledgement is worth."""

    NEWS = enum.auto()  # rows may be released: report it to the controller, then `acknowledge`
    NOTHING_NEW = enum.auto()  # known already, or a mere resume
    BEHIND = enum.auto()  # the ingest asks for rows that it acknowledged before
    OTHER_EPOCH = enum.auto()
    BEYOND = enum.auto()  # a row that the journal does not have
    WRONG_HASH = enum.auto()  # not our row


class Want(Value):
    """Rows to fetch from the journal."""

    stream: str
    after: int
    limit: int


class Outgoing(Value):
    """A row to publish. `token` names this copy when its PUBACK comes."""

    token: int
    stream: str
    row: WireRow


@dataclass
class _Lane:
    head: int = 0  # last row of the journal
    acked: int = 0  # last row that the cloud acknowledged
    sent: int = 0  # last row that was published since the last going back
    ahead: deque[WireRow] = field(default_factory=deque)  # fetched, not sent
    hashes: dict[int, str] = field(default_factory=dict)  # of rows sent and not acknowledged
    progress_s: float = 0.0  # when something was acknowledged, or first sent
    stalls: int = 0
    hold_until_s: float | None = None

    @property
    def fetched(self) -> int:
        return self.ahead[-1].seq if self.ahead else self.sent

    def go_back(self) -> None:
        self.sent = self.acked
        self.ahead.clear()

    def stalled(self) -> None:
        self.stalls += 1
        self.go_back()

    def advance(self, seq: int) -> None:
        for old in range(self.acked + 1, min(seq, self.acked + len(self.hashes) + 1) + 1):
            self.hashes.pop(old, None)
        self.acked = seq
        while self.ahead and self.ahead[0].seq <= seq:
            self.ahead.popleft()
        self.sent = max(self.sent, seq)
        self.stalls, self.hold_until_s = 0, None


class Outbox:
    """The lanes of one epoch. `acked`: where each stream stands, from the cursor or the journal."""

    def __init__(self, epoch: str, acked: Mapping[str, int] | None = None, *, window: int = 100,
                 unacked: int = 1000, resend_s: float = 30.0) -> None:
        self.epoch = epoch
        self._window_limit = window
        self._window = window
        self._unacked = unacked
        self._resend_s = resend_s
        self._connected = False
        self._tokens = itertools.count(1)
        self._in_flight: dict[int, str] = {}
        self._lanes = {name: _Lane() for name in LANES}
        for stream, seq in (acked or {}).items():
            if stream in self._lanes:
                self._lanes[stream].acked = self._lanes[stream].sent = seq

    @property
    def in_flight(self) -> int:
        """Messages without PUBACK."""
        return len(self._in_flight)

    @property
    def pending(self) -> dict[str, int]:
        """Rows per stream that the cloud has not acknowledged."""
        return {name: max(0, lane.head - lane.acked) for name, lane in self._lanes.items()}

    @property
    def acked(self) -> dict[str, int]:
        """Last acknowledged row of each stream."""
        return {name: lane.acked for name, lane in self._lanes.items()}

    @property
    def held_rows(self) -> int:
        """Rows in memory."""
        return sum(len(lane.ahead) for lane in self._lanes.values())

    def grown(self, heads: Mapping[str, int]) -> None:
        """The journal has rows up to these."""
        for stream, head in heads.items():
            if stream in self._lanes:
                lane = self._lanes[stream]
                lane.head = max(lane.head, head)

    def line_up(self, receive_maximum: int) -> None:
        """A new line to a broker that takes that many messages before its PUBACK."""
        self._connected = True
        self._window = max(1, min(receive_maximum, self._window_limit))
        self._in_flight.clear()
        for lane in self._lanes.values():
            lane.go_back()
            lane.stalls, lane.hold_until_s = 0, None

    def line_down(self) -> None:
        """Nothing can be sent; what was in flight is unknown."""
        self._connected = False
        self._in_flight.clear()
        for lane in self._lanes.values():
            lane.go_back()

    def want(self) -> Want | None:
        """Rows worth fetching now: only with a line, and never more than a window ahead."""
        if not self._connected:
            return None
        for name, lane in self._lanes.items():
            waiting = len(lane.ahead)
            if lane.fetched >= lane.head or lane.hold_until_s is not None:
                continue
            limit = min(self._window_limit - waiting, self._room(lane) - waiting, MAX_ROWS)
            if limit > 0 and waiting * 2 <= self._window_limit:
                return Want(stream=name, after=lane.fetched, limit=limit)
        return None

    def fetched(self, epoch: str, stream: str, rows: Iterable[WireRow]) -> None:
        """Rows that came from the journal. Those that no longer continue the lane are ignored."""
        lane = self._lanes.get(stream)
        if lane is None or epoch != self.epoch:
            return
        for row in rows:
            if row.seq == lane.fetched + 1:
                lane.ahead.append(row)
                lane.head = max(lane.head, row.seq)

    def take(self, now_s: float) -> Outgoing | None:
        """The next row to publish; it counts as sent and holds a slot until `released`."""
        if not self._connected:
            return None
        for name, lane in self._lanes.items():
            if not lane.ahead or self._room(lane) <= 0 or lane.hold_until_s is not None:
                continue
            if len(self._in_flight) >= self._slots(name):
                return None  # a lower lane has fewer slots, never more
            row = lane.ahead.popleft()
            if lane.sent == lane.acked:
                lane.progress_s = now_s
            lane.sent = row.seq
            lane.hashes[row.seq] = row.hash
            token = next(self._tokens)
            self._in_flight[token] = name
            return Outgoing(token=token, stream=name, row=row)
        return None

    def released(self, token: int, *, delivered: bool, now_s: float) -> None:
        """The PUBACK of a message. Unknown tokens (of an earlier line) are ignored."""
        stream = self._in_flight.pop(token, None)
        if stream is None or delivered:
            return
        lane = self._lanes[stream]
        if lane.hold_until_s is None and lane.sent > lane.acked:
            lane.hold_until_s = now_s + self._patience_s(lane)
            lane.stalled()

    def judge(self, ack: Ack) -> Verdict:
        """What an acknowledgement says; nothing is changed."""
        lane = self._lanes.get(ack.stream)
        if lane is None or ack.epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        if ack.seq > lane.head:
            return Verdict.BEYOND
        if ack.seq < lane.acked:
            return Verdict.BEHIND if ack.resume else Verdict.NOTHING_NEW
        if ack.seq == lane.acked:
            return Verdict.NOTHING_NEW
        if lane.hashes.get(ack.seq, ack.hash) != ack.hash or ack.hash == NO_HASH:
            return Verdict.WRONG_HASH
        return Verdict.NEWS

    def acknowledge(self, ack: Ack, now_s: float) -> None:
        """Take an acknowledgement that was judged NEWS or NOTHING_NEW."""
        lane = self._lanes[ack.stream]
        if ack.seq > lane.acked:
            lane.advance(ack.seq)
            lane.progress_s = now_s
        if ack.resume:
            lane.stalls, lane.hold_until_s = 0, None
            lane.go_back()

    def tick(self, now_s: float) -> tuple[str, ...]:
        """Let time pass; answers the lanes that went back because nothing was acknowledged."""
        gone_back = []
        for name, lane in self._lanes.items():
            if lane.hold_until_s is not None and now_s >= lane.hold_until_s:
                lane.hold_until_s = None
            overdue = now_s - lane.progress_s >= self._patience_s(lane)
            if self._connected and lane.sent > lane.acked and overdue:
                lane.stalled()
                gone_back.append(name)
        return tuple(gone_back)

    def _patience_s(self, lane: _Lane) -> float:
        return self._resend_s * float(min(2 ** lane.stalls, MAX_BACKOFF))

    def _room(self, lane: _Lane) -> int:
        """How many more rows may be out without acknowledgement."""
        return (PROBE if lane.stalls else self._unacked) - (lane.sent - lane.acked)

    def _slots(self, stream: str) -> int:
        """Of the window, for this lane: each lane below the first leaves a tenth to those above."""
        return max(1, self._window - LANES.index(stream) * (self._window // 10))
