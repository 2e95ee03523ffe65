"""A real journal of which every byte written is known, ways to damage it, and what must come of it."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.row import Batch, NewRow, Row
from edge.journal.store import Store

EPOCH = "00112233aabbccdd"
UTC = "2026-03-01T12:%02d:%02d.000Z"


@dataclass(frozen=True)
class Truth:
    """What was written, and the files as they lay on the disk then: database, WAL, its index."""

    rows: dict[Stream, dict[int, Row]]
    acked: dict[Stream, int]
    sessions: dict[str, bytes]
    kept: dict[str, bytes]
    db: bytes
    wal: bytes
    index: bytes

    def put(self, path: Path, db: bytes | None = None, wal: bytes | None = None) -> Path:
        """The files anew at `path`, perhaps damaged."""
        path.write_bytes(self.db if db is None else db)
        path.with_name(path.name + "-wal").write_bytes(self.wal if wal is None else wal)
        path.with_name(path.name + "-shm").write_bytes(self.index)
        return path


def written(folder: Path, *, days: int = 3, per_day: int = 40, long: bool = True,
            seed: int = 1) -> Truth:
    """A journal in the middle of a boot: `days` starts before it, the last day still in the WAL."""
    path, chance = folder / "written.db", random.Random(seed)
    rows: dict[Stream, dict[int, Row]] = {stream: {} for stream in Stream}
    sessions: dict[str, bytes] = {}
    kept: dict[str, bytes] = {}
    for day in range(days):
        store = Store.open(path, new_epoch=lambda: EPOCH)
        for n in range(per_day):
            batch = _batch(chance, day, n, sessions, kept, long=long)
            for row in store.append([batch])[0]:
                rows[row.stream][row.seq] = row
            _keep(sessions, batch.sessions)
            _keep(kept, batch.kept)
        if day < days - 1:
            for stream in Stream:
                seq = max(rows[stream]) // 2
                store.acknowledge(EPOCH, stream, seq, rows[stream][seq].hash)
            store.close()
    with closing(store):
        acked = {stream: head.acked for stream, head in store.heads().items()}
        copy = folder / "copy.db"
        for part in ("", "-wal", "-shm"):
            shutil.copyfile(f"{path}{part}", f"{copy}{part}")
    return Truth(rows, acked, sessions, kept,
                 *(Path(f"{copy}{part}").read_bytes() for part in ("", "-wal", "-shm")))


def _keep(held: dict[str, bytes], changes: dict[str, bytes | None]) -> None:
    for name, body in changes.items():
        held.pop(name, None)
        if body is not None:
            held[name] = body


def _batch(chance: random.Random, day: int, n: int, sessions: dict[str, bytes],
           kept: dict[str, bytes], *, long: bool) -> Batch:
    def row(stream: Stream, name: str, most: int) -> NewRow:
        return NewRow(stream=stream, type=f"{stream}.{name}.v1",
                      data=b'{"n":"%s"}' % chance.randbytes(chance.randrange(20, most)).hex().encode())

    new = [row(Stream.TM, "meter", 300)]
    changes: dict[str, bytes | None] = {}
    if n % 3 == 0:
        new.append(row(Stream.TX, "event", 400))
    if n % 11 == 0:
        new.append(row(Stream.TX, "cdr", 5000 if long else 400))
    if n % 7 == 0:
        new.append(row(Stream.EV, "status", 200))
    if n % 5 == 0:
        changes[f"t{day}{n:03}"] = b'{"body":"%s"}' % chance.randbytes(900).hex().encode()
    if len(sessions) > 2:
        changes[min(sessions)] = None
    return Batch(mono_ns=10**9 * n, utc=UTC % (day, n % 60), clock_ok=True, rows=tuple(new),
                 sessions=changes, kept={f"wear:{n % 4}": b'{"n":%d}' % n})


Damage = Callable[[random.Random, bytearray], None]


def flip(chance: random.Random, content: bytearray) -> None:
    """One bit."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def zero_page(chance: random.Random, content: bytearray) -> None:
    """4 kB at a page's edge."""
    at = chance.randrange(max(1, len(content) // 4096)) * 4096
    content[at:at + 4096] = bytes(len(content[at:at + 4096]))


def zero_sector(chance: random.Random, content: bytearray) -> None:
    """512 bytes at a sector's edge."""
    at = chance.randrange(max(1, len(content) // 512)) * 512
    content[at:at + 512] = bytes(len(content[at:at + 512]))


def rubbish(chance: random.Random, content: bytearray) -> None:
    """Some bytes of anything, anywhere."""
    at = chance.randrange(len(content))
    some = chance.randbytes(chance.randrange(1, 2000))[:len(content) - at]
    content[at:at + len(some)] = some


def truncate(chance: random.Random, content: bytearray) -> None:
    """The end is gone."""
    del content[chance.randrange(len(content)):]


def swap_pages(chance: random.Random, content: bytearray) -> None:
    """Two pages, each in the other's place."""
    a, b = (chance.randrange(max(1, len(content) // 4096)) * 4096 for _ in range(2))
    content[a:a + 4096], content[b:b + 4096] = content[b:b + 4096], content[a:a + 4096]


DAMAGES: tuple[Damage, ...] = (flip, zero_page, zero_sector, rubbish, truncate, swap_pages)


class Places:
    """Where in the undamaged files each row is, to tell which rows a damage hit."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def untouched(self, row: Row, db: bytes | bytearray, wal: bytes | bytearray) -> bool:
        """Whether one whole copy of the row is in the damaged files as it was."""
        content = b"".join((row.type.encode(), (row.utc or "").encode()))
        tail = row.data + row.hash
        return any(_whole_copies(before, bytes(after), row, content, tail) for before, after in (
            (self._truth.db, db), (self._truth.wal, wal)))


def _whole_copies(before: bytes, after: bytes, row: Row, start: bytes, tail: bytes) -> bool:
    """A copy in one piece: from before its length to the end of its hash, none of it changed."""
    return any(before[at - 24:end] == after[at - 24:end]
               for at, end in _copies(before, start, tail))


def _copies(content: bytes, start: bytes, tail: bytes) -> Iterator[tuple[int, int]]:
    at = content.find(tail)
    while at >= 0:
        begin = content.rfind(start, max(0, at - 40 - len(start)), at)
        if begin >= 0:
            yield begin, at + len(tail)
        at = content.find(tail, at + 1)
