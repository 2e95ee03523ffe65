"""Whoever dies, and whenever: every Wh is billed once, every session has one start and one stop.

The short form runs in CI; the long one is `make chaos`. A seed decides who is killed when, so that a
failure can be run again.
"""

import asyncio
import random

import pytest
from site_desk import SiteDesk, site_desk

VICTIMS = ("controller", "sync", "ingest", "broker", "reader")


async def _kill(desk: SiteDesk, victim: str) -> None:
    """`kill -9`, and up again; the reader's process is replaced by the controller itself."""
    if victim == "reader":
        pid = desk.reader_pid()
        if pid is not None:
            desk.kill(pid)
        return
    desk.site.kill9(victim)
    await desk.site.start(victim)


async def _charge(desk: SiteDesk, evse_id: str) -> None:
    """One driver: plugs, taps until it charges, drives away."""
    await desk.rig.plug(evse_id)

    async def charging() -> bool:
        return await desk.rig.coil_on(evse_id)
    for _ in range(8):
        if await charging():
            break
        if (await desk.evse(evse_id))["screen"] == "tap_card":
            await desk.rig.tap(desk.site.cards[evse_id])
        try:
            await desk.until(charging, "charging", 6)
        except AssertionError:
            continue
    assert await charging(), f"bay {evse_id} did not charge whatever the driver did"
    await asyncio.sleep(3)  # it charges; nothing is waited for
    await desk.rig.unplug(evse_id)

    async def vacant() -> bool:
        return (await desk.evse(evse_id))["state"] == "Available"
    await desk.until(vacant, f"bay {evse_id} vacant", 60)


async def _chaos(desk: SiteDesk, *, seed: int, sessions: int) -> None:
    dice = random.Random(seed)
    before = {e: await desk.rig.register_wh(e) for e in desk.site.evses}
    for n in range(sessions):
        evse_id = desk.site.evses[n % len(desk.site.evses)]
        driver = asyncio.create_task(_charge(desk, evse_id))
        await asyncio.sleep(dice.uniform(0.2, 6.0))
        await _kill(desk, VICTIMS[n % len(VICTIMS)] if n < len(VICTIMS) else dice.choice(VICTIMS))
        await driver
    drawn = sum([await desk.rig.register_wh(e) - before[e] for e in desk.site.evses])
    transactions = await _all_ended(desk)
    assert all((t["starts"], t["stops"]) == (1, 1) for t in transactions), transactions
    cdrs = await desk.cdrs(len(transactions))
    assert sum(round(cdr["total_energy"] * 1000) for cdr in cdrs) == drawn


async def _all_ended(desk: SiteDesk) -> list[dict]:
    found: list[dict] = []

    async def ended() -> bool:
        found[:] = await desk.transactions()
        pending = (await desk.snapshot())["sync"]["pending"]
        return bool(found) and all(t["stops"] for t in found) and not any(pending.values())
    await desk.until(ended, "every session ended and acknowledged", 120)
    return found


@pytest.mark.site
@pytest.mark.timeout(300)
async def test_every_process_dies_once(tmp_path):
    async with site_desk(tmp_path) as desk:
        await _chaos(desk, seed=1, sessions=len(VICTIMS))


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(2, 6))
async def test_twenty_sessions_under_random_kills(tmp_path, seed):
    async with site_desk(tmp_path) as desk:
        await _chaos(desk, seed=seed, sessions=20)
