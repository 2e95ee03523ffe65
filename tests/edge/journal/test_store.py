"""The file itself: gapless chains, atomic batches, acknowledgements, boots, damage."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.controller.effects import Stream
from edge.journal.errors import BadBatch, JournalDamaged, JournalError
from edge.journal.row import NO_ROW, Batch, NewRow
from edge.journal.store import Store

EPOCH = "00112233aabbccdd"


def opened(path: Path, epoch: str = EPOCH) -> Store:
    return Store.open(path, new_epoch=lambda: epoch, busy_s=0.0)


def rows(*streams: Stream, data: bytes = b"{}") -> tuple[NewRow, ...]:
    return tuple(NewRow(stream=stream, type="t.v1", data=data) for stream in streams)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = opened(path)
    yield store
    store.close()


def test_a_new_journal_has_an_epoch_boot_one_and_no_rows(store: Store) -> None:
    assert (store.epoch, store.boot) == (EPOCH, 1)
    assert {head.seq for head in store.heads().values()} == {0}
    assert store.read(Stream.TX, 0, 10) == ()


def test_each_open_is_a_boot_and_the_epoch_stays(path: Path) -> None:
    for boot in (1, 2, 3):
        with closing(opened(path, epoch=f"{boot:016x}")) as store:
            assert (store.epoch, store.boot) == ("0000000000000001", boot)


def test_nobody_else_may_read_the_file(path: Path, store: Store) -> None:
    store.append([Batch(mono_ns=1, rows=rows(Stream.TX))])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert "journal.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_rows_are_numbered_per_stream_and_chained(store: Store) -> None:
    store.append([Batch(mono_ns=1, rows=rows(Stream.TX, Stream.EV, Stream.TX))])
    store.append([Batch(mono_ns=2, rows=rows(Stream.TX))])
    tx, ev = store.read(Stream.TX, 0, 10), store.read(Stream.EV, 0, 10)
    assert [row.seq for row in tx] == [1, 2, 3]
    assert [row.seq for row in ev] == [1]
    assert [row.prev for row in tx] == [NO_ROW, tx[0].hash, tx[1].hash]
    assert all(row.intact() for row in tx + ev)


def test_append_returns_the_rows_as_they_are_read_later(store: Store) -> None:
    batch = Batch(mono_ns=2**62, rows=rows(Stream.TX, data=b'{"kWh": "1.0"}\n \xff'),
                  utc="2026-03-01T12:00:00.000Z", clock_ok=True, boot=9)
    assert store.append([batch]) == [store.read(Stream.TX, 0, 1)]


@pytest.mark.parametrize(("after", "limit", "expected"), [
    (0, 2, [1, 2]), (1, 2, [2, 3]), (4, 10, [5]), (5, 10, []), (99, 10, []),
])
def test_read_goes_on_after_a_seq(store: Store, after: int, limit: int, expected: list[int]) -> None:
    store.append([Batch(mono_ns=1, rows=rows(*[Stream.TM] * 5))])
    found = store.read(Stream.TM, after, limit)
    assert [row.seq for row in found] == expected
    assert all(row.intact() for row in found)


def test_a_batch_that_cannot_be_written_leaves_nothing_of_itself_or_its_group(store: Store) -> None:
    good = Batch(mono_ns=1, rows=rows(Stream.TX), sessions={"1": b"a"})
    bad = Batch(mono_ns=2**63, rows=rows(Stream.EV, Stream.TX), sessions={"1": b"b"})
    with pytest.raises(BadBatch):
        store.append([good, bad])
    assert store.read(Stream.TX, 0, 10) == ()
    assert store.sessions() == {}
    assert store.append([good])[0][0].seq == 1


def test_sessions_are_kept_replaced_and_forgotten(path: Path) -> None:
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, sessions={"1": b"one", "2": b"two"}),
                      Batch(mono_ns=1, sessions={"1": b"uno"})])
        store.append([Batch(mono_ns=2, sessions={"2": None, "3": None})])
    with closing(opened(path)) as store:
        assert store.sessions() == {"1": b"uno"}


def test_a_foreign_lock_is_an_error_and_passes(path: Path, store: Store) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            store.append([Batch(mono_ns=1, rows=rows(Stream.TX))])
        other.execute("ROLLBACK")
    assert store.append([Batch(mono_ns=1, rows=rows(Stream.TX))])[0][0].seq == 1


def test_the_watermark_rises_never_falls_and_is_kept(path: Path) -> None:
    with closing(opened(path)) as store:
        (written,) = store.append([Batch(mono_ns=1, rows=rows(*[Stream.TX] * 3))])
        store.acknowledge(EPOCH, Stream.TX, 2, written[1].hash)
        store.acknowledge(EPOCH, Stream.TX, 1, written[0].hash)
        assert store.heads()[Stream.TX].acked == 2
    with closing(opened(path)) as store:
        assert store.heads()[Stream.TX].acked == 2
        assert store.heads()[Stream.EV].acked == 0


@pytest.mark.parametrize(("epoch", "seq", "hash_of"), [
    ("ffffffffffffffff", 1, 1),  # the journal of another card
    (EPOCH, 1, 2),  # the right row's number with another row's hash
    (EPOCH, 0, 1),
    (EPOCH, 3, 2),  # beyond what was written
])
def test_an_acknowledgement_of_what_is_not_ours_is_refused(
        store: Store, epoch: str, seq: int, hash_of: int) -> None:
    (written,) = store.append([Batch(mono_ns=1, rows=rows(Stream.TX, Stream.TX))])
    with pytest.raises(JournalError, match="acknowledged"):
        store.acknowledge(epoch, Stream.TX, seq, written[hash_of - 1].hash)
    assert store.heads()[Stream.TX].acked == 0


def test_the_clock_floor_is_the_latest_trusted_time(store: Store) -> None:
    assert store.clock_floor_utc() is None
    for utc, clock_ok in (("2026-03-01T12:00:00.000Z", True), ("2099-01-01T00:00:00.000Z", False)):
        store.append([Batch(mono_ns=1, rows=rows(Stream.EV), utc=utc, clock_ok=clock_ok)])
    assert store.clock_floor_utc() == "2026-03-01T12:00:00.000Z"


def test_what_is_no_journal_is_said_to_be_damaged_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match="not a database"):
        opened(path)
    assert path.read_bytes() == before


def test_a_last_row_that_is_not_the_heads_is_damage(path: Path) -> None:
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, rows=rows(Stream.TX, Stream.TX))])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM row_tx WHERE seq = 2")
    with pytest.raises(JournalDamaged, match="tx ends at 1, its head is 2"):
        opened(path)


@pytest.mark.parametrize(("name", "damaged"), [
    (b"clock_ok", b"clock_oj"), (b"row_tx", b"row_ty"), (b"kept", b"lept"), (b"meta", b"met\xe1"),
    (b"head_hash", b"head_\xff\xfesh"), (b"body", b"bodi"), (b"epoch", b"dpoch"), (b"boot", b"boou")])
def test_names_that_are_not_those_that_were_written_are_damage(
        path: Path, name: bytes, damaged: bytes) -> None:
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=1, rows=rows(*Stream))])
    path.write_bytes(path.read_bytes().replace(name, damaged))
    with pytest.raises(JournalDamaged):
        opened(path)


@pytest.mark.parametrize(("whole", "damaged"), [
    (b"2026-03-03T", b"2026\xff03-03T"), (b"2026-03-02T", b"2026-93-02T"), (b"tx-1", b"tx\xff1"),
    (b"wear:1", b"wear\xff1")])
def test_damaged_text_is_damage_and_no_other_error(path: Path, whole: bytes, damaged: bytes) -> None:
    with closing(opened(path)) as store:
        for stream, utc in zip(Stream, ("2026-03-01", "2026-03-02", "2026-03-03"), strict=True):
            store.append([Batch(mono_ns=1, rows=rows(stream), utc=f"{utc}T00:00:00.000Z", clock_ok=True,
                                sessions={"tx-1": b"x"}, kept={"wear:1": b"y"})])
    path.write_bytes(path.read_bytes().replace(whole, damaged))
    with pytest.raises(JournalDamaged, match="not what its hash says"):
        opened(path)


def test_a_closed_store_refuses(path: Path) -> None:
    store = opened(path)
    store.close()
    store.close()
    with pytest.raises(JournalError, match="closed"):
        store.append([Batch(mono_ns=1, rows=rows(Stream.TX))])


BATCHES = st.lists(st.builds(
    Batch,
    mono_ns=st.integers(0, 2**63 - 1),
    utc=st.none() | st.just("2026-03-01T12:00:00.000Z"),
    clock_ok=st.booleans(),
    rows=st.lists(st.builds(NewRow, stream=st.sampled_from(Stream), type=st.text(max_size=5),
                            data=st.binary(max_size=20)), max_size=4).map(tuple),
    sessions=st.dictionaries(st.sampled_from("12"), st.none() | st.binary(max_size=5), max_size=2),
), max_size=4)


@pytest.mark.stories
@settings(max_examples=30, deadline=None, derandomize=True)
@given(groups=st.lists(BATCHES, max_size=4), reopen=st.booleans())
def test_whatever_is_appended_is_a_gapless_chain_of_just_that(
        groups: list[list[Batch]], reopen: bool) -> None:
    with TemporaryDirectory() as folder:
        store = opened(Path(folder) / "journal.db")
        expected: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        sessions: dict[str, bytes] = {}
        for group in groups:
            store.append(group)
            for batch in group:
                for new in batch.rows:
                    expected[new.stream].append(new.data)
                for evse_id, body in batch.sessions.items():
                    sessions.pop(evse_id, None)
                    if body is not None:
                        sessions[evse_id] = body
            if reopen:
                store.close()
                store = opened(Path(folder) / "journal.db")
        for stream in Stream:
            found = store.read(stream, 0, 500)
            assert [row.data for row in found] == expected[stream]
            assert [row.seq for row in found] == list(range(1, len(found) + 1))
            assert [row.prev for row in found] == [NO_ROW, *(row.hash for row in found)][:len(found)]
            assert all(row.intact() for row in found)
        assert store.sessions() == sessions
        store.close()


def test_an_acknowledgement_that_cannot_be_saved_is_no_failure_of_an_orderly_end(path: Path) -> None:
    with closing(opened(path)) as store:
        (row, *_), = store.append([Batch(mono_ns=1, rows=rows(Stream.TX, Stream.TX))])
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TRIGGER no BEFORE UPDATE ON stream BEGIN SELECT"
                          " RAISE(ABORT, 'x'); END")
        store.acknowledge(store.epoch, Stream.TX, 1, row.hash)
    with closing(opened(path)) as store:
        assert store.heads()[Stream.TX].acked == 0 and len(store.read(Stream.TX, 0, 9)) == 2
