"""Rows of journals as the cloud gets them: chains, gaps that are told, rows that are told again."""

import json

import msgspec

from cloud_sync import envelope, topics
from cloud_sync.envelope import Row
from cloud_sync.ingest.store import Message
from edge.controller import records
from edge.controller.chain import NO_ROW, row_hash

SITE, EPOCH, NEXT_EPOCH = "SE*FCT*E0001", "f123456789abcdef", "0a0a0a0a0a0a0a0a"


def chain(stream, contents, *, epoch=EPOCH, site=SITE, prev=NO_ROW, first=1):
    """Rows with these (type, data), each after the one before."""
    rows = []
    for seq, (type_, data) in enumerate(contents, first):
        place = (epoch, stream, seq, type_, "2026-05-01T12:00:00Z", 1, seq, True, data)
        rows.append(Row(site_id=site, epoch=epoch, stream=stream, seq=seq, type=type_, utc=place[4],
                        boot=1, mono_ns=seq, clock_ok=True, data=data, prev=prev,
                        hash=row_hash(prev, *place)))
        prev = rows[-1].hash
    return rows


def telemetry(count):
    return chain("tm", [(records.TM_METER, b'{"n":%d}' % n) for n in range(1, count + 1)])


def gap(held, first, last, **changes):
    """(type, data) of a gap row that gives up `first` to `last` of these rows."""
    said = {"stream": held[0].stream, "rows": last - first + 1, "because": "disk low",
            "first_seq": first, "last_seq": last, "hash": held[last - 1].hash.hex()} | changes
    return records.EV_GAP, msgspec.json.encode(records.Gap(**said))


def salvaged(row, **changes):
    """(type, data) of a row that tells `row` again."""
    said = records.Salvaged(epoch=row.epoch, seq=row.seq, type=row.type, utc=row.utc, boot=row.boot,
                            mono_ns=row.mono_ns, clock_ok=row.clock_ok, prev=row.prev.hex(),
                            hash=row.hash.hex(), data=row.data)
    return records.SALVAGED[row.stream], msgspec.json.encode(msgspec.structs.replace(said, **changes))


def bill(number, energy="12.345"):
    """What a session writes: its beginning, its end, its CDR."""
    for kind in ("Started", "Ended"):
        yield records.TX_EVENT, json.dumps({
            "eventType": kind, "timestamp": "2026-05-01T12:00:00Z", "seqNo": 0,
            "triggerReason": "Authorized", "transactionInfo": {"transactionId": f"t{number}"},
            "evse": {"id": 1, "connectorId": 1,
                     "customData": {"vendorId": "x", "evseId": "1"}}}).encode()
    yield records.TX_CDR, (f'{{"id":"c{number}","session_id":"t{number}","currency":"SEK",'
                           f'"total_energy":{energy},"total_cost":{{"excl_vat":40.00}}}}').encode()


def message(row):
    return Message(topic=topics.up(row.site_id, row.stream), payload=envelope.encode(row))
