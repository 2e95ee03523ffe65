"""Rows of a damaged journal, told in the epoch that came after it: each is the very row that it was.

It gets its own place, whichever way it comes and however often. Sessions and bills learn of it once:
by the watermark of its own epoch, or here.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, select

from cloud_sync.envelope import Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.derive import Underivable
from cloud_sync.ingest.engine import insert_new
from cloud_sync.ingest.facts import SALVAGED, read_salvaged
from cloud_sync.ingest.place import Place, at, columns, locked_watermark, place_of


class Salvage:
    """`now`: the wall clock."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._now = now
        self._new_event = insert_new(engine, schema.event)
        self._new_state = insert_new(engine, schema.stream_state)
        self._new_mark = insert_new(engine, schema.salvaged)

    def take(self, connection: Connection, outer: Row) -> tuple[Row, bool]:
        """The row inside, in its place now; and whether nothing was derived from it before.

        Raises Underivable: it is not what its hash says, or is held with another one.
        """
        row = _inside(outer)
        place, event = place_of(row), schema.event
        acked, _ = locked_watermark(connection, self._new_state, place)  # nobody walks it meanwhile
        connection.execute(self._new_event, columns(row, self._now()))
        held = connection.execute(select(event.c.hash).where(
            at(event, place), event.c.seq == row.seq)).scalar_one()
        if held != row.hash:
            raise Underivable(f"{row.epoch}/{row.stream}/{row.seq} is held with another hash",
                              reason="salvaged")
        marked = row.seq in self.beyond(connection, place, row.seq - 1, limit=1)
        connection.execute(self._new_mark, {"site": row.site_id, "epoch": row.epoch,
                                            "stream": row.stream, "seq": row.seq})
        return row, row.seq > acked and not marked

    def beyond(self, connection: Connection, place: Place, acked: int,
               limit: int | None = None) -> frozenset[int]:
        """Rows after `acked` from which everything was derived already."""
        table = schema.salvaged
        return frozenset(connection.execute(
            select(table.c.seq).where(at(table, place), table.c.seq > acked)
            .order_by(table.c.seq).limit(limit)).scalars())


def _inside(outer: Row) -> Row:
    try:
        said = read_salvaged(outer.data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Underivable(f"{outer.type}: {error}", reason="salvaged") from error
    row = Row(site_id=outer.site_id, epoch=said.epoch, stream=outer.stream, seq=said.seq,
              type=said.type, utc=said.utc, boot=said.boot, mono_ns=said.mono_ns,
              clock_ok=said.clock_ok, data=said.data, prev=bytes.fromhex(said.prev),
              hash=bytes.fromhex(said.hash))
    if said.epoch == outer.epoch:
        raise Underivable(f"row {said.seq} is of the very journal that tells it", reason="salvaged")
    if not row.is_whole():
        raise Underivable(f"{row.epoch}/{row.stream}/{row.seq}: the hash is not that of the content",
                          reason="salvaged")
    return row


def is_salvaged(row: Row) -> bool:
    """Whether a row holds one of an earlier epoch."""
    return SALVAGED.get(row.stream) == row.type
