"""What is told of a damaged journal is what was written, and nothing is lost but what was hit."""

import json
import random
import shutil
import tracemalloc
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from journal_damage import DAMAGES, EPOCH, Places, Truth, flip, written

from edge.controller.effects import Stream
from edge.controller.records import SALVAGED, Salvaged
from edge.journal.errors import JournalDamaged
from edge.journal.mend import mend
from edge.journal.report import Report
from edge.journal.row import Batch, NewRow, Row
from edge.journal.salvage import salvage
from edge.journal.store import Store
from edge.journal.walk import SLICE_ROWS

pytestmark = pytest.mark.stories

NEW = "ffeeddccbbaa9988"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return written(tmp_path_factory.mktemp("written"), per_day=25)


def opened(path: Path, epoch: str = NEW) -> Store:
    return Store.open(path, new_epoch=lambda: epoch)


def mended(path: Path) -> tuple[dict[Stream, dict[int, Salvaged]], Report, Store]:
    """After setting it aside: what is told again, the report, and the new journal, open."""
    with pytest.raises(JournalDamaged) as why:
        opened(path)
    mend(path, str(why.value), new_epoch=lambda: NEW)
    store = opened(path)
    report = store.untold()
    assert report is not None
    return told(store), report, store


def told(store: Store) -> dict[Stream, dict[int, Salvaged]]:
    found: dict[Stream, dict[int, Salvaged]] = {stream: {} for stream in Stream}
    for stream in Stream:
        after = 0
        while rows := store.read(stream, after, 500):
            assert all(row.intact() and row.type == SALVAGED[stream] for row in rows)
            inside = [msgspec.json.decode(row.data, type=Salvaged) for row in rows]
            assert not found[stream].keys() & {one.seq for one in inside}
            found[stream] |= {one.seq: one for one in inside}
            after = rows[-1].seq
    return found


def same(row: Row | None, one: Salvaged) -> bool:
    return row is not None and one == Salvaged(
        epoch=row.epoch, seq=row.seq, type=row.type, utc=row.utc, boot=row.boot, mono_ns=row.mono_ns,
        clock_ok=row.clock_ok, prev=row.prev.hex(), hash=row.hash.hex(), data=row.data)


def test_of_a_whole_file_everything_is_found(truth: Truth, tmp_path: Path) -> None:
    with closing(salvage(truth.put(tmp_path / "journal.db"))) as found:
        assert {stream: dict(rows) for stream, rows in found.rows.items()} == truth.rows
    assert (found.epoch, found.boot) == (EPOCH, 3)
    assert (found.sessions, found.kept) == (truth.sessions, truth.kept)
    assert not any(found.lost(stream) for stream in Stream) and not found.set_aside
    assert {stream: head.acked for stream, head in found.heads.items()} == truth.acked


def judge(truth: Truth, path: Path, seed: int) -> str:
    """Damage it, start, and compare with what was written; says how it ended."""
    chance = random.Random(seed)
    files = {part: bytearray(getattr(truth, part)) for part in ("db", "wal")}
    for part in chance.choice((["db"], ["wal"], ["db", "wal"])):
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if files[part]:
                chance.choice(DAMAGES)(chance, files[part])
    truth.put(path, **{part: bytes(content) for part, content in files.items()})
    try:
        store = opened(path)
    except JournalDamaged as why:
        assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == (files["db"], files["wal"])
        mend(path, str(why), new_epoch=lambda: NEW)
        with closing(opened(path)) as store:
            _judge_told(truth, store, Places(truth), files["db"], files["wal"])
        return "mended"
    with closing(store):
        hurt = walked(store)
        if hurt is None:
            assert all(_all_of(store, stream) == truth.rows[stream] for stream in Stream)
        else:
            store.note_hurt(hurt)
        assert {stream: max(rows) for stream, rows in truth.rows.items()} == {
            stream: head.seq for stream, head in store.heads().items()}, "taken back, silently"
        assert store.sessions() == truth.sessions and store.kept() == truth.kept
    if hurt is None:
        return "harmless"
    _, _, store = mended(path)
    with closing(store):
        _judge_told(truth, store, Places(truth), files["db"], files["wal"])
    return "found by the walk"


def walked(store: Store) -> str | None:
    """What the walk through all rows finds."""
    for stream in Stream:
        after = 0
        while True:
            found = store.examine(stream, after, SLICE_ROWS)
            if found.damage is not None:
                return found.damage
            if found.last <= after:
                break
            after = found.last
    return None


def _all_of(store: Store, stream: Stream) -> dict[int, Row]:
    held: dict[int, Row] = {}
    while rows := store.read(stream, max(held, default=0), 500):
        held |= {row.seq: row for row in rows}
    return held


def _judge_told(truth: Truth, store: Store, places: Places, db: bytearray, wal: bytearray) -> None:
    report = store.untold()
    assert report is not None
    again = told(store)
    aside = {one.name for one in report.set_aside}
    for stream in Stream:
        assert all(same(truth.rows[stream].get(seq), one) for seq, one in again[stream].items())
        for seq in range(truth.acked[stream] + 1, max(truth.rows[stream]) + 1):
            if seq not in again[stream] and report.epoch is not None:
                hit = [row for row in (truth.rows[stream].get(seq - 1), truth.rows[stream][seq])
                       if row is not None and not places.untouched(row, db, wal)]
                assert hit, f"{stream} {seq} is lost, and it was not hit"
    sessions, kept = store.sessions(), store.kept()
    assert sessions.items() <= truth.sessions.items()
    assert sessions == truth.sessions or aside, "a session is missing, and nobody says so"
    assert "kept" in aside or {n for n in truth.kept if kept.get(n) != truth.kept[n]} <= aside


@pytest.mark.parametrize("seed", range(16))
def test_whatever_is_damaged_it_goes_on_with_what_was_not(
        truth: Truth, tmp_path: Path, seed: int) -> None:
    judge(truth, tmp_path / "journal.db", seed)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """With rows that a start does not look at."""
    return written(tmp_path_factory.mktemp("older"), per_day=250)


@pytest.mark.parametrize("seed", (1, 3))
def test_damage_that_a_start_does_not_look_at_is_found_by_the_walk(
        older: Truth, tmp_path: Path, seed: int) -> None:
    judge(older, tmp_path / "journal.db", seed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_older_damage_at_length(older: Truth, tmp_path: Path) -> None:
    ended: Counter[str] = Counter()
    for seed in range(3000, 3300):
        folder = tmp_path / "one"
        folder.mkdir()
        ended[judge(older, folder / "journal.db", seed)] += 1
        shutil.rmtree(folder)
    print(dict(ended))
    assert ended["found by the walk"] > 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_is_damaged_at_length(truth: Truth, tmp_path: Path) -> None:
    ended: Counter[str] = Counter()
    for seed in range(1000, 3000):
        folder = tmp_path / "one"
        folder.mkdir()
        ended[judge(truth, folder / "journal.db", seed)] += 1
        shutil.rmtree(folder)
    print(dict(ended))
    assert ended["mended"] > 1000


def flipped(content: bytes, needle: bytes, at: int = 0) -> bytes:
    """A bit of the last place where `needle` is."""
    found = content.rindex(needle) + at
    return content[:found] + bytes([content[found] ^ 1]) + content[found + 1:]


def whole(truth: Truth, path: Path) -> bytes:
    """The file after an orderly end, with no WAL."""
    truth.put(path)
    opened(path).close()
    assert not Path(f"{path}-wal").exists()
    return path.read_bytes()


@pytest.mark.parametrize("seq", [30, 31])
def test_a_flipped_bit_of_a_row_costs_that_row_alone(truth: Truth, tmp_path: Path, seq: int) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(flipped(whole(truth, path), truth.rows[Stream.TM][seq].data, 20))
    again, report, store = mended(path)
    store.close()
    assert sorted(again[Stream.TM]) == [n for n in range(truth.acked[Stream.TM] + 1, 76) if n != seq]
    one = report.streams["tm"]
    assert (one.lost, one.lost_at) == (1, ((seq, seq),))
    assert f"tm: {one.told} rows told again, 1 lost ({seq})" in str(report)


def test_a_flipped_bit_of_a_hash_costs_nothing(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    content = whole(truth, path)
    for row in (truth.rows[Stream.TX][20], truth.rows[Stream.TM][75]):  # proven by the next; the last
        content = flipped(content, row.hash, 5)
    path.write_bytes(content)
    again, report, store = mended(path)
    store.close()
    assert not any(one.lost for one in report.streams.values())
    assert all(same(truth.rows[Stream.TX][seq], one) for seq, one in again[Stream.TX].items())


def test_a_flipped_bit_of_a_session_sets_that_one_aside(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (hit, body), *others = truth.sessions.items()
    path.write_bytes(flipped(whole(truth, path), body[:200], 30))
    _, report, store = mended(path)
    with closing(store):
        assert store.sessions() == dict(others) and others
    assert [one.name for one in report.set_aside] == [hit]
    aside = path.with_name(report.aside)
    assert body[40:200] in aside.read_bytes(), "its bytes are in the old file"


def test_the_number_of_starts_and_the_clock_go_on(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(flipped(whole(truth, path), truth.rows[Stream.TM][60].data))
    for _ in range(2):  # salvaged itself, too
        _, _, store = mended(path)
        with closing(store):
            assert store.boot > 4 and store.clock_floor_utc() == "2026-03-01T12:02:24.000Z"
            last = store.read(Stream.TM, 0, 500)[-1]
        path.write_bytes(flipped(path.read_bytes(), last.data[:80], 10))


def test_without_its_header_and_tables_every_row_is_found_all_the_same(
        truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    content = bytearray(whole(truth, path))
    content[:4096] = bytes(4096)
    path.write_bytes(content)
    again, _, store = mended(path)
    with closing(store):
        assert store.sessions() == truth.sessions and store.kept().items() >= truth.kept.items()
    assert {stream: len(rows) for stream, rows in again.items()} == {
        stream: len(rows) - truth.acked[stream] for stream, rows in truth.rows.items()}


def test_if_nothing_says_which_journal_it_was_nothing_is_told(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(whole(truth, path).replace(EPOCH.encode(), b"0" * 15 + b"!"))
    again, report, store = mended(path)
    store.close()
    assert not any(again.values()) and report.epoch is None
    assert report.streams["tx"].lost == len(truth.rows[Stream.TX]) - truth.acked[Stream.TX]
    assert "no row can be proven" in str(report)


def test_what_is_no_journal_at_all_is_kept_and_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    rubbish = b"not a database at all, but long enough to look at" * 100
    path.write_bytes(rubbish)
    again, report, store = mended(path)
    store.close()
    assert not any(again.values()) and path.with_name(report.aside).read_bytes() == rubbish


def test_a_wal_whose_file_is_gone_is_salvaged(truth: Truth, tmp_path: Path) -> None:
    path = truth.put(tmp_path / "journal.db")
    path.unlink()
    again, _, store = mended(path)
    store.close()
    assert max(again[Stream.TX]) == max(truth.rows[Stream.TX])


def test_a_commit_that_a_power_cut_tore_is_no_damage(truth: Truth, tmp_path: Path) -> None:
    torn = truth.put(tmp_path / "journal.db", wal=truth.wal[:-3000])
    Path(f"{torn}-shm").unlink()  # it is memory: a power cut takes it
    with closing(opened(torn)) as store:
        assert store.heads()[Stream.TM].seq == 74


def test_a_bit_in_the_middle_of_the_wal_is(truth: Truth, tmp_path: Path) -> None:
    wal = bytearray(truth.wal)
    wal[32 + 20 * 4120 + 2000] ^= 4
    path = truth.put(tmp_path / "journal.db", wal=bytes(wal))
    Path(f"{path}-shm").unlink()
    with pytest.raises(JournalDamaged, match="WAL is damaged after frame"):
        opened(path)


def test_sessions_go_on_if_it_is_of_another_page(truth: Truth, tmp_path: Path) -> None:
    """Known by what the damaged frame has in common with the page that it says it is."""
    row = truth.rows[Stream.TM][75]
    wal = bytearray(truth.wal)
    last = truth.wal.index(row.data)  # in one frame of the last commit but some
    wal[last - 400] ^= 1
    again, report, store = mended(truth.put(tmp_path / "journal.db", wal=bytes(wal)))
    with closing(store):
        assert store.sessions() == truth.sessions and not report.set_aside
    assert 75 in again[Stream.TM]


def test_a_wal_that_lost_its_end_is(truth: Truth, tmp_path: Path) -> None:
    path = truth.put(tmp_path / "journal.db", wal=truth.wal[:len(truth.wal) // 2])
    with pytest.raises(JournalDamaged, match="that were committed"):
        opened(path)


def test_rows_told_again_are_told_again_when_that_journal_is_damaged(
        truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(flipped(whole(truth, path), truth.rows[Stream.TM][60].data))
    mended(path)[2].close()
    chance = random.Random(4)
    content = bytearray(path.read_bytes())
    while True:
        flip(chance, content)
        path.write_bytes(content)
        try:
            opened(path).close()
        except JournalDamaged:
            break
    again, report, store = mended(path)
    store.close()
    assert report.epoch == NEW
    assert json.loads(next(iter(again[Stream.TX].values())).data)["epoch"] == EPOCH


def test_contents_of_rows_are_not_held_in_memory(tmp_path: Path) -> None:
    """A month that nobody could be told of is more than a controller may take."""
    path = tmp_path / "journal.db"
    row = NewRow(stream=Stream.TM, type="tm.meter.v1", data=bytes(3000))
    with closing(opened(path)) as store:
        store.append([Batch(mono_ns=n, rows=(row,) * 100) for n in range(20)])
    tracemalloc.start()
    try:
        with closing(salvage(path)) as found:
            assert len(found.rows[Stream.TM]) == 2000
            assert tracemalloc.get_traced_memory()[1] < 4_500_000
            assert found.rows[Stream.TM][2000].intact()
    finally:
        tracemalloc.stop()


def test_a_report_is_due_until_a_row_of_that_very_fault_is_there(truth: Truth, tmp_path: Path) -> None:
    """A safe stop after the mending writes rows, too, and knows nothing of it."""
    path = tmp_path / "journal.db"
    path.write_bytes(flipped(whole(truth, path), truth.rows[Stream.TM][60].data))
    _, report, store = mended(path)
    with closing(store):
        for code, expected in ((b"F606", report), (b"F602", None), (b"F101", None)):
            store.append([Batch(mono_ns=1, rows=(NewRow(
                stream=Stream.EV, type="ev.fault.v1", data=b'{"techCode":"%s"}' % code),))])
            assert store.untold() == expected
