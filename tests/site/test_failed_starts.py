"""A start that fails or hangs drops what a killed predecessor left on; one that goes well leaves it."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from site_desk import SiteDesk, site_desk

from edge.station.relays import START_S
from hil_tests import stall
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(200)]

QUICK = Choices(timers={"min_off_s": 1, "fault_off_s": 1})


@contextmanager
def in_the_way(path: Path) -> Iterator[None]:
    """A folder where a file or a socket should be; what was there comes back."""
    aside = path.with_name(path.name + ".was")
    if path.exists():
        path.rename(aside)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        if aside.exists():
            aside.rename(path)


@contextmanager
def wrong(site_file: Path) -> Iterator[None]:
    was = site_file.read_text()
    site_file.write_text(was.replace("[site]", "nonsense = 1\n[site]"))
    try:
        yield
    finally:
        site_file.write_text(was)


def troubles(desk: SiteDesk) -> dict[str, tuple[AbstractContextManager[None], int]]:
    """What is wrong with the next start, and the status that it ends with."""
    site = desk.site
    return {
        "the journal": (in_the_way(site.state_dir / "journal.db"), 1),
        "a socket": (in_the_way(site.run_dir / "service.sock"), 1),
        "the site's file": (wrong(site.site_file), 2),
    }


async def left_on(desk: SiteDesk) -> int:
    """Killed while it charged; how often relays had moved by then."""
    await desk.until_screen("charging")
    desk.site.kill9("controller")
    assert await desk.rig.coil_on("1")
    return len(await relays(desk))


async def relays(desk: SiteDesk) -> list[bool]:
    """To which levels the relay of bay 1 was set."""
    moves = [m for m in await desk.rig.moves() if m["evse"] == "1"]
    return [bool(move["level"]) for move in moves if move["what"] == "relay"]


async def fails(desk: SiteDesk, how: AbstractContextManager[None], status: int, what: str) -> None:
    moved = await left_on(desk)
    with how:
        desk.site.launch("controller")
        assert await desk.site.children.ended("controller") == status, what
        assert (await relays(desk))[moved:] == [False] and not await desk.rig.coil_on("1"), what
    await desk.site.start("controller")


async def hangs(desk: SiteDesk, hanging: AbstractContextManager[None], asked: bool) -> None:
    """While the file is locked by somebody else a start waits for it, for half a minute."""
    moved = await left_on(desk)
    with hanging:
        desk.site.launch("controller")
        if asked:
            await begun(desk)
            desk.site.children.signal("controller", signal.SIGTERM)

        async def dropped() -> bool:
            return not await desk.rig.coil_on("1")
        await desk.until(dropped, "the relay off", START_S + 15)
        assert (await relays(desk))[moved:] == [False]
        assert not (desk.site.run_dir / "ready").exists()
        if asked:
            await desk.site.children.ended("controller")  # it does not wait for the disk
            assert json.loads((desk.site.run_dir / "starts.json").read_text())["failed_s"] == []
    if asked:
        await desk.site.start("controller")


async def test_a_start_that_fails_or_hangs_drops_what_was_left_on_and_a_good_one_leaves_it(tmp_path):
    async with site_desk(tmp_path, choices=QUICK) as desk:
        before = await desk.start()
        moved = await left_on(desk)
        await desk.site.start("controller")
        await desk.until_screen("charging")
        assert len(await relays(desk)) == moved, "back within the grant, as if nothing was"

        for what, (how, status) in troubles(desk).items():
            await fails(desk, how, status, what)
        for late_s in (0.0, 0.4):  # before there is a loop, and after that
            await asked_early(desk, late_s)
        for asked in (True, False):
            await hangs(desk, stall.held(desk.site.state_dir / "journal.db"), asked)
        await desk.until_screen("charging")
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        desk.tracebacks = list  # type: ignore[method-assign]


async def asked_early(desk: SiteDesk, late_s: float) -> None:
    await left_on(desk)
    desk.site.launch("controller")
    await begun(desk)
    await asyncio.sleep(late_s)
    for _ in range(2):
        desk.site.children.signal("controller", signal.SIGTERM)
    assert await desk.site.children.ended("controller") == 0, late_s
    assert not await desk.rig.coil_on("1"), late_s
    starts = json.loads((desk.site.run_dir / "starts.json").read_text())
    assert starts["running_s"] is None and starts["failed_s"] == [], late_s
    await desk.site.start("controller")


async def begun(desk: SiteDesk) -> None:
    """The process has taken its lock, so its relays are its own to drop."""
    lock, pid = desk.site.state_dir / "controller.lock", desk.site.children.pid("controller")

    async def mine() -> bool:
        return lock.read_text().strip() == str(pid)
    await desk.until(mine, "a start")
