"""The journal beside plain SQLite, one JSON object a line: run by `hil_tests/bench/programs.py`.

Plain SQLite is one table under the same pragmas, with the same rows but their hashes: no chain, no
heads, no thread. They take turns, so that both meet the same disk. Bytes are what the kernel was given
to write (/proc/self/io), checkpoints included. Not a test: asserts nothing.
"""

import asyncio
import hashlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from week_journal import write_week

from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify
from hil_tests.bench.programs import tell
from hil_tests.bench.report import Row, distribution, percentile

COMMAND = "python -m hil_tests.bench --only journal"
SIZES = {1: 1200, 8: 600, 100: 150}  # rows of a commit: commits, enough for some checkpoints
UTC = "2026-11-21T10:00:00.000Z"
OPEN_S, TIMES_PLAIN, BYTES_PLAIN = 2.0, 2.0, 2.0
INSERT = "INSERT INTO plain VALUES(?, ?, ?, ?, ?, ?, ?)"


def measured(quick: bool) -> Iterator[Row]:
    for size, commits in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="bench-journal-") as folder:
            yield from asyncio.run(commit_rows(Path(folder), size, commits // (10 if quick else 1)))
    with tempfile.TemporaryDirectory(prefix="bench-week-") as folder:
        path = Path(folder) / "journal.db"
        begun_s = time.monotonic()
        rows = sum(write_week(path, 1 if quick else 7).values())
        note = (f"{rows} rows, {path.stat().st_size / 1e6:.0f} MB,"
                f" written in {time.monotonic() - begun_s:.1f} s")
        yield from verified(path, rows, 1 if quick else 3)
        yield from opened(path, 2 if quick else 5, note)


@dataclass
class Side:
    """One way to commit: what each commit took, and wrote."""

    taken_ms: list[float] = field(default_factory=list)
    written: int = 0


async def commit_rows(folder: Path, size: int, commits: int) -> list[Row]:
    """The same batches by `Journal.append`, by `Store` alone, and in plain SQLite."""
    new = NewRow(stream=Stream.TX, type="tx.event.v1", data=b"x" * 700)
    batch = Batch(mono_ns=1, utc=UTC, clock_ok=True, rows=(new,) * size)
    journal = await Journal.open(folder / "journal.db")
    store = Store.open(folder / "store.db", new_epoch=lambda: "0" * 16)
    db = plain(folder / "plain.db")
    sides = {name: Side() for name in ("append", "store", "plain")}
    try:
        for n in range(commits):
            before = bytes_written()
            begun_ns = time.monotonic_ns()
            await journal.append(batch)
            before = note(sides["append"], begun_ns, before)
            begun_ns = time.monotonic_ns()
            store.append([batch])
            before = note(sides["store"], begun_ns, before)
            begun_ns = time.monotonic_ns()
            db.execute("BEGIN IMMEDIATE")
            db.executemany(INSERT, [(n * size + k + 1, new.type, UTC, 1, 1, True, new.data)
                                    for k in range(size)])
            db.execute("COMMIT")
            note(sides["plain"], begun_ns, before)
    finally:
        await journal.close()
        store.close()
        db.close()
    return list(compared(size, commits, sides))


def compared(size: int, commits: int, sides: dict[str, Side]) -> Iterator[Row]:
    rows = f"{size} row{'s' if size > 1 else ''}"
    plain = sides["plain"]
    for name, words in (("append", "append -> durable"), ("store", "its store alone"),
                        ("plain", "plain SQLite")):
        yield distribution(f"journal: commit of {rows}, {words}", sides[name].taken_ms, "ms", COMMAND)
    for name, words in (("append", "append"), ("store", "store alone")):
        taken = sides[name].taken_ms
        worst = percentile(taken, 99) / percentile(plain.taken_ms, 99)
        yield Row(f"  {words} / plain SQLite, {rows}, p50",
                  percentile(taken, 50) / percentile(plain.taken_ms, 50), "ratio", commits, COMMAND,
                  target=TIMES_PLAIN if name == "append" else None, note=f"of their p99s {worst:.2f}")
    yield Row(f"journal: written by a commit of {rows}", sides["append"].written / commits / 1e3, "kB",
              commits, COMMAND, note=f"plain SQLite: {plain.written / commits / 1e3:.1f} kB")
    yield Row(f"  written / plain SQLite, {rows}", sides["append"].written / plain.written, "ratio",
              commits, COMMAND, target=BYTES_PLAIN)


def note(side: Side, begun_ns: int, before: int) -> int:
    """Add one commit; bytes written so far."""
    side.taken_ms.append((time.monotonic_ns() - begun_ns) / 1e6)
    now = bytes_written()
    side.written += now - before
    return now


def bytes_written() -> int:
    """By this process and its threads, to whatever device, as the page cache took them."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise OSError("/proc/self/io says no write_bytes")


def plain(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in schema.PRAGMAS:
        db.execute(pragma).fetchall()
    db.execute("CREATE TABLE plain(seq INTEGER PRIMARY KEY, type TEXT NOT NULL, utc TEXT,"
               " boot INTEGER NOT NULL, mono_ns INTEGER NOT NULL, clock_ok INTEGER NOT NULL,"
               " data BLOB NOT NULL) STRICT")
    return db


def verified(path: Path, rows: int, times: int) -> Iterator[Row]:
    """The chain, beside the least that a checksum of every row takes."""
    chain, least = [], []
    for _ in range(times):
        begun_s = time.monotonic()
        found = verify(path)
        chain.append((time.monotonic() - begun_s) / rows * 1e6)
        if found.breaks:
            raise RuntimeError(f"{path}: {found.breaks}")
        begun_s = time.monotonic()
        checksums(path)
        least.append((time.monotonic() - begun_s) / rows * 1e6)
    mine, theirs = min(chain), min(least)
    yield Row("journal: verify", mine, "us a row", rows, COMMAND, note=f"{1e6 / mine:.0f} rows/s")
    yield Row("  verify / SELECT and sha256", mine / theirs, "ratio", rows, COMMAND, target=3.0,
              note=f"SELECT and sha256: {1e6 / theirs:.0f} rows/s")


def checksums(path: Path) -> None:
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        for stream in Stream:
            for (data,) in db.execute(f"SELECT data FROM row_{stream.value} ORDER BY seq"):
                hashlib.sha256(data).digest()
    finally:
        db.close()


def opened(path: Path, times: int, note: str) -> Iterator[Row]:
    """`Journal.open`, as a start of the controller has it: with the file in memory, and not."""
    for words, prepare in (("", lambda _: None), (", file not in memory", forget)):
        taken = asyncio.run(open_s(path, times, prepare))
        yield distribution(f"journal: open a week{words}", taken, "s", COMMAND, target=OPEN_S,
                           note=note)


async def open_s(path: Path, times: int, prepare: Callable[[Path], None]) -> list[float]:
    taken = []
    for _ in range(times):
        prepare(path)
        begun_s = time.monotonic()
        journal = await Journal.open(path)
        taken.append(time.monotonic() - begun_s)
        await journal.close()
    return taken


def forget(path: Path) -> None:
    """The kernel drops its pages of the file, as after a boot."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(tell(sys.argv[1:], measured, __doc__))
