"""Measures what a day costs the memory card: the pure core in virtual time, the real journal on a file.

usage: python scripts/measure_journal_day.py [FOLDER]     FOLDER: on the disk to measure (default: .)

Two hours of each kind of site, times twelve. Bytes: what this thread hands to the kernel (`wchar`),
so before the file system and the card make more of it.
"""

import sys
import tempfile
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from core_desk import NS, Desk, plan

from edge.controller.effects import Effect, Keep, Record, SaveSession
from edge.controller.events import Stamped, Tick
from edge.controller.idtoken import IdToken
from edge.controller.state import Site
from edge.journal.row import Batch, NewRow
from edge.journal.stats import WrittenBytes
from edge.journal.store import Store

HOURS, STEP_S, SESSION_S = 2, 0.5, 1800


class Measured(Desk):
    """Everything that a step records goes into one batch of the journal, and is committed."""

    def __init__(self, site_plan, store: Store) -> None:
        self.store = store
        self.commits, self.rows, self.why = 0, Counter(), Counter()
        super().__init__(site_plan)

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        del before
        rows = tuple(NewRow(stream=e.stream, type=e.type, data=bytes(e.data))
                     for e in effects if isinstance(e, Record))
        sessions = {e.transaction_id: None if e.session is None else msgspec.json.encode(e.session)
                    for e in effects if isinstance(e, SaveSession)}
        kept = {e.key: None if e.data is None else bytes(e.data)
                for e in effects if isinstance(e, Keep)}
        if rows or sessions or kept:
            self.store.append([Batch(mono_ns=stamped.at.mono_ns, utc=stamped.at.utc, clock_ok=True,
                                     rows=rows, sessions=sessions, kept=kept)])
            self.commits += 1
            self.rows.update(row.type for row in rows)
            self.why[" + ".join(sorted({r.type for r in rows} | ({"session"} if sessions else set())
                                       | {k.partition(":")[0] for k in kept}))] += 1

    def pass_time(self, seconds: float) -> None:
        """As `run`, with fewer polls."""
        for n in range(round(seconds / STEP_S)):
            self.now_ns += round(STEP_S * NS)
            for evse_id, device in self.devices.items():
                self.poll(evse_id)
                if n % 2 == 0:
                    device.wh += 3 if device.closed else 0
                    self.read(evse_id)
            self.feed(Tick())


def idle(desk: Measured) -> None:
    desk.pass_time(HOURS * 3600)


def busy(desk: Measured) -> None:
    """Every outlet charges, a session of half an hour after the other."""
    for _ in range(HOURS * 3600 // SESSION_S):
        for evse_id in desk.devices:
            desk.charge(evse_id, IdToken(ref=evse_id * 32, last4=""))
        desk.pass_time(SESSION_S - 60)
        for evse_id in desk.devices:
            desk.unplug(evse_id)
        desk.pass_time(60)


def main(folder: Path) -> None:
    written = WrittenBytes(threading.get_native_id())
    for evses in (3, 8):
        for kind in (idle, busy):
            with (tempfile.TemporaryDirectory(dir=folder) as name,
                  closing(Store.open(Path(name) / "journal.db", new_epoch=lambda: "0" * 16)) as store):
                desk = Measured(plan(evses, fuse_a=300), store)
                desk.commits, before = 0, written.total()
                desk.rows.clear()
                desk.why.clear()
                kind(desk)
                took = (written.total() or 0) - (before or 0)
                mb = (Path(name) / "journal.db").stat().st_size * 24 / HOURS / 1e6
                day = 24 / HOURS
                print(f"{evses} outlets, {kind.__name__}: {desk.commits * day:.0f} commits,"
                      f" {took * day / 1e6:.0f} MB written a day"
                      f" ({took / desk.commits / 1e3:.1f} kB per commit),"
                      f" {sum(desk.rows.values()) * day:.0f} rows, file {mb:.0f} MB")
                for what, count in desk.why.most_common(8):
                    print(f"    {count * day:8.0f}  {what}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
