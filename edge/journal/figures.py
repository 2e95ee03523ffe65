"""What is in a journal's file: rows and bytes of each stream, by the days that the rows tell."""

from pathlib import Path

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal import schema
from edge.journal.checks import HURT
from edge.journal.files import size, wal_of
from edge.journal.reading import has_controller, reading
from edge.journal.report import REPORT


class DayFigures(Value):
    """Rows of one UTC day, as they say themselves ("": without a time). `bytes`: of their content."""

    day: str
    rows: int
    bytes: int


class StreamFigures(Value):
    """`first` to `last` are held; up to `acked` the cloud has them. `days`: the oldest first."""

    first: int
    last: int
    acked: int
    rows: int
    bytes: int
    oldest_utc: str | None
    newest_utc: str | None
    days: tuple[DayFigures, ...]


class Figures(Value):
    """`controller`: somebody has it open. `hurt`: it was found damaged while in use. `report`: what
    became of the one before it, in JSON.
    """

    epoch: str
    boot: int
    schema: int
    file_bytes: int
    wal_bytes: int
    free_bytes: int
    sessions: int
    kept: int
    controller: bool
    streams: dict[Stream, StreamFigures]
    hurt: str | None = None
    report: str | None = None


def figures(path: Path) -> Figures:
    """Of the journal at `path`; reads only. Raises as `reading` does."""
    with reading(path) as db:
        meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
        tails = "tail" if meta["schema"] >= schema.TAILS_SINCE else "0"
        streams = {}
        for stream in Stream:
            table = f"row_{stream.value}"
            head, acked, tail = db.execute(
                f"SELECT head, acked, {tails} FROM stream WHERE name = ?", (stream.value,)).fetchone()
            by_day = db.execute(
                f"SELECT coalesce(substr(utc, 1, 10), ''), count(*), sum(length(data)) FROM {table}"
                " GROUP BY 1 ORDER BY 1").fetchall()
            days = tuple(DayFigures(day=str(day), rows=rows, bytes=held) for day, rows, held in by_day)
            timed = f"(SELECT utc FROM {table} WHERE utc IS NOT NULL ORDER BY seq"
            oldest, newest = db.execute(
                f"SELECT {timed} LIMIT 1), {timed} DESC LIMIT 1)").fetchone()
            streams[stream] = StreamFigures(
                first=tail + 1, last=head, acked=acked, rows=sum(day.rows for day in days),
                bytes=sum(day.bytes for day in days), oldest_utc=oldest, newest_utc=newest, days=days)
        (free,), (page,), (sessions,) = (db.execute(question).fetchone() for question in (
            "PRAGMA freelist_count", "PRAGMA page_size", "SELECT count(*) FROM session"))
        kept = db.execute("SELECT count(*) FROM kept").fetchone()[0] if meta["schema"] > 1 else 0
    report = meta.get(REPORT)
    return Figures(
        epoch=meta["epoch"], boot=meta["boot"], schema=meta["schema"], streams=streams,
        sessions=sessions, kept=kept, file_bytes=size(path), free_bytes=free * page,
        wal_bytes=size(wal_of(path)),
        controller=has_controller(path), hurt=meta.get(HURT),
        report=report.decode("utf-8", "replace") if isinstance(report, bytes) else None)
