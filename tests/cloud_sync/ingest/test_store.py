"""Batches in any order, any number of times, honest or not: the database and its acknowledgements."""

import json
import random

import pytest
from sqlalchemy import select

from cloud_sync import envelope, topics
from cloud_sync.envelope import Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.report import cdr_lines, session_lines
from cloud_sync.ingest.store import Message, Store
from cloud_sync.messages import NO_HASH
from edge.controller.chain import NO_ROW, row_hash

SITE, EPOCH = "SE*FCT*E0001", "0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'deep' / 'cloud.db'}")
    yield store
    store.close()


def chain(contents, *, stream="tx", type_="tx.event.v1", site=SITE, prev=NO_ROW, first=1):
    """Rows of a stream with these data."""
    rows = []
    for seq, data in enumerate(contents, first):
        place = (EPOCH, stream, seq, type_, "2026-05-01T12:00:00Z", 1, seq, True, data)
        rows.append(Row(site_id=site, epoch=EPOCH, stream=stream, seq=seq, type=type_, utc=place[4],
                        boot=1, mono_ns=seq, clock_ok=True, data=data, prev=prev,
                        hash=row_hash(prev, *place)))
        prev = rows[-1].hash
    return rows


def transaction(number, *, ended=True):
    kinds = ("Started", "Updated", "Ended") if ended else ("Started", "Updated")
    for seq_no, kind in enumerate(kinds):
        info = {"transactionId": f"t{number}"}
        if kind == "Ended":
            info["stoppedReason"] = "Local"
        yield json.dumps({"eventType": kind, "timestamp": f"2026-05-01T12:0{seq_no}:00Z",
                          "seqNo": seq_no, "triggerReason": "Authorized", "transactionInfo": info,
                          "evse": {"id": 1, "connectorId": 1,
                                   "customData": {"vendorId": "x", "evseId": "bay-1"}}}).encode()


def cdr(transaction_id="t1", energy="12.345"):
    return (f'{{"id":"c-{transaction_id}", "session_id": "{transaction_id}", "currency":"SEK",'
            f'"total_energy": {energy}, "total_cost":{{"excl_vat":40.00, "incl_vat":50.00}}}}').encode()


def message(row, topic=None):
    return Message(topic=topic or topics.up(row.site_id, row.stream), payload=envelope.encode(row))


def take(store, *rows):
    """Take rows in one batch; stream to (seq, hash) acknowledged."""
    dues = store.take([message(row) for row in rows])
    return {due.ack.stream: (due.ack.seq, due.ack.hash) for due in dues}


def reasons(store):
    with store.engine.connect() as connection:
        return sorted(connection.execute(select(schema.quarantine.c.reason)).scalars())


def count(store):
    with store.engine.connect() as connection:
        return len(connection.execute(select(schema.event.c.seq)).all())


def test_acknowledges_the_last_row_with_its_hash(store):
    rows = chain([b"{}"] * 3, stream="tm", type_="tm.meter.v1")
    assert take(store, *rows) == {"tm": (3, rows[-1].hash.hex())}


def test_acknowledges_up_to_a_gap_and_beyond_once_it_is_filled(store):
    rows = chain([b"{}"] * 5, stream="ev", type_="ev.status.v1")
    assert take(store, rows[2], rows[4]) == {"ev": (0, NO_HASH)}
    assert take(store, rows[0]) == {"ev": (1, rows[0].hash.hex())}
    assert take(store, rows[1]) == {"ev": (3, rows[2].hash.hex())}
    assert take(store, rows[3]) == {"ev": (5, rows[4].hash.hex())}


def test_answers_a_duplicate_again_so_that_a_lost_acknowledgement_heals(store):
    rows = chain([b"{}"] * 3, stream="ev")
    first = take(store, *rows)
    assert take(store, rows[0]) == first
    assert take(store, rows[1], rows[1]) == first
    assert count(store) == 3
    assert reasons(store) == []


@pytest.mark.parametrize("seed", range(5))
def test_counts_each_transaction_once_in_any_order_with_any_duplicates(store, seed):
    chance = random.Random(seed)
    rows = chain([data for number in range(20) for data in transaction(number)])
    post = rows * 3
    chance.shuffle(post)
    for at in range(0, len(post), 7):
        last = take(store, *post[at:at + 7])
    assert last == {"tx": (60, rows[-1].hash.hex())}
    sessions = [json.loads(line) for line in session_lines(store.engine, as_json=True)]
    assert [session["transaction_id"] for session in sessions] == [f"t{n}" for n in range(20)]
    columns = ("starts", "stops", "events", "stopped_reason", "evse_id")
    assert {tuple(session[name] for name in columns) for session in sessions} == {
        (1, 1, 3, "Local", "bay-1")}


def test_shows_a_transaction_that_runs_as_started_and_not_stopped(store):
    take(store, *chain(list(transaction(1, ended=False))))
    session, = (json.loads(line) for line in session_lines(store.engine, as_json=True))
    assert (session["starts"], session["stops"], session["ended_utc"]) == (1, 0, None)


def test_keeps_a_cdr_as_it_was_written(store):
    take(store, *chain([cdr()], type_="tx.cdr.v1"))
    assert list(cdr_lines(store.engine, as_json=True)) == [cdr().decode()]
    assert list(cdr_lines(store.engine, as_json=False)) == [f"{SITE}  t1  12.345 kWh  50.00 SEK"]


def test_never_bills_a_transaction_twice(store):
    rows = chain([cdr(), cdr(), cdr(energy="99")], type_="tx.cdr.v1")
    assert take(store, *rows)["tx"][0] == 3
    assert list(cdr_lines(store.engine, as_json=True)) == [cdr().decode()]
    assert reasons(store) == ["data"]  # the third says otherwise; the second says the same


def test_two_sites_may_use_the_same_transaction_id(store):
    take(store, *chain([cdr()], type_="tx.cdr.v1"),
         *chain([cdr(energy="7")], type_="tx.cdr.v1", site="other"))
    assert len(list(cdr_lines(store.engine, as_json=True))) == 2


def test_data_that_says_nothing_does_not_stop_the_stream(store):
    rows = chain([b"nonsense", b'{"eventType":7}', *transaction(1)])
    assert take(store, *rows)["tx"][0] == 5
    assert reasons(store) == ["data", "data"]


def test_quarantines_a_second_row_for_the_same_place(store):
    honest, other = chain([b'{"a":1}'], stream="ev"), chain([b'{"a":2}'], stream="ev")
    take(store, *honest)
    assert take(store, *other) == {"ev": (1, honest[0].hash.hex())}
    take(store, *other)
    assert reasons(store) == ["conflict"]
    assert count(store) == 1


def test_quarantines_two_rows_for_one_place_in_one_batch(store):
    honest, other = chain([b'{"a":1}'], stream="ev"), chain([b'{"a":2}'], stream="ev")
    assert take(store, *honest, *other) == {"ev": (1, honest[0].hash.hex())}
    assert reasons(store) == ["conflict"]


def test_a_row_that_breaks_the_chain_makes_room_for_the_right_one(store):
    honest = chain([b"1", b"2", b"3"], stream="ev")
    alien = chain([b"x"], stream="ev", prev=bytes(31) + b"\1", first=2)
    assert take(store, honest[0], *alien, honest[2]) == {"ev": (1, honest[0].hash.hex())}
    assert reasons(store) == ["chain"]
    assert take(store, honest[1]) == {"ev": (3, honest[2].hash.hex())}


def test_refuses_what_is_no_row_or_not_from_there(store):
    row, = chain([b"{}"])
    changed = envelope.encode(row).replace(b'"data":{}', b'"data":[]')
    assert store.take([
        Message(topic=topics.up(SITE, "tx"), payload=b"noise"),
        Message(topic=topics.up(SITE, "tx"), payload=changed),
        message(row, topic=topics.up("other", "tx")),
        message(row, topic=topics.up(SITE, "ev")),
    ]) == ()
    assert reasons(store) == ["hash", "malformed", "topic"]
    assert count(store) == 0


def test_tells_a_site_where_to_send_on_from(store):
    rows = chain([b"{}"] * 2, stream="ev")
    take(store, *rows)
    acks = [due.ack for due in store.resume(SITE, EPOCH)]
    assert [(ack.stream, ack.seq, ack.hash) for ack in acks] == [
        ("tx", 0, NO_HASH), ("ev", 2, rows[1].hash.hex()), ("tm", 0, NO_HASH)]
    assert all(ack.resume for ack in acks)


def test_walks_over_more_rows_than_one_step(store):
    rows = chain([b"{}"] * 1203, stream="tm", type_="tm.meter.v1")
    for at in range(1202, 0, -400):
        take(store, *rows[max(1, at - 399):at + 1])
    assert take(store, rows[0]) == {"tm": (1203, rows[-1].hash.hex())}
