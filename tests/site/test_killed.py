"""Processes killed in the middle of a session: the driver's energy, the coil and the bill stand."""

import asyncio
import os
import pty
import signal

import pytest
from site_desk import site_desk

from hil_tests.virtual.site import command

pytestmark = pytest.mark.site


async def test_a_controller_killed_mid_session_leaves_one_session_and_a_quiet_coil(tmp_path):
    async with site_desk(tmp_path) as desk:
        before = await desk.start()
        await desk.energy(3)
        moves = len([m for m in await desk.rig.moves() if m["what"] in ("relay", "coil", "contact")])
        desk.site.kill9("controller")
        assert await desk.rig.coil_on("1"), "outputs persist after a kill on Raspberry Pi OS"
        await desk.site.start("controller")
        await desk.until_screen("charging")
        shown = (await desk.evse())["energy_wh"]
        await desk.energy(shown + 3)
        after_moves = [m for m in await desk.rig.moves() if m["what"] in ("relay", "coil", "contact")]
        assert len(after_moves) == moves, f"a coil moved without a decision: {after_moves[moves:]}"
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        transaction, = await desk.transactions()
        assert (transaction["starts"], transaction["stops"]) == (1, 1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_sync_killed_or_stopped_changes_nothing_but_the_delay(tmp_path, how):
    async with site_desk(tmp_path) as desk:
        before = await desk.start()
        desk.site.children.signal("sync", how)
        await desk.energy(4)
        after = await desk.finish()
        if how is signal.SIGSTOP:
            desk.site.children.signal("sync", signal.SIGCONT)
        else:
            await desk.site.start("sync")
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before


async def test_the_broker_killed_during_a_session_changes_nothing_but_the_delay(tmp_path):
    async with site_desk(tmp_path) as desk:
        before = await desk.start()
        desk.site.kill9("broker")
        await desk.energy(4)
        after = await desk.finish()
        await desk.until_fault("F701")
        await desk.site.start("broker")
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        await desk.until_fault("F701", stands=False)
        await desk.in_database("ev.fault.v1", "F701")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_reader_killed_or_stopped_never_touches_a_session_and_comes_back(tmp_path, how):
    async with site_desk(tmp_path) as desk:
        before = await desk.start()
        os.kill(pid := desk.reader_pid(), how)

        async def replaced() -> bool:
            return desk.reader_pid() not in (pid, None)
        await desk.until(replaced, "another reader process")
        await desk.energy(4)
        await desk.until_fault("F501", stands=False)
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_screen_killed_or_stopped_never_touches_a_session(tmp_path, how):
    async with site_desk(tmp_path) as desk:
        before = await desk.start()
        terminal, inside = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        screen = await asyncio.create_subprocess_exec(
            *command("ui", "--run-dir", str(desk.site.run_dir)), stdin=inside, stdout=inside,
            stderr=inside, env=environment | {"TERM": "xterm-256color"})
        os.close(inside)
        try:
            drawn = b""
            while b"kWh" not in drawn:  # it shows the session, so it is connected
                drawn += await asyncio.to_thread(os.read, terminal, 65536)
            screen.send_signal(how)
            if how is signal.SIGKILL:
                await screen.wait()
            await desk.energy(5)
            after = await desk.finish()
        finally:
            if screen.returncode is None:
                screen.kill()
            await screen.wait()
            os.close(terminal)
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
