"""Rows of a damaged journal, told again by the next: the same rows, and each counted once."""

import json
import random

import pytest
from cloud_rows import EPOCH, NEXT_EPOCH, SITE, bill, chain, message, salvaged
from sqlalchemy import select

from cloud_sync.ingest import schema
from cloud_sync.ingest.report import cdr_lines, session_lines
from cloud_sync.ingest.store import Store

pytestmark = pytest.mark.stories

OLD = chain("tx", [line for number in range(4) for line in bill(number)])  # rows 1 to 12


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'cloud.db'}")
    yield store
    store.close()


def take(store, *rows):
    """Take rows in one batch; (epoch, stream) to the last row acknowledged."""
    dues = store.take([message(row) for row in rows])
    return {(due.ack.epoch, due.ack.stream): due.ack.seq for due in dues}


def again(*rows, epoch=NEXT_EPOCH, then=()):
    """The next journal's stream: these rows told again, then its own."""
    return chain(rows[0].stream, [*map(salvaged, rows), *then], epoch=epoch)


def quarantined(store):
    with store.engine.connect() as connection:
        return sorted(connection.execute(select(schema.quarantine.c.reason)).scalars())


def held(store, epoch):
    with store.engine.connect() as connection:
        return sorted(connection.execute(select(schema.event.c.seq)
                                         .where(schema.event.c.epoch == epoch)).scalars())


def counted(store):
    """Transaction to (starts, stops, events)."""
    return {line["transaction_id"]: (line["starts"], line["stops"], line["events"])
            for line in map(json.loads, session_lines(store.engine, as_json=True))}


def cdrs(store):
    return [json.loads(line)["id"] for line in cdr_lines(store.engine, as_json=True)]


def test_a_row_that_never_came_is_held_under_its_own_name_and_counted(store):
    new = again(*OLD[6:9])
    assert take(store, *OLD[:3]) == {(EPOCH, "tx"): 3}
    assert take(store, *new) == {(NEXT_EPOCH, "tx"): 3}
    assert held(store, EPOCH) == [1, 2, 3, 7, 8, 9]  # 4 to 6 are lost, and nobody says otherwise
    assert counted(store) == {"t0": (1, 1, 2), "t2": (1, 1, 2)}
    assert cdrs(store) == ["c0", "c2"]
    assert take(store, OLD[0]) == {(EPOCH, "tx"): 3}


def test_a_row_that_the_cloud_had_is_not_counted_again(store):
    take(store, *OLD)
    take(store, *again(*OLD[6:]))
    assert counted(store) == {f"t{n}": (1, 1, 2) for n in range(4)}
    assert cdrs(store) == ["c0", "c1", "c2", "c3"]
    assert quarantined(store) == []


def test_a_row_that_arrives_after_it_was_told_again_is_not_counted_again(store):
    take(store, *again(*OLD[3:6]))
    assert counted(store) == {"t1": (1, 1, 2)}
    assert take(store, *OLD) == {(EPOCH, "tx"): 12}
    assert counted(store) == {f"t{n}": (1, 1, 2) for n in range(4)}
    assert len(cdrs(store)) == 4


def test_a_row_that_was_held_behind_a_hole_is_counted_once_it_is_told_again(store):
    assert take(store, OLD[0], OLD[3], OLD[4]) == {(EPOCH, "tx"): 1}
    assert counted(store) == {"t0": (1, 0, 1)}
    take(store, *again(*OLD[3:5]))
    assert counted(store) == {"t0": (1, 0, 1), "t1": (1, 1, 2)}
    take(store, *OLD)
    assert counted(store) == {f"t{n}": (1, 1, 2) for n in range(4)}


def test_what_is_told_again_closes_a_hole_in_its_own_epoch(store):
    take(store, *OLD[:3], *OLD[6:])
    assert take(store, *again(*OLD[3:6])) == {(NEXT_EPOCH, "tx"): 3}  # nobody awaits a word on the old
    assert take(store, OLD[0]) == {(EPOCH, "tx"): 12}
    assert len(cdrs(store)) == 4


def test_counts_nothing_before_the_chain_leads_up_to_it(store):
    new = again(*OLD[:3])
    take(store, *new[1:])
    assert counted(store) == {}
    take(store, new[0])
    assert counted(store) == {"t0": (1, 1, 2)}


def test_a_session_that_goes_on_in_the_new_epoch_stays_one(store):
    started, ended, cdr = bill(7)
    old = chain("tx", [started])
    take(store, *again(*old, then=(ended, cdr)))
    assert counted(store) == {"t7": (1, 1, 2)}
    assert cdrs(store) == ["c7"]


def test_a_journal_that_was_damaged_twice_tells_what_it_was_told(store):
    second = again(*OLD[:3])
    third = again(*second, epoch="00000000000000ff")
    assert take(store, *third) == {("00000000000000ff", "tx"): 3}
    take(store, *second, *OLD[:3])
    assert counted(store) == {"t0": (1, 1, 2)}
    assert (held(store, NEXT_EPOCH), held(store, EPOCH)) == ([1, 2, 3], [1, 2, 3])


def test_a_row_that_two_later_journals_tell_is_counted_once(store):
    take(store, *again(*OLD[3:6]))
    take(store, *again(*OLD[3:6], epoch="00000000000000ff"))
    assert counted(store) == {"t1": (1, 1, 2)}
    assert cdrs(store) == ["c1"]


@pytest.mark.parametrize("change", [
    {"data": b"{}"}, {"seq": 8}, {"epoch": "f" * 16}, {"prev": "1" * 64}, {"hash": "0" * 64},
    {"type": "tx.event.v2"}, {"clock_ok": False}, {"boot": 2}, {"utc": None}])
def test_a_row_that_is_not_what_its_hash_says_is_not_believed(store, change):
    new = chain("tx", [salvaged(OLD[0], **change), salvaged(OLD[1])], epoch=NEXT_EPOCH)
    assert take(store, *new) == {(NEXT_EPOCH, "tx"): 2}
    assert quarantined(store) == ["salvaged"]
    assert counted(store) == {"t0": (0, 1, 1)}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"epoch":1}', b"[" * 5000])
def test_data_that_is_no_row_stops_nothing(store, data):
    new = chain("tx", [("tx.salvaged.v1", data), salvaged(OLD[0])], epoch=NEXT_EPOCH)
    assert take(store, *new) == {(NEXT_EPOCH, "tx"): 2}
    assert quarantined(store) == ["salvaged"]


def test_a_row_of_the_journal_that_tells_it_is_not_believed(store):
    first = chain("tx", [next(bill(1))])
    assert take(store, *first, *chain("tx", [salvaged(first[0])], first=2, prev=first[0].hash)) == {
        (EPOCH, "tx"): 2}
    assert quarantined(store) == ["salvaged"]
    assert counted(store) == {"t1": (1, 0, 1)}


def test_another_row_in_its_place_is_not_replaced(store):
    other = chain("tx", list(bill(9)))
    take(store, other[0])
    take(store, *again(*OLD[:1]))
    assert quarantined(store) == ["salvaged"]
    assert counted(store) == {"t9": (1, 0, 1)}


def test_a_type_of_another_stream_is_an_ordinary_row(store):
    new = chain("ev", [("tx.salvaged.v1", salvaged(OLD[0])[1])], epoch=NEXT_EPOCH)
    assert take(store, *new) == {(NEXT_EPOCH, "ev"): 1}
    assert counted(store) == {}


@pytest.mark.parametrize("seed", range(15))
def test_in_any_order_with_any_losses_and_duplicates_each_row_is_counted_once(tmp_path, seed):
    chance = random.Random(seed)
    old = chain("tx", [line for number in range(8) for line in bill(number)])
    came = [row for row in old if chance.random() < 0.6]
    saved = [row for row in old[chance.randint(0, 20):] if chance.random() < 0.8]
    post = came + again(*(saved or old[:1]), then=bill(99))
    post = post + chance.choices(post, k=len(post))
    chance.shuffle(post)
    workers = [Store(f"sqlite:///{tmp_path / 'cloud.db'}") for _ in range(2)]
    for at in range(0, len(post), 6):
        chance.choice(workers).take([message(row) for row in post[at:at + 6]])
    told = {row.seq for row in saved or old[:1]}
    acked = next(due.ack.seq for due in workers[1].resume(SITE, EPOCH) if due.ack.stream == "tx")
    whole = {row.seq for row in came} | told
    assert acked == next(n for n in range(len(old) + 1) if n + 1 not in whole)
    known = told | set(range(1, acked + 1))
    expected = {f"t{n}": (3 * n + 1 in known, 3 * n + 2 in known,
                          (3 * n + 1 in known) + (3 * n + 2 in known))
                for n in range(8)} | {"t99": (1, 1, 2)}
    assert counted(workers[0]) == {name: line for name, line in expected.items() if any(line)}
    bills = [f"c{n}" for n in range(8) if 3 * n + 3 in known]
    assert sorted(cdrs(workers[0])) == [*bills, "c99"]
    assert quarantined(workers[0]) == []
    for worker in workers:
        worker.close()
