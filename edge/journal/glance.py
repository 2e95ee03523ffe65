"""The newest rows of a journal, for a bug report: read only, in one short look, whoever has it open.

Takes what can be read: a damaged table is left out and named, since a report of a damaged journal is
what somebody asks for then. Verifies nothing (`verify.py` does).
"""

import sqlite3
from pathlib import Path
from typing import Any

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal.reading import reading
from edge.journal.sqlite_trouble import STRANGE

SQLITE = sqlite3.sqlite_version


class GlancedRow(Value):
    """A row as it lies there; `data` are its exact bytes."""

    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    data: bytes
    hash: bytes


class Glance(Value):
    """`rows`: the newest of each stream, oldest first. `troubles`: what could not be read, and why."""

    meta: dict[str, str]
    heads: dict[str, dict[str, int]]
    rows: dict[Stream, tuple[GlancedRow, ...]]
    sessions: dict[str, bytes]
    troubles: tuple[str, ...] = ()


def glance(path: Path, limit: int, streams: tuple[Stream, ...] = (Stream.TX, Stream.EV)) -> Glance:
    """Up to `limit` rows of each stream. Raises `JournalError` for a file that cannot be opened."""
    with reading(path) as db:
        return _looked(db, limit, streams)


def _looked(db: sqlite3.Connection, limit: int, streams: tuple[Stream, ...]) -> Glance:
    troubles: list[str] = []

    def ask(what: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return db.execute(sql, values).fetchall()
        except (sqlite3.Error, *STRANGE) as error:
            troubles.append(f"{what}: {type(error).__name__}: {error}")
            return []
    meta = {str(k): str(v) for k, v in ask("meta", "SELECT k, v FROM meta")}
    heads = {str(name): {"seq": seq, "acked": acked} for name, seq, acked in ask(
        "stream", "SELECT name, head, acked FROM stream")}
    rows = {stream: tuple(_rows(troubles, stream, ask(
        f"row_{stream}", "SELECT seq, type, utc, boot, mono_ns, clock_ok, data, hash FROM"
        f" row_{stream.value} ORDER BY seq DESC LIMIT ?", limit))) for stream in streams}
    sessions = {str(key): body for key, body in ask(
        "session", "SELECT transaction_id, body FROM session") if isinstance(body, bytes)}
    return Glance(meta=meta, heads=heads, rows=rows, sessions=sessions, troubles=tuple(troubles))


def _rows(troubles: list[str], stream: Stream, found: list[tuple[Any, ...]]) -> list[GlancedRow]:
    rows = []
    for seq, type_, utc, boot, mono_ns, clock_ok, data, hash_ in reversed(found):
        if isinstance(data, bytes) and isinstance(hash_, bytes):
            rows.append(GlancedRow(seq=seq, type=str(type_), utc=utc, boot=boot, mono_ns=mono_ns,
                                   clock_ok=bool(clock_ok), data=data, hash=hash_))
        else:
            troubles.append(f"row {seq} of {stream}: its content is none")
    return rows
