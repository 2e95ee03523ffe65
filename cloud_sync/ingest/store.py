"""Batches of messages into the database, one transaction each, and what may then be acknowledged.

The watermark of a stream is the last row up to which everything is held, each row carrying the hash
of the one before, or is given up by the word of a gap row. Only it is acknowledged. Messages may come
in any order and any number of times.
"""

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, update

from cloud_sync import envelope, topics
from cloud_sync.envelope import BadEnvelope, Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.derive import Underivable
from cloud_sync.ingest.engine import insert_new, open_engine
from cloud_sync.ingest.passing import Passing
from cloud_sync.ingest.place import Place, at, columns, locked_watermark, place_of, row_of
from cloud_sync.messages import NO_HASH, Ack
from edge.controller.effects import Stream
from edge.controller.struct import Value

log = logging.getLogger(__name__)

WALK_ROWS = 500


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
        self._passing = Passing(self.engine, now)
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
        places = sorted({place_of(row) for row in rows})
        with self.engine.begin() as connection:
            if rows:
                self._insert(connection, rows)
                suspects += self._conflicts(connection, rows, places)
            dues = self._advance_all(connection, places, suspects)
            self._quarantine(connection, suspects)
        return dues

    def resume(self, site_id: str, epoch: str) -> tuple[AckDue, ...]:
        """For each stream of an epoch: where the site should send on from."""
        dues = []
        table = schema.stream_state
        with self.engine.connect() as connection:
            for stream in Stream:
                state = connection.execute(
                    select(table).where(at(table, (site_id, epoch, stream.value)))).one_or_none()
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
            first = rows.setdefault((place_of(row), row.seq), row)
            if first.hash != row.hash:
                suspects.append(_conflict(row))
        return list(rows.values())

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        received = self._now()
        connection.execute(self._new_event, [columns(row, received) for row in rows])

    def _conflicts(self, connection: Connection, rows: Sequence[Row],
                   places: Sequence[Place]) -> Iterator[_Suspect]:
        """Rows whose key the database holds with another hash."""
        table = schema.event
        for place in places:
            ours = {row.seq: row for row in rows if place_of(row) == place}
            held = connection.execute(
                select(table.c.seq, table.c.hash).where(at(table, place), table.c.seq.in_(list(ours))))
            yield from (_conflict(ours[seq]) for seq, hash_ in held if hash_ != ours[seq].hash)

    def _advance_all(self, connection: Connection, places: Sequence[Place],
                     suspects: list[_Suspect]) -> tuple[AckDue, ...]:
        """Each place, and each that may go on because of what was said there, in the order in which
        every worker locks them (but for rows of an older epoch: a database that meets two workers
        there ends one of them, and its batch is tried again).
        """
        alive = {place[:2] for place in places}  # of an epoch that is over nobody awaits a word
        dues, todo = {}, set(places)
        while todo:
            place = min(todo)
            todo.remove(place)
            dues[place] = self._advance(connection, place, suspects, todo)
        return tuple(due for place, due in dues.items() if place[:2] in alive)

    def _advance(self, connection: Connection, place: Place, suspects: list[_Suspect],
                 todo: set[Place]) -> AckDue:
        """Move the watermark over what continues the chain. The lock orders concurrent workers."""
        before = acked, hash_ = locked_watermark(connection, self._new_state, place)
        told = self._passing.salvage.beyond(connection, place, acked)
        while True:
            for row in self._rows_after(connection, place, acked):
                if row.prev != hash_:
                    suspects.append(self._expel(connection, row, hash_))
                    break
                if row.seq not in told:
                    todo.update(self._pass(connection, row, suspects))
                acked, hash_ = row.seq, row.hash
            across = self._passing.gaps.across(connection, place, acked)
            if across is None:
                break
            acked, hash_ = across
        if (acked, hash_) != before:
            connection.execute(update(schema.stream_state).where(at(schema.stream_state, place))
                               .values(acked=acked, hash=hash_))
        site, epoch, stream = place
        return AckDue(site_id=site, ack=Ack(epoch=epoch, stream=stream, seq=acked, hash=hash_.hex()))

    def _pass(self, connection: Connection, row: Row, suspects: list[_Suspect]) -> tuple[Place, ...]:
        try:
            return self._passing.apply(connection, row)
        except Underivable as error:
            suspects.append(_Suspect(reason=error.reason, detail=str(error), message=_message(row)))
            return ()

    def _rows_after(self, connection: Connection, place: Place, acked: int) -> Iterator[Row]:
        """Consecutive rows after `acked`, up to the first gap."""
        table = schema.event
        for last in itertools.count(acked, WALK_ROWS):
            found = connection.execute(
                select(table).where(at(table, place), table.c.seq > last,
                                    table.c.seq <= last + WALK_ROWS).order_by(table.c.seq)).all()
            for expected, record in enumerate(found, last + 1):
                if record.seq != expected:
                    return
                yield row_of(record)
            if len(found) < WALK_ROWS:
                return

    def _expel(self, connection: Connection, row: Row, expected: bytes) -> _Suspect:
        """A row that does not continue the chain must leave, or the right one could never come in."""
        table = schema.event
        connection.execute(delete(table).where(at(table, place_of(row)), table.c.seq == row.seq))
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


def _message(row: Row) -> Message:
    return Message(topic=topics.up(row.site_id, row.stream), payload=envelope.encode(row))


def _conflict(row: Row) -> _Suspect:
    return _Suspect(reason="conflict", message=_message(row),
                    detail=f"{row.stream}/{row.seq} of {row.site_id} is held with another hash")
