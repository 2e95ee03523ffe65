"""Takes old rows out of a journal, slice by slice. Every function works within an open transaction,
moves `heads` on, and raises whatever SQLite raises.

A slice is proven before it goes: a row that is not what its hash says stays for those who salvage.
Freed pages are used again by later rows.
"""

import sqlite3

import msgspec

from edge.controller.effects import Stream
from edge.controller.records import EV_GAP, Gap, raw
from edge.journal import retention, rows
from edge.journal.errors import JournalDamaged
from edge.journal.row import Batch, NewRow, Row
from edge.journal.salvage import CLOCK_FLOOR, LIVED

TELEMETRY = Stream.TM


def noted(db: sqlite3.Connection, stream: Stream) -> list[tuple[str, int]]:
    """Day and highest row that was acknowledged by then, oldest first."""
    return db.execute("SELECT day, seq FROM ack_day WHERE stream = ? ORDER BY day",
                      (stream.value,)).fetchall()


def lived(db: sqlite3.Connection) -> retention.Lived:
    """What was noted last; nothing, if that cannot be read: then rows stay for longer."""
    found = db.execute("SELECT body FROM kept WHERE key = ?", (LIVED,)).fetchone()
    try:
        return msgspec.json.decode(found[0], type=retention.Lived) if found else retention.Lived()
    except (msgspec.MsgspecError, UnicodeError):
        return retention.Lived()


def note_day(db: sqlite3.Connection, heads: rows.Heads, day: str,
             so_far: retention.Lived) -> retention.Lived:
    """By now, which is on `day`, so much was acknowledged and lived through."""
    note_acks(db, heads, day)
    (oldest,) = db.execute("SELECT min(day) FROM ack_day").fetchone()
    noted = so_far.noted(day, min(oldest or day, day))
    rows.keep(db, LIVED, msgspec.json.encode(noted))
    _keep_floor(db, [f"{day}T00:00:00.000Z"])
    return noted


def note_acks(db: sqlite3.Connection, heads: rows.Heads, day: str) -> None:
    """By `day` so much was acknowledged; days of which no row is left are forgotten."""
    for stream, head in heads.items():
        last = max((seq for _, seq in noted(db, stream)), default=0)
        if head.acked > last:
            db.execute("INSERT OR REPLACE INTO ack_day VALUES(?, ?, ?)",
                       (stream.value, day, head.acked))
            db.execute("DELETE FROM ack_day WHERE stream = ? AND seq <= ?", (stream.value, head.tail))


def forget(db: sqlite3.Connection, epoch: str, heads: rows.Heads, day: str,
           keep: retention.KeepDays, so_far: retention.Lived) -> int:
    """One slice of what is old enough on `day`; how many rows that were (0: nothing is)."""
    for stream in Stream:
        head = heads[stream]
        end = retention.slice_end(head, retention.may_go(
            head, noted(db, stream), day, keep.of(stream), so_far))
        if end > head.tail:
            return len(_delete(db, epoch, heads, stream, end))
    return 0


def thin(db: sqlite3.Connection, epoch: str, boot: int, heads: rows.Heads, at: Batch,
         because: str) -> tuple[int, Row | None]:
    """One slice of telemetry, and the row that says so if the cloud does not hold it."""
    head = heads[TELEMETRY]
    end = retention.thin_end(head)
    if end <= head.tail:
        return 0, None
    gone = _delete(db, epoch, heads, TELEMETRY, end)
    if end <= head.acked:
        return len(gone), None
    known = [row.utc for row in gone if row.utc is not None]
    gap = Gap(stream=TELEMETRY.value, rows=len(gone), because=because, first_seq=gone[0].seq,
              last_seq=end, hash=gone[-1].hash.hex(), from_utc=known[0] if known else None,
              to_utc=known[-1] if known else None)
    new = NewRow(stream=Stream.EV, type=EV_GAP, data=bytes(raw(gap)))
    (row,) = rows.insert(db, msgspec.structs.replace(at, rows=(new,)), heads, epoch=epoch, boot=boot)
    rows.save_heads(db, heads, (Stream.EV,))
    return len(gone), row


def spare_bytes(db: sqlite3.Connection) -> int:
    """How much can be written without the file growing."""
    (pages,), (size,) = (db.execute(f"PRAGMA {name}").fetchone()
                         for name in ("freelist_count", "page_size"))
    return int(pages) * int(size)


def oldest_utc(db: sqlite3.Connection, stream: Stream) -> str | None:
    """Of the oldest row that is held."""
    found = db.execute(f"SELECT utc FROM row_{stream.value} ORDER BY seq LIMIT 1").fetchone()
    return found[0] if found else None


def _delete(db: sqlite3.Connection, epoch: str, heads: rows.Heads, stream: Stream,
            end: int) -> tuple[Row, ...]:
    head = heads[stream]
    gone = rows.read(db, epoch, stream, head.tail_hash, head.tail, end - head.tail)
    for seq, row in enumerate(gone, head.tail + 1):
        if row.seq != seq or not isinstance(row.data, bytes) or not row.intact():
            raise JournalDamaged(f"row {seq} of {stream} is not what its hash says; no row goes")
    if not gone or gone[-1].seq != end:
        raise JournalDamaged(f"row {end} of {stream} is missing; no row goes")
    db.execute(f"DELETE FROM row_{stream.value} WHERE seq <= ?", (end,))
    heads[stream] = msgspec.structs.replace(head, tail=end, tail_hash=gone[-1].hash)
    rows.save_heads(db, heads, (stream,))
    _keep_floor(db, [row.utc for row in gone if row.clock_ok and row.utc is not None])
    return gone


def _keep_floor(db: sqlite3.Connection, trusted: list[str]) -> None:
    """It was not earlier than in a row that is gone."""
    found = db.execute("SELECT body FROM kept WHERE key = ?", (CLOCK_FLOOR,)).fetchone()
    floor = max([t.encode() for t in trusted], default=b"")
    if floor > (found[0] if found else b""):
        rows.keep(db, CLOCK_FLOOR, floor)
