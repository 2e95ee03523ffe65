"""A journal's whole life, for power cuts: the same batches each time, and what it was told is durable.

    python journal_life.py FOLDER [PHASE ...]

prints, line by line: `sent K` before batch K is appended, `durable K` when its future resolved,
`open EPOCH BOOT`, `asked STREAM SEQ` and `acked STREAM SEQ` around an acknowledgement,
`going STREAM SEQ` before rows up to there may be deleted, `closed`. Each phase is a process of
its own, as after a restart; the second ends without closing.
"""

import asyncio
import os
import random
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.journal import Journal
from edge.journal.retention import KeepDays
from edge.journal.row import Batch, NewRow

FILE = "journal.db"
SESSIONS, KEPT = 4, 3
PHASES = ((0, 60), (60, 400), (400, 480), (60, 64))
"""From and before which batch. The first three are a life; the last one is a short second."""
LIFE, SHORT_SECOND = (0, 1, 2), 3
BATCHES = 480
OLD_GO = (1, 2)
"""In these old rows are deleted: schema 2 knew of no row that is not there."""
NOT_A_DAY = KeepDays(telemetry=0, events=0, billing=0)
DIES = 1
"""This one ends without closing, so that the next one finds its log of writes."""


def batch(number: int) -> Batch:
    """The `number`th, always the same: rows of all streams, small and of many pages, kept things."""
    rnd = random.Random(number)
    rows = tuple(_row(rnd, number, n) for n in range(rnd.choice((1, 1, 2, 5))))
    sessions = {f"s{rnd.randrange(SESSIONS)}": _body(rnd, number)} if rnd.random() < 0.7 else {}
    kept = {f"k{rnd.randrange(KEPT)}": _body(rnd, number)} if rnd.random() < 0.4 else {}
    utc = f"2026-03-{1 + number // 25 % 28:02}T{number % 24:02}:00:00Z"
    return Batch(mono_ns=number, utc=utc, clock_ok=number % 7 != 0, rows=rows, sessions=sessions,
                 kept=kept)


def _row(rnd: random.Random, number: int, n: int) -> NewRow:
    size = rnd.choice((40, 200, 200, 900, 9000))
    return NewRow(stream=rnd.choice(tuple(Stream)), type="t",
                  data=b"%d/%d " % (number, n) + rnd.randbytes(size).hex().encode())


def _body(rnd: random.Random, number: int) -> bytes | None:
    return None if rnd.random() < 0.2 else b"%d " % number + rnd.randbytes(rnd.choice((50, 6000)))


def tell(*words: object) -> None:
    """At once, and in one write."""
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


async def append(journal: Journal, first: int, count: int) -> None:
    """Some batches together, which the journal commits in one or more groups."""
    async def one(number: int) -> None:
        tell("sent", number)
        await journal.append(batch(number))
        tell("durable", number)
    await asyncio.gather(*(one(first + n) for n in range(count)))


async def acknowledge(journal: Journal, rnd: random.Random) -> None:
    """Some row of some stream, as the cloud does."""
    stream = rnd.choice(tuple(Stream))
    now = journal.heads()[stream]
    head, acked = now.seq, now.acked
    if head > acked:
        (row,) = await journal.read(stream, rnd.randint(acked, head - 1), 1)
        tell("asked", stream.value, row.seq)
        await journal.acked(journal.epoch, stream, row.seq, row.hash)
        tell("acked", stream.value, row.seq)


async def let_go(journal: Journal, number: int) -> None:
    """What the cloud has goes, as if each ten batches were a day, and rows stayed for none."""
    for stream, head in journal.heads().items():
        tell("going", stream.value, head.acked)
    await journal.forget((date(2026, 4, 1) + timedelta(days=number // 10)).isoformat(), NOT_A_DAY)


async def phase(path: Path, number: int) -> None:
    """One process."""
    begin, end = PHASES[number]
    journal = await Journal.open(path)
    tell("open", journal.epoch, journal.boot)
    rnd = random.Random(1000 + number)
    while begin < end:
        count = min(rnd.choice((1, 1, 2, 4)), end - begin)
        await append(journal, begin, count)
        begin += count
        if rnd.random() < 0.15:
            await acknowledge(journal, rnd)
        if number in OLD_GO and rnd.random() < 0.1:
            await let_go(journal, begin)
    if number == DIES:
        os._exit(0)
    await journal.close()
    tell("closed")


def main(folder: Path, phases: list[str]) -> None:
    """Each of these phases, or all."""
    for number in phases or map(str, LIFE):
        subprocess.run([sys.executable, __file__, "--one", str(folder), number], check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        asyncio.run(phase(Path(sys.argv[2]) / FILE, int(sys.argv[3])))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
