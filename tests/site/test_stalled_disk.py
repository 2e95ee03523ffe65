"""A disk that stands still: what runs is renewed, what must open opens, nothing is granted, and nobody
takes the controller for dead.
"""

import asyncio
import time
from contextlib import AbstractContextManager

import pytest
from site_desk import SiteDesk, site_desk

from hil_tests import stall
from hil_tests.virtual.keeper import kept

pytestmark = pytest.mark.site

STALL_S = 5.5
WATCHDOG_S = 5.0
THIRD_CARD = "04C1D27A5C2E81"


def _stalled(desk: SiteDesk, how: str, stall_s: float) -> AbstractContextManager[None]:
    """The file locked by somebody else, or every fdatasync of the controller delayed."""
    if how == "lock":
        return stall.held(desk.site.state_dir / "journal.db")
    return stall.slow_fsync(desk.site.children.pid("controller"), stall_s)


async def test_a_stalled_disk_keeps_sessions_delays_no_opening_and_grants_nothing(tmp_path):
    if not stall.can_trace():
        pytest.skip("strace is missing or may not trace: the lock stalls the same commit")
    async with site_desk(tmp_path, evses=3) as desk:
        await _through(desk, "fsync", STALL_S)


@pytest.mark.parametrize("stall_s", [STALL_S, pytest.param(25.0, marks=[
    pytest.mark.slow, pytest.mark.timeout(300)])])
async def test_a_disk_that_stalls_for_longer_than_the_watchdog_waits_is_no_death(tmp_path, stall_s):
    async with (site_desk(tmp_path, evses=3) as desk,
                kept(desk.site, watchdog_s=WATCHDOG_S) as keeper):
        await _through(desk, "lock", stall_s)
        assert (keeper.aborted, keeper.lives) == (0, 1)
        assert len(keeper.fed_s) > stall_s / WATCHDOG_S, "nobody fed it"


async def _through(desk: SiteDesk, how: str, stall_s: float) -> None:
    await desk.enrol(THIRD_CARD)
    await desk.start("1")
    await desk.start("2")
    with _stalled(desk, how, stall_s):
        began = time.monotonic()
        await desk.rig.plug("3")
        await desk.rig.tap(THIRD_CARD)
        await desk.rig.unplug("2")

        async def open_() -> bool:
            return not await desk.rig.coil_on("2")
        took = await desk.until(open_, "an opening during the stall")
        while time.monotonic() - began < stall_s:
            assert await desk.rig.coil_on("1"), "a running session was not renewed"
            assert await desk.rig.duty("3") == 1.0, "current was offered without its record"
            await asyncio.sleep(0.1)
        assert (await desk.snapshot())["faults"][0]["code"] == "F601"
    assert took < stall_s
    await desk.until_fault("F601", stands=False)
    await desk.until_screen("charging", "1")
