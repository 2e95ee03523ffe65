"""The journal that begins after a damaged one, written whole before it gets its name.

Kept sessions and values go over as they are. Rows that the old head had not acknowledged are told
again, each within a row of its own (`records.Salvaged`), billing first. If the disk is full, what has
no room stays in the old file: the site can charge, and the report says what is missing.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from edge.controller.effects import Stream
from edge.controller.records import SALVAGED, Salvaged, raw
from edge.journal import opening, schema
from edge.journal.report import REPORT, Report, StreamReport
from edge.journal.row import Batch, Head, NewRow, Row
from edge.journal.rows import Heads, insert, save_heads
from edge.journal.salvage import CLOCK_FLOOR, Salvage

SLICE_ROWS = 500
ROOM_BYTES = 64_000_000
"""Left free when telemetry is told again: the new journal needs room, too."""
_REPORT_BYTES = 16_000  # reserved for the report, which comes last
_MAX_SET_ASIDE = 20
_MAX_RANGES = 100


def rebuild(new: Path, found: Salvage, *, why: str, aside: str,
            new_epoch: Callable[[], str]) -> Report:
    """Write the file `new`, which is not there yet, and close it. `aside`: the name of the old one.

    Raises `sqlite3.Error` or `OSError` if not even what is kept has room.
    """
    opening.create_private(new)
    with closing(schema.connect(new, busy_s=0.0)) as db:
        # Nobody else sees it before it is done: no commit need outlive a power cut.
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        begun = opening.begin(db, new, new_epoch)
        boot, heads = found.boot + 1, dict(begun.heads)
        db.execute("BEGIN")
        floor = found.clock_floor_utc
        floors = {} if floor is None else {CLOCK_FLOOR: floor.encode()}
        kept = Batch(mono_ns=0, sessions=dict(found.sessions), kept={**found.kept, **floors})
        insert(db, kept, heads, epoch=begun.epoch, boot=boot)
        _note(db, "boot", boot)
        _note(db, REPORT, bytes(_REPORT_BYTES))
        db.execute("COMMIT")
        told = _Told(db, new, begun.epoch, boot, heads)
        streams = {stream.value: told.again(stream, found) for stream in Stream}
        report = Report(
            why=why[:1000], aside=aside, epoch=found.epoch, streams=streams, kept=len(found.kept),
            sessions=len(found.sessions), set_aside=found.set_aside[:_MAX_SET_ASIDE],
            ev_head=told.heads[Stream.EV].seq)
        db.execute("BEGIN")
        _note(db, REPORT, report.encoded())
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL").fetchall()
    return report


def _note(db: sqlite3.Connection, key: str, value: int | bytes) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, value))


class _Told:
    """Tells rows again, in slices, as long as there is room."""

    def __init__(self, db: sqlite3.Connection, new: Path, epoch: str, boot: int, heads: Heads) -> None:
        self._db, self._new, self._epoch, self._boot, self.heads = db, new, epoch, boot, heads
        self._room = True

    def again(self, stream: Stream, found: Salvage) -> StreamReport:
        """All of a stream that the cloud does not have."""
        acked = found.heads.get(stream, Head()).acked
        rows = sorted(seq for seq in found.rows[stream] if seq > acked)
        told = 0
        for some in _slices(rows):
            again = [row for row in map(found.rows[stream].__getitem__, some) if row.intact()]
            if not self._tell(stream, again):  # what the disk does not give a second time is left, too
                break
            told += len(again)
        lost = [(max(first, acked + 1), last) for first, last in found.lost(stream) if last > acked]
        return StreamReport(
            told=told, acked=acked, left=len(rows) - told, lost_at=tuple(lost[:_MAX_RANGES]),
            lost=sum(last - first + 1 for first, last in lost),
            unproven=sum(seq > acked for seq in found.unproven[stream]))

    def _tell(self, stream: Stream, rows: Sequence[Row]) -> bool:
        """Whether there was room."""
        if stream is Stream.TM and self._room:
            disk = os.statvfs(self._new.parent)
            self._room = disk.f_bavail * disk.f_frsize > ROOM_BYTES
        if not self._room:
            return False
        heads = dict(self.heads)
        batch = Batch(mono_ns=time.monotonic_ns(), rows=tuple(_again(row) for row in rows))
        try:
            self._db.execute("BEGIN")
            insert(self._db, batch, heads, epoch=self._epoch, boot=self._boot)
            save_heads(self._db, heads, [stream])
            self._db.execute("COMMIT")
        except sqlite3.OperationalError:  # full, or a disk that takes no more
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._room = False
            return False
        self.heads = heads
        return True


def _slices(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(rows), SLICE_ROWS):
        yield rows[at:at + SLICE_ROWS]


def _again(row: Row) -> NewRow:
    stream = row.stream.value
    return NewRow(stream=row.stream, type=SALVAGED[stream], data=bytes(raw(Salvaged(
        epoch=row.epoch, seq=row.seq, type=row.type, utc=row.utc, boot=row.boot, mono_ns=row.mono_ns,
        clock_ok=row.clock_ok, prev=row.prev.hex(), hash=row.hash.hex(), data=row.data))))
