"""SIGTERM: cars stop first, contactors open without load; who asks twice is obeyed at once."""

import signal
import time

import pytest
from site_desk import SiteDesk, site_desk

from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(200)]

QUICK = Choices(timers={"min_off_s": 1})


async def load_breaks(desk: SiteDesk) -> int:
    return int((await desk.evse())["wear"]["load_breaks"])


def log(desk: SiteDesk) -> str:
    return desk.site.children.log_path("controller").read_text(errors="replace")


async def goes_on(desk: SiteDesk) -> None:
    await desk.site.start("controller")
    await desk.until_screen("charging")


async def test_a_controller_that_is_asked_to_end_opens_without_load_or_at_once(tmp_path):
    async with site_desk(tmp_path, choices=QUICK) as desk:
        before = await desk.start()
        breaks = await load_breaks(desk)
        assert await desk.site.children.end("controller") == 0
        assert not await desk.rig.coil_on("1") and "opened under load" not in log(desk)
        await goes_on(desk)
        assert await load_breaks(desk) == breaks, "the car had stopped"

        await desk.rig.ask("car", evse="1", stubborn=True)
        began = time.monotonic()
        assert await desk.site.children.end("controller") == 0
        assert 6.0 <= time.monotonic() - began < 20.0
        assert not await desk.rig.coil_on("1") and log(desk).count("opened under load") == 1
        await goes_on(desk)

        began = time.monotonic()
        desk.site.children.signal("controller", signal.SIGTERM)
        assert await desk.site.children.end("controller", hurry=True) == 0
        assert time.monotonic() - began < 5.0 and log(desk).count("opened under load") == 2
        await desk.rig.ask("car", evse="1", stubborn=False)
        await goes_on(desk)
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        assert await desk.rows("ev.fault.v1") == []
