"""Board and controller guard one contactor: what each does when the other, or the contactor, fails.

Channels that are stuck, the module and the temperature are in `test_every_fault.py`.
"""

import asyncio

import pytest
from site_desk import SiteDesk, site_desk

from hil_tests.scenarios import waiting

pytestmark = pytest.mark.site

HOLD_S = 3
REFUSED_FOR_S = 4.0  # a session that may begin does so within one


async def clear(desk: SiteDesk, code: str) -> None:
    """A technician at the service socket, who looks again until the fault has ended."""
    async def ended() -> bool:
        await desk.ask("fault.clear", {"code": code, "where": "1"})  # refused if it has just ended
        await asyncio.sleep(0.5)
        return not any(fault["code"] == code for fault in (await desk.evse())["faults"])
    await desk.until(ended, f"{code} cleared")


async def nothing_starts(desk: SiteDesk) -> None:
    """A car and a card are there, and get nothing."""
    await desk.rig.plug("1")
    await desk.rig.tap(desk.site.cards["1"])
    seen = len(await desk.rig.moves())
    await asyncio.sleep(REFUSED_FOR_S)
    moved = [m for m in (await desk.rig.moves())[seen:] if m["evse"] == "1" and m["level"]]
    assert not moved and not 0 < await desk.rig.duty("1") < 1
    assert (await desk.evse())["screen"] == "fault"
    await desk.rig.unplug("1")


async def free(desk: SiteDesk) -> None:
    """The car has left; the receipt may stay a while."""
    async def available() -> bool:
        return (await desk.evse())["state"] == "Available"
    await desk.until(available, "bay 1 free")


async def it_starts(desk: SiteDesk) -> None:
    """The same driver tries again; the card that he held to the reader before may still wait."""
    await desk.rig.plug("1")

    async def charging() -> bool:
        screen = (await desk.evse())["screen"]
        if screen == "tap_card":
            await desk.rig.tap(desk.site.cards["1"])
        return screen == "charging"
    await desk.until(charging, "a session")


async def opened_first(desk: SiteDesk) -> str:
    """Which channel of bay 1 went off first at the last opening."""
    moves = [m for m in await desk.rig.moves() if m["evse"] == "1" and not m["level"]]
    return [m["what"] for m in moves if m["what"] in ("relay", "permit")][-2]


async def test_without_a_controller_failsafe_then_x1_then_open_and_it_goes_on_with_the_next(tmp_path):
    async with site_desk(tmp_path, hold_s=HOLD_S) as desk:
        before = await desk.start()
        await desk.energy(2)
        desk.site.kill9("controller")

        async def at_6_a() -> bool:
            return abs(await desk.rig.duty("1") - 0.10) < 0.005
        await waiting.until(desk.rig, "the failsafe current", at_6_a)
        assert await desk.rig.coil_on("1"), "the failsafe current flows on"
        await waiting.pwm(desk.rig, "1", False)
        await waiting.coil(desk.rig, "1", False)
        state = await desk.rig.state("1")
        assert state["relay"] and not state["permit"], "the board alone has opened"
        await desk.site.start("controller")
        await desk.until_screen("charging")
        await desk.energy((await desk.evse())["energy_wh"] + 2)
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        transaction, = await desk.transactions()
        assert (transaction["starts"], transaction["stops"]) == (1, 1)


async def test_the_channels_take_turns_where_the_current_ends_before_the_car_rests(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.rig.ask("car", evse="1", x1_open_s=8.0, ramp_a_per_s=100.0)
        turns = []
        for _ in range(3):
            await desk.start()
            await desk.finish()
            turns.append(await opened_first(desk))
            await free(desk)
        assert turns == ["permit", "relay", "permit"]


async def test_a_weld_is_tripped_by_the_board_and_blocks(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.energy(2)
        await desk.rig.weld("1")
        assert await desk.rig.breaker_on("1")
        await desk.stop_by_card()

        async def tripped() -> bool:
            return not await desk.rig.breaker_on("1")
        await desk.until(tripped, "the shunt trip")
        assert (await desk.rig.state("1"))["current_a"] == 0
        await desk.until_fault("F201")
        assert await desk.rig.breaker_on("2"), "of this bay only"
        await desk.rig.unplug("1")
        await desk.until_screen("fault")
        await nothing_starts(desk)
        await desk.rig.restore("contactor", "1")
        await desk.rig.restore("breaker", "1")
        await clear(desk, "F201")
        await it_starts(desk)
