"""SIGTERM: cars stop first, contactors open without load; who asks twice is obeyed at once."""

import json
import signal
import time

import pytest
from site_desk import SiteDesk, site_desk

from edge.station.run import LAST_S
from edge.station.winding_down import STOP_OPEN_S
from hil_tests import stall
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

        with stall.held(desk.site.state_dir / "journal.db"):
            began = time.monotonic()
            await desk.site.children.end("controller")
            assert time.monotonic() - began < STOP_OPEN_S + LAST_S + 2
            assert not await desk.rig.coil_on("1")
        starts = json.loads((desk.site.run_dir / "starts.json").read_text())
        assert starts["running_s"] is None and starts["failed_s"] == [], "a dead disk is no failure"
        await goes_on(desk)

        await desk.rig.ask("car", evse="1", stubborn=True)
        await desk.rig.plug("2")
        await desk.until_screen("tap_card", "2")
        began = time.monotonic()
        desk.site.children.signal("controller", signal.SIGTERM)
        await desk.rig.tap(desk.site.cards["2"])
        assert await desk.site.children.ended("controller") == 0
        assert "a card, while the controller ends" in log(desk)
        assert 6.0 <= time.monotonic() - began < 20.0
        assert not await desk.rig.coil_on("1") and log(desk).count("opened under load") == 1
        await goes_on(desk)
        assert (await desk.evse("2"))["screen"] == "tap_card", "nobody finds himself charging"

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
