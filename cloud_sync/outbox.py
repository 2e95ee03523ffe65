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
6. Rows that the journal no longer holds are gone over if gap rows name every one of them. These are
   looked for in `ev`. Until they are found the lane stands still, and the others go on.

Times are seconds of a monotonic clock, handed in. Duplicates are harmless: the cloud's key is
(site, epoch, stream, seq).
"""

import enum
import itertools
from collections.abc import Iterable, Mapping, Sequence

from cloud_sync.holes import Hole, Named, Search
from cloud_sync.lane import Lane
from cloud_sync.messages import NO_HASH, Ack
from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.link.journal_protocol import MAX_ROWS, JournalRows, WireRow

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
        self._named = Named()
        self._search: Search | None = None
        self._told: set[str] = set()
        self._untold: list[str] = []
        self._lanes = {name: Lane() for name in LANES}
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
        return {name: lane.pending for name, lane in self._lanes.items()}

    @property
    def acked(self) -> dict[str, int]:
        """Last acknowledged row of each stream."""
        return {name: lane.acked for name, lane in self._lanes.items()}

    @property
    def held_rows(self) -> int:
        """Rows in memory."""
        return sum(len(lane.ahead) for lane in self._lanes.values())

    def grown(self, heads: Mapping[str, int], tails: Mapping[str, int] | None = None) -> None:
        """The journal has rows up to these; and after `tails`, where that is known."""
        for stream, tail in (tails or {}).items():
            if stream in self._lanes:
                self._lanes[stream].tail = max(self._lanes[stream].tail, tail)
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
            if lane.fetched >= lane.head or lane.hold_until_s is not None or lane.hole:
                continue
            limit = min(self._window_limit - waiting, self._room(lane) - waiting, MAX_ROWS)
            if limit > 0 and waiting * 2 <= self._window_limit:
                return Want(stream=name, after=lane.fetched, limit=limit)
        return None

    def fetched(self, want: Want, answer: JournalRows) -> None:
        """What the journal answered. Rows that no longer continue the lane are ignored; those that
        begin behind a hole wait until gap rows name it.
        """
        lane = self._lanes.get(want.stream)
        if lane is None or answer.epoch != self.epoch or want.after != lane.fetched:
            return
        lane.tail = max(lane.tail, answer.tail)
        if want.stream == Stream.EV:
            self._learn(answer.rows)
        hole = Hole(first=want.after + 1,
                    last=answer.rows[0].seq - 1 if answer.rows else answer.tail)
        if hole.first <= hole.last and not self._cross(want.stream, lane, hole, answer.rows):
            return
        for row in answer.rows:
            if row.seq == lane.fetched + 1:
                lane.ahead.append(row)
                lane.head = max(lane.head, row.seq)

    def look(self) -> Want | None:
        """Rows of `ev` to look through for a gap row, when nothing else is worth fetching."""
        if not self._connected or self._search is None or self._search.done:
            return None
        return Want(stream=Stream.EV.value, after=self._search.after(), limit=MAX_ROWS)

    def looked(self, answer: JournalRows) -> None:
        """Rows that `look` asked for."""
        search = self._search
        if search is None or answer.epoch != self.epoch:
            return
        self._learn(answer.rows)
        search.read(answer.rows[-1].seq if answer.rows else None)
        if search.done:
            for name, lane in self._lanes.items():
                if lane.hole is not None:
                    self._alarm(name, lane.hole, "no row says that they were given up")

    def alarms(self) -> tuple[str, ...]:
        """What somebody should look into; each once."""
        told, self._untold = tuple(self._untold), []
        return told

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

    def _cross(self, stream: str, lane: Lane, hole: Hole, rows: Sequence[WireRow]) -> bool:
        """Go over a hole if it is named and what comes behind it fits; else stand, and look."""
        hash_ = self._named.hash_after(stream, hole)
        if hash_ is not None and (not rows or rows[0].prev == hash_):
            lane.cross(hole, hash_)
            return True
        lane.hole = hole
        if hash_ is None:
            self._search = Search(self._lanes[Stream.EV].acked)
        else:
            lane.contradicted = True
            self._alarm(stream, hole, "given up, but the row behind them has another hash before it")
        return False

    def _learn(self, rows: Iterable[WireRow]) -> None:
        for row in rows:
            self._named.learn(row)
        for name, lane in self._lanes.items():
            named = lane.hole is not None and self._named.hash_after(name, lane.hole) is not None
            if named and not lane.contradicted:
                lane.hole = None  # it is fetched anew, met again, and gone over
        if not any(lane.hole for lane in self._lanes.values()):
            self._search = None

    def _alarm(self, stream: str, hole: Hole, why: str) -> None:
        alarm = f"{stream} {hole.first} to {hole.last} are gone from the journal: {why}"
        if alarm not in self._told:
            self._told.add(alarm)
            self._untold.append(alarm)

    def _patience_s(self, lane: Lane) -> float:
        return self._resend_s * float(min(2 ** lane.stalls, MAX_BACKOFF))

    def _room(self, lane: Lane) -> int:
        """How many more rows may be out without acknowledgement."""
        return (PROBE if lane.stalls else self._unacked) - lane.out

    def _slots(self, stream: str) -> int:
        """Of the window, for this lane: each lane below the first leaves a tenth to those above."""
        return max(1, self._window - LANES.index(stream) * (self._window // 10))
