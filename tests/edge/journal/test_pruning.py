"""Rows that go: gapless from the tail, told where nobody holds them, and proven before they go."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.controller.effects import Stream
from edge.controller.records import EV_GAP, Gap
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.retention import DAY_S, SLICE_ROWS, KeepDays
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify

KEEP = KeepDays()
LONG_S = 1000 * DAY_S
EPOCH = "00112233aabbccdd"
NOW = Batch(mono_ns=99, utc="2026-06-01T00:00:00.000Z", clock_ok=True)


def opened(path: Path) -> Store:
    return Store.open(path, new_epoch=lambda: EPOCH, busy_s=0.0)


def write(store: Store, stream: Stream, count: int, *, utc: str | None = "2026-03-01T00:00:00.000Z",
          size: int = 10) -> None:
    new = NewRow(stream=stream, type="t.v1", data=bytes(size))
    store.append([Batch(mono_ns=1, rows=(new,) * count, utc=utc, clock_ok=utc is not None)])


def acknowledge(store: Store, stream: Stream, seq: int, day: str | None = None) -> None:
    store.acknowledge(EPOCH, stream, seq, store.read(stream, seq - 1, 1)[0].hash)
    if day is not None:
        store.note_day(day)
        store.live(LONG_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = opened(path)
    yield store
    store.close()


def test_old_rows_go_in_slices_and_the_rest_is_still_a_chain(path: Path, store: Store) -> None:
    write(store, Stream.TM, 1300)
    acknowledge(store, Stream.TM, 1200, "2026-03-01")
    assert store.forget("2026-03-08", KEEP) == 0
    assert [store.forget("2026-03-09", KEEP) for _ in range(4)] == [SLICE_ROWS, SLICE_ROWS, 200, 0]
    head = store.heads()[Stream.TM]
    assert (head.seq, head.tail, head.acked) == (1300, 1200, 1200)
    found = store.read(Stream.TM, 0, 500)
    assert [row.seq for row in found] == list(range(1201, 1301))
    assert found[0].prev == head.tail_hash and all(row.intact() for row in found)
    assert store.read(Stream.TM, 700, 1) == found[:1] == store.read(Stream.TM, 1200, 1)
    assert verify(path).breaks == ()


def test_each_stream_goes_after_its_own_days(store: Store) -> None:
    for stream in Stream:
        write(store, stream, 11)
        acknowledge(store, stream, 10, "2026-03-01")
    for day, left in (("2026-03-09", {Stream.TX: 11, Stream.EV: 11, Stream.TM: 1}),
                      ("2026-05-31", {Stream.TX: 1, Stream.EV: 1, Stream.TM: 1})):
        while store.forget(day, KeepDays(events=60)):
            pass
        assert {s: len(store.read(s, 0, 500)) for s in Stream} == left


def test_days_and_tails_are_there_after_a_restart(path: Path) -> None:
    with closing(opened(path)) as store:
        write(store, Stream.TX, 20)
        acknowledge(store, Stream.TX, 10, "2026-01-01")
    with closing(opened(path)) as store:
        store.live(LONG_S)
        assert store.forget("2026-04-01", KEEP) == 0
        assert store.forget("2026-04-02", KEEP) == 10
        before = store.heads()
    with closing(opened(path)) as store:
        assert store.heads() == before and store.heads()[Stream.TX].tail == 10
        write(store, Stream.TX, 1)
    assert verify(path).breaks == () and verify(path).rows[Stream.TX] == 11


def test_an_acknowledgement_counts_from_the_day_that_first_knew_of_it(store: Store) -> None:
    write(store, Stream.TM, 20)
    acknowledge(store, Stream.TM, 5)  # no trusted clock: no day
    assert store.forget("2026-12-31", KEEP) == 0
    store.note_day("2026-12-31")
    store.live(LONG_S)
    acknowledge(store, Stream.TM, 6, "2027-01-01")
    assert store.forget("2027-01-07", KEEP) == 0
    assert [store.forget(day, KEEP) for day in ("2027-01-08", "2027-01-09")] == [5, 1]


def test_a_clock_that_jumps_lets_no_bill_go_before_its_days_were_lived_through(path: Path) -> None:
    with closing(opened(path)) as store:
        write(store, Stream.TX, 20)
        store.acknowledge(EPOCH, Stream.TX, 10, store.read(Stream.TX, 9, 1)[0].hash)
        store.note_day("2026-03-01")
    for n in range(90):
        with closing(opened(path)) as store:
            store.live(DAY_S - (n == 0))
            store.note_day("2027-03-01")
            assert store.forget("2027-03-01", KEEP) == 0
    with closing(opened(path)) as store:
        store.live(1)
        assert store.forget("2027-03-01", KEEP) == 10


def test_an_acknowledgement_of_rows_that_are_gone_is_taken_and_changes_nothing(store: Store) -> None:
    write(store, Stream.TM, 20)
    acknowledge(store, Stream.TM, 10, "2026-03-01")
    store.forget("2026-04-01", KEEP)
    store.acknowledge(EPOCH, Stream.TM, 3, bytes(32))
    assert store.heads()[Stream.TM].acked == 10
    assert store.acknowledge(EPOCH, Stream.TM, 10, store.heads()[Stream.TM].tail_hash) == 10
    with pytest.raises(JournalError, match="acknowledged tm 10"):
        store.acknowledge(EPOCH, Stream.TM, 10, bytes(32))
    with pytest.raises(JournalError, match="acknowledged"):
        store.acknowledge(EPOCH, Stream.TM, 11, bytes(32))


def test_thinning_says_in_one_commit_what_nobody_holds(path: Path, store: Store) -> None:
    write(store, Stream.TM, 100, utc=None)
    write(store, Stream.TM, 700, utc="2026-03-02T00:00:00.000Z")
    write(store, Stream.TM, 300, utc="2026-03-03T00:00:00.000Z")
    acknowledge(store, Stream.TM, 50)
    hash_of = {row.seq: row.hash for n in (50, 549, 1049) for row in store.read(Stream.TM, n, 1)}
    assert store.thin(NOW, "disk low") == (50, None)
    rows, gap = store.thin(NOW, "disk low")
    assert rows == 500 and gap is not None
    assert (gap.stream, gap.type, gap.utc, gap.seq) == (Stream.EV, EV_GAP, NOW.utc, 1)
    assert msgspec.json.decode(gap.data, type=Gap) == Gap(
        stream="tm", rows=500, because="disk low", first_seq=51, last_seq=550,
        hash=hash_of[550].hex(), from_utc="2026-03-02T00:00:00.000Z", to_utc="2026-03-02T00:00:00.000Z")
    assert store.thin(NOW, "disk low")[0] == 500 and store.thin(NOW, "disk low")[0] == 49
    assert store.thin(NOW, "disk low") == (0, None)
    assert [row.seq for row in store.read(Stream.TM, 0, 500)] == [1100]
    assert len(store.read(Stream.EV, 0, 500)) == 3 and verify(path).breaks == ()


def test_sessions_billing_and_events_are_never_thinned(store: Store) -> None:
    for stream in (Stream.TX, Stream.EV):
        write(store, stream, 10)
    store.append([Batch(mono_ns=1, sessions={"s": b"x"}, kept={"k": b"y"})])
    assert store.thin(NOW, "disk full") == (0, None)
    assert store.sessions() == {"s": b"x"} and len(store.read(Stream.TX, 0, 99)) == 10


def test_a_gap_that_cannot_be_written_lets_no_row_go(path: Path, store: Store) -> None:
    write(store, Stream.TM, 20)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON row_ev BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(JournalError):
        store.thin(NOW, "disk low")
    assert store.heads()[Stream.TM].tail == 0 and len(store.read(Stream.TM, 0, 99)) == 20


@pytest.mark.parametrize("damage", [
    "UPDATE row_tm SET data = x'00' WHERE seq = 7", "DELETE FROM row_tm WHERE seq = 7",
    "UPDATE row_tm SET hash = zeroblob(32) WHERE seq = 7", "DELETE FROM row_tm WHERE seq = 10"])
def test_what_is_damaged_is_never_deleted(path: Path, store: Store, damage: str) -> None:
    write(store, Stream.TM, 20)
    acknowledge(store, Stream.TM, 10, "2026-03-01")
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(damage)
    for prune in (lambda: store.forget("2026-12-01", KEEP), lambda: store.thin(NOW, "disk low")):
        with pytest.raises(JournalDamaged, match=r"no row goes"):
            prune()
    assert store.heads()[Stream.TM].tail == 0
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM row_tm").fetchone()[0] >= 19


def test_the_clock_is_never_earlier_than_in_a_row_that_is_gone(path: Path) -> None:
    with closing(opened(path)) as store:
        write(store, Stream.TM, 10, utc="2026-03-05T00:00:00.000Z")
        write(store, Stream.TM, 1, utc=None)
        store.thin(Batch(mono_ns=5), "disk low")
    with closing(opened(path)) as store:
        assert store.clock_floor_utc() == "2026-03-05T00:00:00.000Z"


def test_a_file_whose_old_rows_go_stops_growing(path: Path, store: Store) -> None:
    sizes = []
    for month in range(1, 13):
        for day in (1, 11, 21):
            write(store, Stream.TM, 100, size=2000)
            write(store, Stream.TX, 3, size=500)
            for stream in (Stream.TM, Stream.TX):
                acknowledge(store, stream, store.heads()[stream].seq, f"2026-{month:02}-{day:02}")
            while store.forget(f"2026-{month:02}-{day:02}", KEEP):
                pass
        sizes.append(path.stat().st_size)
    assert max(sizes[5:]) <= sizes[4] * 1.02, sizes
    assert store.heads()[Stream.TM].tail > 3000 and verify(path).breaks == ()


def test_room_within_the_file_is_what_was_deleted(store: Store) -> None:
    write(store, Stream.TM, 500, size=8000)
    before = store.spare_bytes()
    store.thin(NOW, "disk low")
    assert store.spare_bytes() - before > 3_900_000
