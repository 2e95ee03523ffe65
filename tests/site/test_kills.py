"""Rarer ends: pins that a kill releases, a controller that stays dead, a network that swallows."""

import asyncio
import json
import time

import pytest

from hil_tests.scenarios import sessions, waiting
from hil_tests.virtual.site import VirtualSite

pytestmark = pytest.mark.site

CLOUD_S = 60


@pytest.fixture
async def site(tmp_path, request):
    on_exit = getattr(request, "param", "persist")
    async with VirtualSite(tmp_path, on_exit=on_exit) as site:
        yield site


@pytest.fixture
async def rig(site):
    async with site.rig() as rig:
        yield rig


async def the_session(site, energy_wh):
    """The only transaction in the cloud's database, once its CDR is there."""
    deadline = time.monotonic() + CLOUD_S
    while not (cdrs := [json.loads(line) for line in await site.cdrs()]):
        assert time.monotonic() < deadline, "no CDR in the cloud"
        await asyncio.sleep(0.2)
    assert [round(cdr["total_energy"] * 1000) for cdr in cdrs] == [energy_wh]
    (row,) = [json.loads(line) for line in await site.sessions()]
    assert (row["starts"], row["stops"]) == (1, 1)
    assert row["transaction_id"] == cdrs[0]["session_id"]
    return row


@pytest.mark.parametrize("site", ["input"], indirect=True)
async def test_where_a_kill_releases_the_pins_the_session_is_still_one(site, rig):
    running = await sessions.start_card_first(rig, "1", "anna")
    await waiting.metered(rig, "1", running.start_wh, 2)
    site.kill9("controller")
    await waiting.coil(rig, "1", False)
    await site.start("controller")
    await asyncio.sleep(1.0)
    ended = await sessions.stop_by_unplugging(rig, running)
    await the_session(site, ended.energy_wh)


async def test_without_a_controller_the_board_falls_back_to_the_failsafe_current(site, rig):
    """The grant expires in the board, which needs no Pi for that; `failsafe_a` of this site is 6."""
    running = await sessions.start_card_first(rig, "1", "anna")
    assert await rig.duty("1") > 0.2
    site.kill9("controller")

    async def at_6_a():
        return abs(await rig.duty("1") - 0.10) < 0.005

    await waiting.until(rig, "an offer of 6 A", at_6_a)
    await rig.unplug("1")
    await waiting.coil(rig, "1", False, within_s=5)
    assert (await rig.state("1"))["relay"] is True, "the board alone has opened"
    await site.start("controller")
    await the_session(site, await waiting.settled_wh(rig, "1") - running.start_wh)


async def test_a_network_that_swallows_everything_only_delays(site, rig):
    await rig.cut("network", how="blackhole")
    running = await sessions.start_card_first(rig, "1", "anna")
    await waiting.metered(rig, "1", running.start_wh, 4)
    ended = await sessions.stop_by_card(rig, running)
    assert await site.cdrs() == []
    await rig.restore("network")
    await the_session(site, ended.energy_wh)


async def test_a_controller_that_is_asked_to_end_drops_its_relays(site, rig):
    await sessions.start_card_first(rig, "1", "anna")
    assert await site.children.end("controller") == 0
    await waiting.coil(rig, "1", False, within_s=2)
    assert (await rig.state("1"))["relay"] is False
