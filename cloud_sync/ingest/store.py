"""Batches of messages into the database, one transaction each, and what may then be acknowledged.

The watermark of a stream is the last row up to which everything is held, each row carrying the hash
of the one before. Only it is acknowledged. Messages may come in any order and any number of times.
"""

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, update
from sqlalchemy import Row as DbRow

from cloud_sync import envelope, topics
from cloud_sync.envelope import BadEnvelope, Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.derive import Deriver, Underivable
from cloud_sync.ingest.engine import insert_new, open_engine
from cloud_sync.messages import NO_HASH, Ack
from edge.controller.chain import NO_ROW
from edge.controller.effects import Stream
from edge.controller.struct import Value

log = logging.getLogger(__name__)

WALK_ROWS = 500
Place = tuple[str, str, str]
"""(site, epoch, stream)"""


class Message(Value):
    """As it came from the broker."""

    topic: str
    payload: bytes


class AckDue(Value):
    """An acknowledgement to publish for a site."""

    site_id: str
    ack: Ack


class _Suspect(Value):
    reason: str
    detail: str
    message: Message


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Store:
    """One database. Not for several threads. Raises sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, url: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self.engine = open_engine(url)
        self._now = now
        self._deriver = Deriver(self.engine)
        self._new_event = insert_new(self.engine, schema.event)
        self._new_state = insert_new(self.engine, schema.stream_state)
        self._new_suspect = insert_new(self.engine, schema.quarantine)
        schema.metadata.create_all(self.engine)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def take(self, messages: Sequence[Message]) -> tuple[AckDue, ...]:
        """Commit a batch. Answers one acknowledgement for each stream that it touched, so that a
        duplicate heals a lost one. What cannot be trusted is quarantined and logged."""
        suspects: list[_Suspect] = []
        rows = self._screen(messages, suspects)
        places = sorted({_place(row) for row in rows})
        with self.engine.begin() as connection:
            if rows:
                self._insert(connection, rows)
                suspects += self._conflicts(connection, rows, places)
            dues = tuple(self._advance(connection, place, suspects) for place in places)
            self._quarantine(connection, suspects)
        return dues

    def resume(self, site_id: str, epoch: str) -> tuple[AckDue, ...]:
        """For each stream of an epoch: where the site should send on from."""
        dues = []
        table = schema.stream_state
        with self.engine.connect() as connection:
            for stream in Stream:
                state = connection.execute(
                    select(table).where(_at(table, (site_id, epoch, stream.value)))).one_or_none()
                dues.append(AckDue(site_id=site_id, ack=Ack(
                    epoch=epoch, stream=stream.value, seq=state.acked if state else 0,
                    hash=state.hash.hex() if state else NO_HASH, resume=True)))
        return tuple(dues)

    def _screen(self, messages: Iterable[Message], suspects: list[_Suspect]) -> list[Row]:
        """The rows that are whole and come from their own site's topic; each key once."""
        rows: dict[tuple[Place, int], Row] = {}
        for message in messages:
            try:
                row = _read(message)
            except _Rejected as rejected:
                suspects.append(_Suspect(reason=rejected.reason, detail=str(rejected), message=message))
                continue
            first = rows.setdefault((_place(row), row.seq), row)
            if first.hash != row.hash:
                suspects.append(_conflict(row))
        return list(rows.values())

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        received = self._now().isoformat()
        connection.execute(self._new_event, [
            {"site": row.site_id, "epoch": row.epoch, "stream": row.stream, "seq": row.seq,
             "type": row.type, "utc": row.utc, "boot": row.boot, "mono_ns": row.mono_ns,
             "clock_ok": row.clock_ok, "raw": row.data, "prev": row.prev, "hash": row.hash,
             "received_utc": received} for row in rows])

    def _conflicts(self, connection: Connection, rows: Sequence[Row],
                   places: Sequence[Place]) -> Iterator[_Suspect]:
        """Rows whose key the database holds with another hash."""
        table = schema.event
        for place in places:
            ours = {row.seq: row for row in rows if _place(row) == place}
            held = connection.execute(
                select(table.c.seq, table.c.hash).where(_at(table, place), table.c.seq.in_(list(ours))))
            yield from (_conflict(ours[seq]) for seq, hash_ in held if hash_ != ours[seq].hash)

    def _advance(self, connection: Connection, place: Place, suspects: list[_Suspect]) -> AckDue:
        """Move the watermark over what continues the chain. The lock orders concurrent workers."""
        site, epoch, stream = place
        table = schema.stream_state
        connection.execute(self._new_state, {"site": site, "epoch": epoch, "stream": stream,
                                             "acked": 0, "hash": NO_ROW})
        state = connection.execute(select(table).where(_at(table, place)).with_for_update()).one()
        acked, hash_ = state.acked, state.hash
        for row in self._rows_after(connection, place, acked):
            if row.prev != hash_:
                suspects.append(self._expel(connection, row, hash_))
                break
            try:
                self._deriver.apply(connection, row)
            except Underivable as error:
                suspects.append(_Suspect(reason="data", detail=str(error), message=_message(row)))
            acked, hash_ = row.seq, row.hash
        if acked != state.acked:
            connection.execute(update(table).where(_at(table, place)).values(acked=acked, hash=hash_))
        return AckDue(site_id=site, ack=Ack(epoch=epoch, stream=stream, seq=acked, hash=hash_.hex()))

    def _rows_after(self, connection: Connection, place: Place, acked: int) -> Iterator[Row]:
        """Consecutive rows after `acked`, up to the first gap."""
        table = schema.event
        for last in itertools.count(acked, WALK_ROWS):
            found = connection.execute(
                select(table).where(_at(table, place), table.c.seq > last,
                                    table.c.seq <= last + WALK_ROWS).order_by(table.c.seq)).all()
            for expected, record in enumerate(found, last + 1):
                if record.seq != expected:
                    return
                yield _row(record)
            if len(found) < WALK_ROWS:
                return

    def _expel(self, connection: Connection, row: Row, expected: bytes) -> _Suspect:
        """A row that does not continue the chain must leave, or the right one could never come in."""
        table = schema.event
        connection.execute(delete(table).where(_at(table, _place(row)), table.c.seq == row.seq))
        return _Suspect(reason="chain", message=_message(row), detail=(
            f"{row.stream}/{row.seq}: prevhash is {row.prev.hex()}, row {row.seq - 1} has"
            f" {expected.hex()}"))

    def _quarantine(self, connection: Connection, suspects: Sequence[_Suspect]) -> None:
        for suspect in suspects:
            log.error("quarantined (%s) from %s: %s", suspect.reason, suspect.message.topic,
                      suspect.detail)
            connection.execute(self._new_suspect, {
                "digest": hashlib.sha256(suspect.message.payload).hexdigest(),
                "reason": suspect.reason, "detail": suspect.detail, "topic": suspect.message.topic,
                "payload": suspect.message.payload, "received_utc": self._now().isoformat()})


class _Rejected(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _read(message: Message) -> Row:
    try:
        row = envelope.decode(message.payload)
    except BadEnvelope as error:
        raise _Rejected("malformed", str(error)) from error
    if topics.parse_up(message.topic) != (row.site_id, row.stream):
        raise _Rejected("topic", f"{row.site_id}/{row.stream} does not belong on {message.topic}")
    if row.seq < 1 or not row.is_whole():
        raise _Rejected("hash", f"{row.stream}/{row.seq}: the hash is not that of the content")
    return row


def _place(row: Row) -> Place:
    return row.site_id, row.epoch, row.stream


def _at(table: Table, place: Place) -> ColumnElement[bool]:
    site, epoch, stream = place
    return and_(table.c.site == site, table.c.epoch == epoch, table.c.stream == stream)


def _row(record: DbRow[Any]) -> Row:
    return Row(site_id=record.site, epoch=record.epoch, stream=record.stream, seq=record.seq,
               type=record.type, utc=record.utc, boot=record.boot, mono_ns=record.mono_ns,
               clock_ok=record.clock_ok, data=record.raw, prev=record.prev, hash=record.hash)


def _message(row: Row) -> Message:
    return Message(topic=topics.up(row.site_id, row.stream), payload=envelope.encode(row))


def _conflict(row: Row) -> _Suspect:
    return _Suspect(reason="conflict", message=_message(row),
                    detail=f"{row.stream}/{row.seq} of {row.site_id} is held with another hash")
