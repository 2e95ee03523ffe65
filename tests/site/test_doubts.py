"""What a site does about what it cannot know: a clock of yesterday, dead lines, a pilot gone wrong."""

import asyncio

import pytest
from site_desk import site_desk
from tomorrow import remember_later

from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

LATER_S = 30.0
CHOICES = Choices(timers={"clock_lost_s": 2, "fault_off_s": 1, "min_off_s": 1})


async def test_a_clock_that_is_behind_the_journal_is_a_fault_until_it_has_caught_up(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        desk.site.kill9("controller")
        await remember_later(desk.site.state_dir / "journal.db", LATER_S)
        await desk.site.start("controller")
        await desk.until_fault("F605")
        assert not (await desk.snapshot())["clock_ok"]
        await desk.until_fault("F605", stands=False)
        assert (await desk.snapshot())["clock_ok"]


async def test_lines_and_pilots_that_say_nothing_stop_power_and_end_no_controller(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        await desk.rig.ask("pilot", evse="1", high_mv=-12000)
        await desk.until_fault("F305")
        await desk.rig.ask("pilot", evse="1")
        await desk.until_fault("F305", stands=False)

        await desk.rig.ask("unreadable", what="mirror", where="1")

        async def unknown() -> bool:
            return (await desk.evse())["contactor_closed"] is None
        await desk.until(unknown, "the mirror unknown")
        await desk.rig.ask("unreadable", what="input", where="door")
        await desk.until_fault("F105")
        await desk.rig.ask("unreadable", what="input", where="door", on=False)
        await desk.until_fault("F105", stands=False)
        await desk.until_fault("F203")
        await desk.rig.plug("1")
        await desk.rig.tap(desk.site.cards["1"])
        assert not [m for m in await desk.rig.moves() if m["what"] == "coil" and m["level"]]
        await desk.rig.ask("unreadable", what="mirror", where="1", on=False)
        await desk.until_fault("F203", stands=False)

        async def charges() -> bool:
            screen = (await desk.evse())["screen"]
            if screen == "tap_card":
                await asyncio.sleep(1.5)  # a card that was not away is no second tap
                await desk.rig.tap(desk.site.cards["1"])
            return screen == "charging"
        await desk.until(charges, "a session once the mirror is known")
