"""The operator's list of a million cards, one JSON object a line: run by `hil_tests/bench/programs.py`.

Lists are applied by a process of its own at a low priority, as `forecourt card list apply` does, while
this one looks cards up as a tap does: number to `ref`, one descent, the row unpacked. The peer is plain
SQLite: one table of the same rows under the same pragmas, written by one transaction in the order in
which they come. Not a test: asserts nothing.
"""

import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from card_lists import SITE, ListSite, cards, uid_of

from edge.rfid.tokens import database
from edge.rfid.tokens.list_apply import Updater
from edge.rfid.tokens.list_file import ListFile
from edge.rfid.tokens.store import TokenStore
from hil_tests.bench.programs import tell
from hil_tests.bench.report import Row, distribution

COMMAND = "python -m hil_tests.bench --only list"
MANY, MANY_QUICK, CHANGES, ROUNDS = 1_000_000, 100_000, 10_000, 10
APPLIED_S, LOOKED_UP_MS = 30.0, 1.0
PAUSE_S = 0.001  # between look-ups: taps come by ones
Moments = list[tuple[float, float]]  # when a look-up began, and how many ms it took


def measured(quick: bool) -> Iterator[Row]:
    many = MANY_QUICK if quick else MANY
    with tempfile.TemporaryDirectory(prefix="bench-list-") as folder:
        work = Path(folder)
        _child("make", work, many)
        site = ListSite(work)
        store = TokenStore.open(work, site.vault)
        try:
            yield from _rows(store, work, many, 1000 if quick else 5000)
        finally:
            store.close()


def _rows(store: TokenStore, work: Path, many: int, samples: int) -> Iterator[Row]:
    name = f"list of {many:,} cards"
    seen, (applied,), used = _meanwhile(store, work, many, "1")
    took_s = applied[1] - applied[0]
    yield Row(f"{name}: applied", took_s, "s", 1, COMMAND, target=APPLIED_S,
              note=f"a file of {(work / '1').stat().st_size / 1e6:.0f} MB; {used['rss_mb']:.0f} MB RSS "
                   "each of three processes, which run behind all others (nice 10)")
    yield Row(f"{name}: applied, CPU time", used["cpu_s"], "s", 1, COMMAND)
    yield _distribution(f"{name}: look-up while it is applied", seen, [applied])
    idle = [_look(store, many) for _ in range(samples)]
    yield distribution(f"{name}: look-up", [ms for _, ms in idle], "ms", COMMAND, target=LOOKED_UP_MS)
    versions = [str(2 + n) for n in range(ROUNDS)]
    seen, applied_each, _ = _meanwhile(store, work, many, *versions)
    yield _distribution(f"{name}: look-up while {CHANGES:,} change", seen, applied_each, LOOKED_UP_MS)
    yield distribution(f"{name}: {CHANGES:,} changes applied",
                       [(end - begin) * 1e3 for begin, end in applied_each], "ms", COMMAND)
    yield from _plain(store, work, many, samples)


def _look(store: TokenStore, many: int) -> tuple[float, float]:
    uid = uid_of(random.randrange(many))
    begin = time.monotonic()
    store.find(store.token(uid).ref)
    return begin, (time.monotonic() - begin) * 1e3


def _distribution(name: str, seen: Moments, spans: Sequence[tuple[float, float]],
                  target: float | None = None) -> Row:
    within = [ms for at, ms in seen if any(begin <= at <= end for begin, end in spans)]
    return distribution(name, within, "ms", COMMAND, target=target)


def _meanwhile(store: TokenStore, work: Path, many: int,
               *names: str) -> tuple[Moments, list[tuple[float, float]], dict[str, float]]:
    """Look-ups while another process applies these lists; when it did; its `cpu_s` and `rss_mb`."""
    seen: Moments = []
    with subprocess.Popen([sys.executable, __file__, "apply", str(work), *names],
                          stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            seen.append(_look(store, many))
            time.sleep(PAUSE_S)
        said = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"apply ended with status {child.returncode}")
    told = json.loads(said)
    return seen, [(begin, end) for begin, end in told["spans"]], told


def _plain(store: TokenStore, work: Path, many: int, samples: int) -> Iterator[Row]:
    """The peer."""
    rows = [(ref, record) for ref, record in store.db.execute(
        "SELECT ref, record FROM list_0 UNION ALL SELECT ref, record FROM list_1")]
    random.shuffle(rows)
    with closing(database.connect(work / "plain.db")) as db:
        db.execute("CREATE TABLE token (ref BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID")
        begin = time.monotonic()
        with database.transaction(db):
            db.executemany("INSERT INTO token VALUES (?, ?)", rows)
        yield Row(f"plain SQLite of {many:,} rows: written", time.monotonic() - begin, "s", 1, COMMAND,
                  note="rows made before; one transaction, nobody else can write meanwhile")
        refs = [ref for ref, _ in random.sample(rows, samples)]
        yield distribution(f"plain SQLite of {many:,} rows: look-up",
                           [_timed(partial(_found, db, ref)) for ref in refs], "ms", COMMAND)


def _found(db: sqlite3.Connection, ref: bytes) -> object:
    return db.execute("SELECT record FROM token WHERE ref = ?", (ref,)).fetchone()


def _timed(call: Callable[[], object]) -> float:
    begin = time.monotonic()
    call()
    return (time.monotonic() - begin) * 1e3


def _child(*words: object) -> None:
    subprocess.run([sys.executable, __file__, *map(str, words)], check=True)


def _make(work: Path, many: int) -> None:
    site = ListSite(work)
    site.make("1", cards(range(many)), 1)
    for n in range(ROUNDS):
        changed = random.Random(n).sample(range(many), CHANGES)
        site.make(str(2 + n), cards(changed, "D"), 2 + n, base=1 + n)


def _apply(work: Path, names: list[str]) -> None:
    """As `forecourt card list apply` does; prints when each was applied, and its memory."""
    site = ListSite(work)
    os.nice(10)
    spans = []
    for name in names:
        begin = time.monotonic()
        with ListFile.open(work / name, site.keys) as file:
            Updater(site.vault, work, SITE).apply(file)
        spans.append((begin, time.monotonic()))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"spans": spans, "rss_mb": max(one.ru_maxrss for one in used) / 1e3,
                      "cpu_s": sum(one.ru_utime + one.ru_stime for one in used)}))


def main(argv: list[str]) -> int:
    match argv:
        case ["make", work, many]:
            _make(Path(work), int(many))
        case ["apply", work, *names]:
            _apply(Path(work), names)
        case _:
            return tell(argv, measured, __doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
