"""A journal as a busy week leaves it: telemetry every 10 s, sessions, faults; told to the cloud.

    python tests/support/week_journal.py FILE [DAYS]

Its rows are those of the core itself, of a site of three bays, with other times, numbers and names.
"""

import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from core_desk import Desk, plan

from edge.controller.effects import Record, Stream
from edge.controller.idtoken import IdToken
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store

BAYS, TELEMETRY_S, BATCHES = 3, 10, 500
SESSIONS_A_DAY = 90
SAME_A_SESSION = 6  # "Updated" rows of a session that takes its time
UNTOLD = 50  # of each stream, the last ones: the line to the cloud was down for minutes


def write_week(path: Path, days: int = 7) -> dict[Stream, int]:
    """Begin a journal at `path`, which must be free; how many rows each stream has."""
    store = Store.open(path, new_epoch=lambda: secrets.token_hex(8))
    try:
        group: list[Batch] = []
        for batch in _batches(days):
            group.append(batch)
            if len(group) == BATCHES:
                store.append(group)
                group = []
        store.append(group)
        for stream, head in store.heads().items():
            row, = store.read(stream, head.seq - UNTOLD - 1, 1)
            store.acknowledge(store.epoch, stream, row.seq, row.hash)
        return {stream: head.seq for stream, head in store.heads().items()}
    finally:
        store.close()


def _batches(days: int) -> Iterator[Batch]:
    sample, session = _rows_of_the_core()
    begin = datetime(2026, 11, 14, tzinfo=UTC)
    between = days * 86_400 // (days * SESSIONS_A_DAY)
    for second in range(0, days * 86_400, TELEMETRY_S):
        now = begin + timedelta(seconds=second)
        utc = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        wh = b"%d" % (10_000_000 + second)
        yield _batch(second, utc, sample, wh)
        if second % between < TELEMETRY_S:
            name = f"{second:08d}".encode()
            for row in session:
                yield _batch(second, utc, row, wh, name)


def _batch(second: int, utc: str, row: Record, wh: bytes, name: bytes = b"") -> Batch:
    data = bytes(row.data).replace(_WH, wh).replace(_UTC, utc.encode()).replace(_NAME, name)
    return Batch(mono_ns=second * 1_000_000_000, utc=utc, clock_ok=True, rows=(
        NewRow(stream=row.stream, type=row.type, data=data),))


_WH, _UTC, _NAME = b"77777777", b"2026-11-21T09:59:59.999Z", b"id-name-"


def _rows_of_the_core() -> tuple[Record, list[Record]]:
    """One telemetry row, and all other rows of a session; with marks where they differ."""
    desk = Desk(plan(BAYS, fuse_a=63))
    for bay in desk.devices.values():
        bay.wh = int(_WH)
    for number in range(1, BAYS + 1):
        desk.charge(str(number), IdToken(ref=f"{number:032x}", last4="5E80", sealed="x" * 60))
    desk.log.clear()
    desk.run(30)
    sample = [e for e in desk.log if isinstance(e, Record) and e.stream is Stream.TM][-1]
    desk.unplug("1")
    desk.run(20)
    desk.log.clear()
    desk.charge("1", IdToken(ref="f" * 32, last4="5E80", sealed="x" * 60))
    desk.run(60)
    desk.unplug("1")
    desk.run(20)
    found = [e for e in desk.log if isinstance(e, Record) and e.stream is not Stream.TM]
    updates = [e for e in found if b'"Updated"' in bytes(e.data)]
    return _marked(sample), [_marked(e) for e in found] + [_marked(updates[0])] * SAME_A_SESSION


def _marked(row: Record) -> Record:
    """Its times and its transaction are to be replaced."""
    said = msgspec.json.decode(row.data)
    data = bytes(row.data)
    stamp = said.get("timestamp")
    if stamp:
        data = data.replace(stamp.encode(), _UTC)
    transaction = said.get("transactionInfo", {}).get("transactionId")
    if transaction:
        data = data.replace(transaction.encode(), _NAME + b"4be0-9d3b-5a1f27c8e6b4")
    return msgspec.structs.replace(row, data=msgspec.Raw(data))


if __name__ == "__main__":
    print({str(stream): rows for stream, rows in write_week(
        Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7).items()})
