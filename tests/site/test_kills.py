"""Processes of a running site are killed as the field kills them; a session is never lost or doubled.

What is asserted of the coil comes from the cabinet's move log, which no process of the site writes.
"""

import asyncio
import json
import signal
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


async def levels(rig, what):
    """How a relay, coil or contact of bay 1 moved."""
    return [move["level"] for move in await rig.moves() if (move["evse"], move["what"]) == ("1", what)]


async def test_a_controller_killed_in_mid_session_carries_it_on(site, rig):
    running = await sessions.start_card_first(rig, "1", "anna")
    await waiting.metered(rig, "1", running.start_wh, 2)
    first = site.children.pid("controller")
    site.kill9("controller")
    assert await rig.coil_on("1"), "outputs persist on Raspberry Pi OS"
    await site.start("controller")
    second = site.children.pid("controller")
    await waiting.metered(rig, "1", running.start_wh, 12)
    ended = await sessions.stop_by_card(rig, running)
    row = await the_session(site, ended.energy_wh)
    assert row["stopped_reason"] == "Local"
    assert await levels(rig, "coil") == [True, False]
    causes = [(move["level"], move["cause"]) for move in await rig.moves() if move["what"] == "relay"]
    assert causes == [(True, f"output by pid {first}"), (False, f"output by pid {second}")]


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


async def test_a_controller_that_never_comes_back_ends_the_power(site, rig):
    """The board's grant expires: the second half of the interlock needs no Pi."""
    await sessions.start_card_first(rig, "1", "anna")
    site.kill9("controller")
    await waiting.coil(rig, "1", False, within_s=30)
    state = await rig.state("1")
    assert (state["relay"], state["permit"]) == (True, False)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_dead_or_stopped_sync_touches_no_session_and_loses_nothing(site, rig, how):
    running = await sessions.start_plug_first(rig, "1", "anna")
    if how is signal.SIGKILL:
        site.kill9("sync")
    else:
        site.children.signal("sync", how)
    await waiting.metered(rig, "1", running.start_wh, 4)
    ended = await sessions.stop_by_card(rig, running)
    assert await levels(rig, "coil") == [True, False]
    assert await site.cdrs() == []
    if how is signal.SIGKILL:
        await site.start("sync")
    else:
        site.children.signal("sync", signal.SIGCONT)
    await the_session(site, ended.energy_wh)


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
