"""`python -m hil_tests.bench`: measures, prints a table, stores JSON, compares with the last one.

Rows come from the whole virtual site (processes, ptys, real firmware, UDP card, GPIO shim). Nothing is
asserted: a target that is missed is told and changes no exit status. Exit status 1: a row could not be
measured at all.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hil_tests.bench import (
    board_row,
    firmware_row,
    machine,
    processes,
    programs,
    replaying,
    resume,
    sessions,
    taps,
    week,
)
from hil_tests.bench.report import Report, Row, previous, store, table
from hil_tests.virtual.site import VirtualSite

CHECKOUT = Path(__file__).resolve().parents[2]
IDLE_EVSES = 8


def _progress(word: str) -> None:
    print(f"bench: {word}", file=sys.stderr)


async def _sessions(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder, log_level="DEBUG") as site:
        count = 8 if quick else 40
        held, failed = await sessions.play(site, count, _progress)
        if failed:  # for whoever looks into it: the folder goes
            kept = f"{folder}-failed"
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.sock", "rs485"))
            _progress(f"logs of the failed sessions: {kept}")
        return [*sessions.rows(site, held), sessions.failure_row(failed, count),
                await sessions.link_row(site, 50 if quick else 500)]


async def _taps(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder, evses=1, log_level="DEBUG") as site:
        return await taps.rows(site, 8 if quick else 60, _progress)


async def _idle(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder, evses=IDLE_EVSES) as site:
        return await processes.idle_rows(site, 6 if quick else 20)


async def _ready(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder) as site:
        return await processes.ready_rows(site, 3 if quick else 10)


async def _resume(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder, log_level="DEBUG") as site:
        return await resume.rows(site, 3 if quick else 10, _progress)


async def _rss(folder: Path, _quick: bool) -> list[Row]:
    async with VirtualSite(folder) as site:
        await asyncio.sleep(processes.SETTLE_S)
        return await processes.memory_rows(site)


async def _board(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(board_row.rows, 50 if quick else 300, 1 if quick else 6)


async def _firmware(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(firmware_row.rows, CHECKOUT, quick=quick)


async def _micro(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(programs.rows, CHECKOUT, programs.MICRO, quick=quick)


async def _bus(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(programs.rows, CHECKOUT, programs.BUS, quick=quick)


async def _journal(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(programs.rows, CHECKOUT, programs.JOURNAL, quick=quick)


async def _list(_folder: Path, quick: bool) -> list[Row]:
    return await asyncio.to_thread(programs.rows, CHECKOUT, programs.LIST, quick=quick)


async def _week(folder: Path, quick: bool) -> list[Row]:
    async with VirtualSite(folder) as site:
        return await week.rows(site, CHECKOUT, 1 if quick else 7, 2 if quick else 5)


async def _replay(folder: Path, quick: bool) -> list[Row]:
    found: list[Row] = []
    for evses in (3, IDLE_EVSES):
        async with VirtualSite(folder / str(evses), evses=evses) as site:
            found += await replaying.rows(site, 10 if quick else 75, 10 if quick else 20)
    return found


GROUPS = {"sessions": _sessions, "taps": _taps, "idle": _idle, "ready": _ready, "resume": _resume,
          "rss": _rss, "board": _board, "firmware": _firmware, "micro": _micro, "bus": _bus,
          "journal": _journal, "list": _list, "week": _week, "replay": _replay}


def _measure(names: list[str], quick: bool, failed: Callable[[str], None]) -> list[Row]:
    """A group that cannot be measured costs its own rows only, and leaves its logs behind."""
    found: list[Row] = []
    for name in names:
        _progress(name)
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            found += asyncio.run(GROUPS[name](folder, quick))
        except (RuntimeError, OSError, ValueError) as error:
            failed(f"{name}: {error} (logs: {folder})")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hil_tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the short form, for CI")
    parser.add_argument("--only", action="append", choices=sorted(GROUPS), metavar="NAME",
                        help=f"one group of rows ({', '.join(GROUPS)}); may be given again")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), metavar="DIR")
    options = parser.parse_args(argv)
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    failures: list[str] = []
    load = f"{os.getloadavg()[0]:.1f}"
    rows = _measure(options.only or list(GROUPS), options.quick, failures.append)
    report = Report(started_utc=started, commit=machine.commit(CHECKOUT),
                    machine=machine.description(), quick=options.quick, rows=tuple(rows),
                    load=load)
    print(table(report, previous(options.results, report)))
    print(f"stored: {store(report, options.results)}")
    for failure in failures:
        print(f"not measured: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
