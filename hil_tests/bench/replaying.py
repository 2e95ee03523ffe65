"""How fast the flight recorder's segments are replayed, and what they take of the disk.

A real site records while all its cars charge; one of its minutes is then replayed so often that the
start of the program does not count.
"""

import asyncio
import json
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hil_tests.bench.report import Row
from hil_tests.virtual.site import VirtualSite, command

COMMAND = "python -m hil_tests.bench --only replay"
TIMES_REAL, MINUTE_S = 1000.0, 60.0
_RECORDED = "flight"
_PATIENCE_S = 600.0


async def rows(site: VirtualSite, record_s: float, copies: int) -> list[Row]:
    """Record for `record_s` with a car at every bay; replay `copies` of the longest segment.

    Raises `RuntimeError` if nothing was recorded or it comes out otherwise.
    """
    async with site.rig() as rig:
        for evse in site.evses:
            await rig.ask("car", evse=evse, ask_after_s=0.1)
            await rig.plug(evse)
            await rig.tap(site.cards[evse])
        await asyncio.sleep(record_s)
    await site.children.end("controller")
    kept = site.state_dir / _RECORDED
    said = await _replayed(kept, 1)
    longest = max(said[:-1], key=lambda told: float(told["span_ns"]))
    segment = kept / longest["name"]
    many = site.folder / "many"
    many.mkdir()
    for n in range(copies):
        shutil.copyfile(segment, many / f"{n:04d}-{segment.name}")
    size = segment.stat().st_size / (longest["span_ns"] / 1e9)
    before_s = _cpu_s()
    alone = (await _replayed(many, 1))[-1]
    cpu_s = _cpu_s() - before_s
    found = [_row(f"one process, {len(site.evses)} EVSEs", alone, copies),
             Row(f"  its CPU time, {len(site.evses)} EVSEs", cpu_s / alone["span_s"] * MINUTE_S * 1e3,
                 "ms", copies, COMMAND, note=f"{alone['span_s'] / cpu_s:.0f} times real time; the start"
                                             " of the program is in it"),
             _row(f"every core, {len(site.evses)} EVSEs", (await _replayed(many, None))[-1], copies)]
    return [*found, Row(f"recorded in an hour, {len(site.evses)} EVSEs", size * 3600 / 1e6, "MB", 1,
                        COMMAND, note="compressed, all of them charging")]


def _cpu_s() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(name: str, summary: dict[str, Any], copies: int) -> Row:
    rate = summary["steps"] / summary["took_s"]
    return Row(f"replay of a minute, {name}", summary["took_s"] / summary["span_s"] * MINUTE_S * 1e3,
               "ms", copies, COMMAND, target=MINUTE_S * 1e3 / TIMES_REAL,
               note=f"{summary['times_real']:.0f} times real time, {rate:.0f} steps/s,"
                    f" {summary['steps'] / summary['span_s']:.0f} steps in a second of the site")


async def _replayed(folder: Path, jobs: int | None) -> list[dict[str, Any]]:
    """What `forecourt replay --json` says, the summary last."""
    words = [] if jobs is None else ["--jobs", str(jobs)]
    done = await asyncio.to_thread(
        subprocess.run, command("replay", "--json", *words, str(folder)), capture_output=True,
        text=True, timeout=_PATIENCE_S)
    if done.returncode:
        raise RuntimeError(f"forecourt replay {folder}: status {done.returncode},"
                           f" {(done.stderr or done.stdout)[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
