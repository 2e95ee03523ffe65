"""A screen, sync or reader that stands still (SIGSTOP) costs the controller neither time nor memory."""

import asyncio
import contextlib
import os
import pty
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from site_desk import SiteDesk, site_desk

from hil_tests.virtual.site import command

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

GROWTH_KB = 6000  # of which the core's own working set and what malloc keeps is the larger part
LATE_MS = 1500  # a shared machine; one that waited for a client would wait for ever


def rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


@contextlib.contextmanager
def terminal() -> Iterator[int]:
    outer, inner = pty.openpty()
    try:
        yield inner
    finally:
        os.close(outer)
        os.close(inner)


@contextlib.asynccontextmanager
async def screens(desk: SiteDesk, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Driver's screens that are connected."""
    with terminal() as inside:
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        found = [await asyncio.create_subprocess_exec(
            *command("ui", "--run-dir", str(desk.site.run_dir)), stdin=inside, stdout=inside,
            stderr=inside, env=environment | {"TERM": "xterm-256color"}) for _ in range(count)]
        try:
            await desk.until(lambda: connected(desk, count), "screens connected")
            yield found
        finally:
            for process in found:
                process.kill()
                await process.wait()


async def connected(desk: SiteDesk, count: int) -> bool:
    log = desk.site.children.log_path("controller").read_text(errors="replace")
    return len(re.findall(r"ui\.sock: pid \d+ uid \d+ connected", log)) >= count


async def lateness_ms(desk: SiteDesk) -> float:
    """The most that a beat of the loop was ever late, by the controller's own word."""
    health = await desk.health()
    loop = next(v for v in health["supervision"]["vitals"] if v["name"] == "loop")
    return float(re.findall(r"(\d+) at most", loop["detail"])[0])


async def stand_still(folder: Path, during_s: float) -> None:
    async with site_desk(folder) as desk:
        before = await desk.start("1")
        other = await desk.start("2")
        async with screens(desk, 2) as found:
            pid = desk.site.children.pid("controller")
            reader = desk.reader_pid()
            await asyncio.sleep(during_s / 2)  # what it needs of itself, it needs in this time
            was_kb = rss_kb(pid)
            for process in found:
                process.send_signal(signal.SIGSTOP)
            desk.site.children.signal("sync", signal.SIGSTOP)
            if reader is not None:
                os.kill(reader, signal.SIGSTOP)
            seqs, until = [], time.monotonic() + during_s
            while time.monotonic() < until:
                seqs.append((await desk.snapshot())["seq"])
                await asyncio.sleep(0.5)
            assert seqs == sorted(set(seqs)), "a snapshot is taken each time"
            assert seqs[-1] - seqs[0] >= during_s, "and is pushed to those who do not take it"
            assert rss_kb(pid) - was_kb < GROWTH_KB
            assert await lateness_ms(desk) < LATE_MS
            desk.site.children.signal("sync", signal.SIGCONT)
        after = {e: await desk.finish(e) for e in ("1", "2")}
        cdrs = await desk.cdrs(2)
        assert sum(round(cdr["total_energy"] * 1000) for cdr in cdrs) == (
            after["1"] - before + after["2"] - other)


async def test_clients_that_stand_still_cost_the_controller_neither_time_nor_memory(tmp_path):
    await stand_still(tmp_path, 8.0)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nor_do_they_in_four_minutes(tmp_path):
    await stand_still(tmp_path, 240.0)
