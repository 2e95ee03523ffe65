"""Rows that a site no longer has: by the word of a gap row, and by nothing else, the walk goes on.

Only telemetry may be given up. A gap row takes effect as the chain leads up to it, so that one which
merely arrived closes nothing; which rows came before it makes no difference.
"""

import msgspec
from sqlalchemy import Connection, Engine, select

from cloud_sync.envelope import Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.derive import Underivable
from cloud_sync.ingest.engine import insert_new
from cloud_sync.ingest.facts import Gap, read_gap
from cloud_sync.ingest.place import Place, at
from edge.controller.effects import Stream

_MAY_BE_GIVEN_UP = Stream.TM


class Gaps:
    """What sites have given up."""

    def __init__(self, engine: Engine) -> None:
        self._new_gap = insert_new(engine, schema.gap)

    def apply(self, connection: Connection, row: Row) -> tuple[Place, ...]:
        """Note what a gap row says; the place that may go on. Raises Underivable: not believed."""
        try:
            gap = read_gap(row.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Underivable(f"{row.type}: {error}", reason="gap") from error
        if gap.stream != _MAY_BE_GIVEN_UP:
            raise Underivable(f"rows of {gap.stream} are never given up", reason="gap")
        numbers = (gap.first_seq, gap.last_seq, gap.hash)
        if numbers == (None, None, None):
            return ()  # they never had a number: nobody waits for them
        if gap.first_seq is None or gap.last_seq is None or gap.hash is None:
            raise Underivable("firstSeq, lastSeq and hash: all of them, or none", reason="gap")
        if gap.rows > gap.last_seq - gap.first_seq + 1:
            raise Underivable(f"{gap.rows} rows from {gap.first_seq} to {gap.last_seq}", reason="gap")
        place = row.site_id, row.epoch, gap.stream
        self._note(connection, place, gap.first_seq, gap.last_seq, bytes.fromhex(gap.hash), gap)
        return (place,)

    def across(self, connection: Connection, place: Place, acked: int) -> tuple[int, bytes] | None:
        """(last row that is given up, its hash) if row `acked` + 1 is; else None."""
        if place[2] != _MAY_BE_GIVEN_UP:
            return None
        table = schema.gap
        found = connection.execute(select(table.c.last_seq, table.c.hash).where(
            at(table, place), table.c.first_seq <= acked + 1, table.c.last_seq > acked)).one_or_none()
        return None if found is None else (found.last_seq, found.hash)

    def _note(self, connection: Connection, place: Place, first: int, last: int, hash_: bytes,
              gap: Gap) -> None:
        table, event = schema.gap, schema.event
        known = connection.execute(select(table).where(
            at(table, place), table.c.first_seq <= last, table.c.last_seq >= first)).all()
        for other in known:
            if (other.first_seq, other.last_seq, other.hash) != (first, last, hash_):
                raise Underivable(f"{gap.stream} {first} to {last} overlaps the gap"
                                  f" {other.first_seq} to {other.last_seq}", reason="gap")
        near = connection.execute(select(event.c.seq, event.c.prev, event.c.hash).where(
            at(event, place), event.c.seq.in_([last, last + 1]))).all()
        for row in near:
            held = row.hash if row.seq == last else row.prev
            if held != hash_:
                raise Underivable(f"{gap.stream} {first} to {last} ends with hash {hash_.hex()}, row"
                                  f" {row.seq} is held and says {held.hex()}", reason="gap")
        connection.execute(self._new_gap, {
            "site": place[0], "epoch": place[1], "stream": place[2], "first_seq": first,
            "last_seq": last, "hash": hash_})
