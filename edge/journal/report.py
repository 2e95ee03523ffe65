"""What became of a damaged journal, in figures and in words. Kept in the one that began after it."""

import sqlite3
from collections.abc import Mapping

import msgspec

from edge.controller.effects import Stream
from edge.controller.faults import FaultCode
from edge.controller.struct import Value
from edge.journal.row import Head
from edge.journal.salvage import SetAside

REPORT = "salvage"
"""Key of `meta`: the `Report`, as JSON."""
MAX_RANGES = 5


class StreamReport(Value):
    """Rows of one stream that the cloud had not acknowledged. `told`: again, in the new journal.

    `lost` of them cannot be proven; `lost_at`: the first and last of each range, of some at least.
    `unproven` of these are there, and nothing proves them, since the row before is lost. `left`:
    proven, and there was no room: they are in the old file. `acked`: the last one that was.
    """

    told: int = 0
    acked: int = 0
    lost: int = 0
    lost_at: tuple[tuple[int, int], ...] = ()
    unproven: int = 0
    left: int = 0


class Report(Value):
    """`why`: what was wrong. `aside`: the name of the old file. `epoch`: its own; None: unknown.

    `ev_head`: where stream ev of the new journal stood then; a row after that tells of this.
    """

    why: str
    aside: str
    epoch: str | None
    streams: dict[str, StreamReport]
    sessions: int
    kept: int
    set_aside: tuple[SetAside, ...] = ()
    ev_head: int = 0

    def encoded(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self)

    def __str__(self) -> str:
        parts = [f"{self.why}; set aside as {self.aside}"]
        if self.epoch is None:
            parts.append("no row can be proven: nothing says which journal it was")
        for stream, one in self.streams.items():
            words = [f"{one.told} rows told again"] if one.told else []
            if one.lost:
                words.append(f"{one.lost} lost ({_ranges(one.lost_at)})")
            if one.unproven:
                words.append(f"{one.unproven} of these there but unproven")
            if one.left:
                words.append(f"{one.left} left there for want of room")
            if words:
                parts.append(f"{stream}: {', '.join(words)}")
        parts.append(f"{self.sessions} sessions and {self.kept} values go on")
        return "; ".join(parts)


def untold(db: sqlite3.Connection, heads: Mapping[Stream, Head]) -> Report | None:
    """What became of the journal before this one, as long as no row was recorded that tells it.

    None: nothing, or nothing that can be read. Raises whatever SQLite raises.
    """
    found = db.execute("SELECT v FROM meta WHERE k = ?", (REPORT,)).fetchone()
    try:
        report = None if found is None else msgspec.json.decode(found[0], type=Report)
    except (msgspec.MsgspecError, UnicodeError, TypeError):
        return None
    if report is None or heads[Stream.EV].tail > report.ev_head:
        return None
    told = db.execute("SELECT 1 FROM row_ev WHERE seq > ? AND instr(data, ?) ORDER BY seq LIMIT 1",
                      (report.ev_head, FaultCode.JOURNAL_DAMAGED.encode())).fetchone()
    return None if told else report


def _ranges(lost: tuple[tuple[int, int], ...]) -> str:
    words = [str(first) if first == last else f"{first} to {last}" for first, last in lost[:MAX_RANGES]]
    return ", ".join(words + ["..."] * (len(lost) > MAX_RANGES))
