"""Numbers that rows hang on: one that was damaged is damage, whatever it says now."""

import resource
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from looped import looped

from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.aside import move_aside, note_of
from edge.journal.errors import JournalAside, JournalDamaged, JournalInUse
from edge.journal.lock import OneOwner
from edge.journal.mend import mend
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three rows of each stream, two of them acknowledged."""
    path = tmp_path / "journal.db"
    with closing(Store.open(path, new_epoch=lambda: "00112233aabbccdd")) as store:
        rows = tuple(NewRow(stream=stream, type="t", data=b"{}") for stream in (*Stream,) * 3)
        (written,) = store.append([Batch(mono_ns=1, rows=rows)])
        for row in written:
            if row.seq == 2:
                store.acknowledge(store.epoch, row.stream, 2, row.hash)
    return path


@looped("bit", range(40))
def test_no_flipped_bit_of_the_schema_number_passes_for_another_version(path: Path, bit: int) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET v = ? WHERE k = 'schema'", (schema.VERSION ^ 1 << bit,))
    with pytest.raises(JournalDamaged):
        Store.open(path, new_epoch=lambda: "")


@looped("bit", range(32))
def test_nor_does_one_in_the_header(path: Path, bit: int) -> None:
    before = path.read_bytes()
    content = bytearray(before)
    content[60 + bit // 8] ^= 1 << bit % 8  # user_version (https://sqlite.org/fileformat2.html 1.3)
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        Store.open(path, new_epoch=lambda: "")
    path.write_bytes(before)


@pytest.mark.parametrize("change", [
    "head = head + 1", "head_hash = zeroblob(32)", "acked = 3", "acked = 0", "tail = 1",
    "tail_hash = hash", "hash = x''"])
def test_a_stream_that_is_not_what_was_written_is_damage(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE stream SET {change} WHERE name = 'tx'")
    with pytest.raises(JournalDamaged):
        Store.open(path, new_epoch=lambda: "")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """12 MB, of which 4 MB are free."""
    path = tmp_path / "large.db"
    row = NewRow(stream=Stream.TM, type="tm.meter.v1", data=bytes(8000))
    with closing(Store.open(path, new_epoch=lambda: "00112233aabbccdd")) as store:
        for _ in range(15):
            store.append([Batch(mono_ns=1, rows=(row,) * 100)])
        store.thin(Batch(mono_ns=2), "disk low")
    return path


def test_a_start_reads_little_however_much_is_there(large: Path) -> None:
    def read_bytes() -> int:
        return int(Path("/proc/thread-self/io").read_text().split()[1])  # rchar (proc(5))

    before = read_bytes()
    Store.open(large, new_epoch=lambda: "").close()
    assert read_bytes() - before < large.stat().st_size / 3


@pytest.mark.parametrize(("change", "why"), [
    ((8, 2**31), "names others"), ((12, None), "some twice"), ((4, 2**20), "names others"),
    ((0, None), "some twice"), ((4, 1), "of "),
])
def test_a_list_of_free_pages_that_is_none_is_damage(
        large: Path, change: tuple[int, int | None], why: str) -> None:
    """SQLite would write new rows over old ones."""
    content = bytearray(large.read_bytes())
    trunk = int.from_bytes(content[32:36], "big")
    (at, number), begin = change, (trunk - 1) * 4096
    if number is None:
        number = trunk if at == 0 else int.from_bytes(content[begin + 8:begin + 12], "big")
    content[begin + at:begin + at + 4] = number.to_bytes(4, "big")
    large.write_bytes(content)
    with pytest.raises(JournalDamaged, match=why):
        Store.open(large, new_epoch=lambda: "")
    assert large.read_bytes() == content


def test_while_a_mending_is_unfinished_no_new_journal_begins(path: Path) -> None:
    """A safe stop that opened one would have the next start believe that all was mended."""
    content = path.read_bytes()
    note = move_aside(path, "damaged")
    with pytest.raises(JournalAside, match="not ended"):
        Store.open(path, new_epoch=lambda: "0" * 16)
    assert not path.exists() and path.with_name(note.to).read_bytes() == content
    assert stat.S_IMODE(note_of(path).stat().st_mode) == 0o600
    mend(path)
    Store.open(path, new_epoch=lambda: "").close()


def test_a_disk_that_takes_no_byte_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    """The reserve that could be given up is behind it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # Python ignores SIGXFSZ
    try:
        owner = OneOwner(tmp_path / "journal.db")
        with pytest.raises(JournalInUse, match=r"by process \?"):
            OneOwner(tmp_path / "journal.db")
        owner.release()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
