"""A disk that is full, read-only or broken, and a journal that is taken away, under a running site.

What runs is renewed, what must open opens, nothing is granted; and afterwards every row is there once.
"""

import asyncio
import os
import time

import bad_disk
import pytest
from site_desk import site_desk

from edge.journal.journal import Journal
from edge.journal.verify import verify

pytestmark = pytest.mark.site

THIRD_CARD = "04C1D27A5C2E81"
BAD_S = 4.0
OPENS_S = 8.0

needs_strace = pytest.mark.skipif(bad_disk.why_not() is not None, reason=str(bad_disk.why_not()))

#: Which calls on the journal's files fail with what.
USUAL = {"full": ("pwrite64,ftruncate,fallocate", "ENOSPC"), "no fsync": ("fdatasync,fsync", "EIO")}
MORE = {"read-only": (bad_disk.WRITES, "EROFS"), "write error": ("pwrite64", "EIO"),
        "over the quota": (bad_disk.WRITES, "EDQUOT")}


async def while_bad(desk, calls, error):
    """Bay 1 charges all the time; bay 2 ends and bay 3 begins while the disk is bad."""
    await desk.start("2")
    journal = desk.site.state_dir / "journal.db"
    with bad_disk.failing(desk.site.children.pid("controller"), calls, error,
                          bad_disk.journal_files(journal)):
        began = time.monotonic()
        await desk.rig.unplug("2")
        await desk.rig.plug("3")
        await desk.rig.tap(THIRD_CARD)

        async def opened():
            return not await desk.rig.coil_on("2")
        await desk.until(opened, "an opening beside a bad disk", OPENS_S)
        await desk.until_fault("F601")
        while time.monotonic() - began < BAD_S:
            assert await desk.rig.coil_on("1"), "a running session was not renewed"
            assert await desk.rig.duty("3") == 1.0, "current was offered without its record"
            await asyncio.sleep(0.1)
    await desk.until_fault("F601", stands=False)
    await tapped_until_charging(desk)
    await desk.energy(1, "3")
    for bay in ("2", "3"):  # who plugs in again sooner has the same session back
        await desk.rest(bay)


async def tapped_until_charging(desk):
    """A driver at bay 3 whom nothing was granted to taps again, as long as he is asked to."""
    for _ in range(5):
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            if (await desk.evse("3"))["screen"] != "tap_card":
                await desk.until_screen("charging", "3")
                await desk.no_card_waits()
                return
            await asyncio.sleep(0.1)
        await desk.rig.tap(THIRD_CARD)
    raise AssertionError("five taps did not start a session after the disk was well")


async def all_told_once(desk, sessions):
    """In the cloud's database, and in the journal."""
    cdrs = await desk.cdrs(sessions)
    told = await desk.transactions()
    assert len({cdr["session_id"] for cdr in cdrs}) == len(told) == sessions
    assert {(one["starts"], one["stops"]) for one in told} == {(1, 1)}
    assert verify(desk.site.state_dir / "journal.db").breaks == ()


@needs_strace
@pytest.mark.parametrize("troubles", [
    USUAL, pytest.param(MORE, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
async def test_a_bad_disk_ends_no_session_delays_no_opening_and_grants_nothing(tmp_path, troubles):
    async with site_desk(tmp_path, evses=3) as desk:
        await desk.enrol(THIRD_CARD)
        await desk.start("1")
        for calls, error in troubles.values():
            await while_bad(desk, calls, error)
        await desk.finish("1")
        await all_told_once(desk, 1 + 2 * len(troubles))


async def test_a_journal_that_is_taken_away_or_damaged_and_a_controller_too_many(tmp_path):
    """Each of two sessions is told once: one ends in a file that was deleted, one in a salvaged one."""
    async with site_desk(tmp_path) as desk:
        journal = desk.site.state_dir / "journal.db"
        await desk.start("1")
        await turned_away(desk, 4)  # as somebody does who believes that nothing runs
        journal.rename(journal.with_name("taken"))
        await desk.start("2")
        assert journal.exists(), "what is written goes where no start will find it"
        for file in journal.parent.glob("journal.db*"):
            if not file.name.endswith(".lock"):
                file.unlink()
        await desk.finish("2")
        await desk.kill_controller()
        await (await Journal.open(journal)).close()  # else its log of writes would mend it
        desk.site.damage_journal()
        await desk.start_controller()
        await desk.until_fault("F602")
        await desk.until_screen("charging", "1")
        await desk.finish("1")
        await all_told_once(desk, 2)


async def turned_away(desk, controllers):
    """They say why they end, and touch nothing of the first."""
    moves = len(await desk.rig.moves())
    words, environment = desk.site.how("controller")
    others = [await asyncio.create_subprocess_exec(
        *words, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment})
        for _ in range(controllers)]
    for other in others:
        _, complaint = await asyncio.wait_for(other.communicate(), 60)
        assert other.returncode == 1, complaint.decode()
        assert f"in use by process {desk.site.children.pid('controller')}" in complaint.decode()
    assert (desk.site.run_dir / "ready").exists(), "the first one still serves"
    assert len(await desk.rig.moves()) == moves, "a relay or a contact moved"
    assert await desk.rig.coil_on("1")
    await desk.until_screen("charging", "1")
