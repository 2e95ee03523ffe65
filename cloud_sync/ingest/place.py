"""Where a row stands in the database: by site, epoch and stream; and rows in and out of `event`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, select
from sqlalchemy import Row as DbRow
from sqlalchemy.sql.dml import Insert

from cloud_sync.envelope import Row
from cloud_sync.ingest import schema
from edge.controller.chain import NO_ROW

Place = tuple[str, str, str]
"""(site, epoch, stream)"""


def place_of(row: Row) -> Place:
    """Where a row belongs."""
    return row.site_id, row.epoch, row.stream


def at(table: Table, place: Place) -> ColumnElement[bool]:
    """The condition for rows of `table` of that place."""
    site, epoch, stream = place
    return and_(table.c.site == site, table.c.epoch == epoch, table.c.stream == stream)


def columns(row: Row, received: datetime) -> Mapping[str, object]:
    """A row as `event` keeps it."""
    return {"site": row.site_id, "epoch": row.epoch, "stream": row.stream, "seq": row.seq,
            "type": row.type, "utc": row.utc, "boot": row.boot, "mono_ns": row.mono_ns,
            "clock_ok": row.clock_ok, "raw": row.data, "prev": row.prev, "hash": row.hash,
            "received_utc": received.isoformat()}


def row_of(record: DbRow[Any]) -> Row:
    """A row as `event` kept it."""
    return Row(site_id=record.site, epoch=record.epoch, stream=record.stream, seq=record.seq,
               type=record.type, utc=record.utc, boot=record.boot, mono_ns=record.mono_ns,
               clock_ok=record.clock_ok, data=record.raw, prev=record.prev, hash=record.hash)


def locked_watermark(connection: Connection, new_state: Insert, place: Place) -> tuple[int, bytes]:
    """(acked, its hash) of a place; nobody else moves it until this transaction ends.

    `new_state`: how to insert a line of `stream_state` that may be there.
    """
    site, epoch, stream = place
    table = schema.stream_state
    connection.execute(new_state, {"site": site, "epoch": epoch, "stream": stream, "acked": 0,
                                   "hash": NO_ROW})
    state = connection.execute(select(table).where(at(table, place)).with_for_update()).one()
    return state.acked, state.hash
