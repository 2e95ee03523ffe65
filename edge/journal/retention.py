"""How long rows stay. Pure.

Days are UTC days that a trusted clock told, and they count from the acknowledgement: a row that the
cloud does not hold stays whatever its age. So many days must also have been lived through since, by a
clock that is never set: one that is trusted may run a year ahead all the same. What goes before that
is telemetry, where the disk is low (`pruning.py`), and a row of stream ev says so.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal.row import Head

SLICE_ROWS = 500
"""Deleted in one transaction, so that no commit waits long behind it."""
DAY_S = 86_400
SPARE_BYTES = 8_000_000
"""While the disk is low, telemetry goes until the file has so much room within itself: it never
becomes smaller (no VACUUM on an SD card), but it need not grow then."""


class KeepDays(Value):
    """Whole days after the acknowledgement, per stream."""

    telemetry: int = 7
    events: int = 90
    billing: int = 90

    def of(self, stream: Stream) -> int:
        return {Stream.TX: self.billing, Stream.EV: self.events, Stream.TM: self.telemetry}[stream]


class Lived(Value):
    """`s`: for how long controllers had this journal open; `by_day`: at the end of a UTC day."""

    s: int = 0
    by_day: dict[str, int] = msgspec.field(default_factory=dict)

    def on(self, day: str) -> int:
        """How much of it had been by the end of `day`, at the most that is known."""
        before = [s for known, s in self.by_day.items() if known <= day]
        return max(before) if before else min(self.by_day.values(), default=self.s)

    def noted(self, day: str, since: str) -> "Lived":
        """It is `day`; what was before `since` is asked for no more."""
        by_day = {known: s for known, s in self.by_day.items() if known >= since}
        return Lived(s=self.s, by_day={**by_day, day: self.s})


def may_go(head: Head, noted: Iterable[tuple[str, int]], today: str, days: int, lived: Lived) -> int:
    """The last row that need not stay; nothing is to be done if that is not beyond `head.tail`.

    `noted`: (day, highest row that was acknowledged by the end of it), days as "2026-03-01". Of the
    day itself nothing is known but its date, so that `days` whole ones must lie between. The newest
    row always stays: the next start looks at it.
    """
    limit = (date.fromisoformat(today) - timedelta(days=days)).isoformat()
    ripe_s = lived.s - days * DAY_S
    due = max((seq for day, seq in noted if day < limit and lived.on(day) <= ripe_s), default=0)
    return min(due, head.acked, head.seq - 1)


def slice_end(head: Head, upto: int) -> int:
    """The last row of the next slice on the way to `upto`; `head.tail` where there is none."""
    return max(head.tail, min(upto, head.tail + SLICE_ROWS))


def thin_end(head: Head) -> int:
    """The last row of the next slice where room is needed: oldest first, the newest row stays.

    A slice is either acknowledged or not: only what nobody holds is a gap.
    """
    upto = min(head.acked, head.seq - 1) if head.acked > head.tail else head.seq - 1
    return slice_end(head, upto)
