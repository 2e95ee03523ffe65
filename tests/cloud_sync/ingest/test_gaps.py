"""Rows that a site gave up: the watermark goes on by the word of a gap row, and by nothing else."""

import random

import pytest
from cloud_rows import EPOCH, SITE, chain, gap, message, salvaged, telemetry
from sqlalchemy import select

from cloud_sync.ingest import schema
from cloud_sync.ingest.store import Store
from cloud_sync.messages import NO_HASH

pytestmark = pytest.mark.stories

TM = telemetry(12)
EV = chain("ev", [("ev.status.v1", b"{}"), gap(TM, 3, 7), ("ev.status.v1", b"{}")])


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'cloud.db'}")
    yield store
    store.close()


def take(store, *rows):
    """Take rows in one batch; stream to the last row acknowledged."""
    return {due.ack.stream: due.ack.seq for due in store.take([message(row) for row in rows])}


def quarantined(store):
    with store.engine.connect() as connection:
        return sorted(connection.execute(select(schema.quarantine.c.reason)).scalars())


def test_the_row_after_a_gap_chains_on_its_hash(store):
    assert take(store, *EV, *TM[:2], *TM[7:]) == {"ev": 3, "tm": 12}
    assert quarantined(store) == []


def test_the_last_row_given_up_is_acknowledged_with_its_hash_so_that_the_site_can_check_it(store):
    take(store, *TM[:2])
    dues = {due.ack.stream: due.ack for due in store.take([message(row) for row in EV])}
    assert (dues["tm"].seq, dues["tm"].hash) == (7, TM[6].hash.hex())


def test_a_gap_that_came_last_lets_go_what_waited_behind_it(store):
    assert take(store, *TM[:2], *TM[7:]) == {"tm": 2}
    assert take(store, EV[0], EV[2]) == {"ev": 1}
    assert take(store, EV[1]) == {"ev": 3, "tm": 12}


def test_a_gap_row_that_the_chain_does_not_lead_up_to_closes_nothing(store):
    assert take(store, EV[1], *TM[:2], *TM[7:]) == {"ev": 0, "tm": 2}
    alien = chain("ev", [gap(TM, 3, 7)], prev=b"\1" * 32, first=2)
    assert take(store, *alien, EV[0]) == {"ev": 2, "tm": 12}  # the honest one was there before


def test_without_a_gap_row_a_hole_stays_a_hole(store):
    assert take(store, *TM[:2], *TM[7:]) == {"tm": 2}
    assert take(store, EV[0], *chain("ev", [("ev.status.v1", b"{}")], first=2, prev=EV[0].hash),
                *TM[7:]) == {"ev": 2, "tm": 2}


def test_rows_inside_a_gap_that_arrived_all_the_same_are_kept_and_harm_nothing(store):
    assert take(store, *TM[:4], TM[5], *EV) == {"tm": 7, "ev": 3}
    assert take(store, TM[4], *TM[7:]) == {"tm": 12}
    assert quarantined(store) == []


def test_a_gap_of_rows_that_are_all_held_changes_nothing(store):
    assert take(store, *TM) == {"tm": 12}
    assert take(store, *EV) == {"ev": 3, "tm": 12}
    assert quarantined(store) == []


def test_two_gaps_one_after_the_other_are_crossed_both(store):
    ev = chain("ev", [gap(TM, 3, 5), gap(TM, 6, 9)])
    assert take(store, *TM[:2], *TM[9:]) == {"tm": 2}
    assert take(store, *ev) == {"ev": 2, "tm": 12}


def test_rows_that_never_had_a_number_are_no_hole(store):
    ev = chain("ev", [gap(TM, 3, 7, first_seq=None, last_seq=None, hash=None)])
    assert take(store, *ev, *TM) == {"ev": 1, "tm": 12}
    assert quarantined(store) == []


@pytest.mark.parametrize("change", [
    {"stream": "tx"}, {"stream": "ev"}, {"stream": "zz"}, {"last_seq": None}, {"hash": None},
    {"first_seq": None}, {"first_seq": 8}, {"rows": 6}, {"rows": 0}, {"hash": "ff"},
    {"hash": TM[5].hash.hex()}, {"last_seq": 11, "rows": 1}, {"last_seq": 2**63}])
def test_a_gap_that_is_wrong_or_contradicts_rows_that_are_held_is_not_believed(store, change):
    ev = chain("ev", [gap(TM, 3, 7, **change), ("ev.status.v1", b"{}")])
    assert take(store, *TM[:2], *TM[7:]) == {"tm": 2}
    assert take(store, *ev)["ev"] == 2  # the row itself is safe, and stops nobody
    assert take(store, TM[7]) == {"tm": 2}
    assert quarantined(store) == ["gap"]


def test_a_gap_that_contradicts_an_acknowledged_row_is_not_believed(store):
    take(store, *TM)
    assert take(store, *chain("ev", [gap(TM, 3, 7, hash="0" * 64)]))["ev"] == 1
    assert quarantined(store) == ["gap"]


def test_bills_are_never_given_up(store):
    tx = chain("tx", [("tx.event.v1", b"{}")] * 5)
    ev = chain("ev", [gap(tx, 2, 4)])
    assert take(store, tx[0], tx[4], *ev) == {"tx": 1, "ev": 1}
    assert quarantined(store).count("gap") == 1


def test_gaps_that_overlap_are_not_believed_but_the_same_one_may_come_again(store):
    ev = chain("ev", [gap(TM, 3, 7), gap(TM, 3, 7), gap(TM, 5, 9)])
    assert take(store, *TM[:2], *TM[9:], *ev) == {"ev": 3, "tm": 7}
    assert quarantined(store) == ["gap"]


def test_a_row_after_the_gap_that_does_not_chain_on_it_makes_room_for_the_right_one(store):
    take(store, *EV, *TM[:2])
    alien = chain("tm", [("tm.meter.v1", b"x")], prev=b"\1" * 32, first=8)
    assert take(store, *alien) == {"tm": 7}
    assert take(store, TM[7]) == {"tm": 8}
    assert quarantined(store) == ["chain"]


def test_a_gap_told_by_a_salvaged_row_is_that_of_its_own_epoch(store):
    take(store, *TM[:2], *TM[7:])
    later = chain("ev", [salvaged(EV[1])], epoch="00000000000000ff")
    assert take(store, *later) == {"ev": 1}
    assert take(store, TM[11]) == {"tm": 12}


def test_another_site_or_epoch_is_not_touched(store):
    take(store, *TM[:2], *TM[7:])
    for where in ({"site": "other"}, {"epoch": "00000000000000ff"}):
        take(store, *chain("ev", [gap(TM, 3, 7)], **where))
    assert take(store, TM[0]) == {"tm": 2}


@pytest.mark.parametrize("seed", range(15))
def test_in_any_order_with_any_duplicates_and_two_workers_all_is_acknowledged_and_nothing_unproven(
        tmp_path, seed):
    chance = random.Random(seed)
    count = chance.randint(5, 30)
    rows, holes, at = telemetry(count), [], 1
    while (first := at + chance.randint(0, 6)) <= count:
        last = min(count, first + chance.randint(0, 5))
        holes.append((first, last))
        at = last + 1 if chance.random() < 0.3 else last + 2
    gone = {seq for first, last in holes for seq in range(first, last + 1)}
    also = {seq for seq in gone if chance.random() < 0.3}  # got through before they were given up
    says = [gap(rows, *hole) for hole in holes]
    ev = chain("ev", [(kind, data) for say in says for kind, data in (("ev.status.v1", b"{}"), say)])
    post = [row for row in rows if row.seq not in gone - also] + ev
    post = post + chance.choices(post, k=len(post))
    chance.shuffle(post)
    workers = [Store(f"sqlite:///{tmp_path / 'cloud.db'}") for _ in range(2)]
    held, told = set(), 0
    while post:
        batch, post = post[:5], post[5:]
        dues = {due.ack.stream: due.ack for due in chance.choice(workers).take(map(message, batch))}
        held |= {row.seq for row in batch if row.stream == "tm"}
        told = dues["ev"].seq if "ev" in dues else told
        proven = held | {seq for first, last in holes[:told // 2] for seq in range(first, last + 1)}
        if "tm" in dues and (ack := dues["tm"]).seq:
            assert set(range(1, ack.seq + 1)) <= proven
            assert ack.hash == rows[ack.seq - 1].hash.hex()
    states = {due.ack.stream: due.ack for due in workers[0].resume(SITE, EPOCH)}
    assert (states["tm"].seq, states["ev"].seq) == (count, len(ev))
    assert (states["tx"].seq, states["tx"].hash) == (0, NO_HASH)
    assert quarantined(workers[0]) == []
    for worker in workers:
        worker.close()
