"""The cabinet as a process, with real firmware in its boards; and what strangers send to it."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from hil_tests.rig import RigError
from hil_tests.virtual import cabinet_config, site_file
from hil_tests.virtual.rig import VirtualRig

pytestmark = pytest.mark.wire

DEADLINE_S = 30


@pytest.fixture
async def spawn(tmp_path):
    """Start a cabinet; its ready line as a dict, and the process."""
    processes = []

    async def start():
        site = site_file.write_site(tmp_path, run_dir=tmp_path, evses=2, reader_port=0, relay_port=0)
        config = site_file.cabinet_of(site, control=tmp_path / "rig.sock", gpio=tmp_path / "gpio.sock",
                                      broker_port=1)
        cabinet_config.write(config, tmp_path / "cabinet.json")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hil_tests.virtual.cabinet", str(tmp_path / "cabinet.json"),
            stdout=asyncio.subprocess.PIPE)
        processes.append(process)
        async with asyncio.timeout(DEADLINE_S):
            return json.loads(await process.stdout.readline()), process

    yield start
    for process in processes:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not await condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.01)


def there(path):
    return os.path.lexists(path)


def children_of(pid):
    """Pids of the processes that a process started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit():
                continue
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]  # see proc(5)
            if int(parent) == pid:
                found.append(int(entry.name))
        except OSError:
            continue  # ended while we looked
    return found


async def test_it_says_when_it_is_ready_and_leaves_nothing_behind(spawn, tmp_path):
    ready, process = await spawn()
    assert ready["ready"] is True
    assert there(ready["links"]["cabinet"])
    assert ready["relay_port"] > 0
    boards = children_of(process.pid)
    assert len(boards) == 2, "one MicroPython a board"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
    assert not [pid for pid in boards if there(f"/proc/{pid}")]
    assert not there(ready["links"]["cabinet"])


async def test_a_plugged_car_is_seen_by_the_firmware_and_never_energised_by_itself(spawn):
    ready, _ = await spawn()
    async with VirtualRig(Path(ready["control"])) as rig:
        assert await rig.duty("1") == 1.0, "X1: steady +12 V"
        await rig.plug("1")
        await rig.set_cp("1", 882)
        await asyncio.sleep(0.3)
        state = await rig.state("1")
        assert (state["duty"], state["permit"], state["coil"]) == (1.0, False, False)


async def test_a_board_without_supply_offers_nothing_until_it_boots_again(spawn):
    ready, _ = await spawn()
    async with VirtualRig(Path(ready["control"])) as rig:
        await rig.cut("power")
        assert (await rig.state("1"))["duty"] is None

        async def steady():
            return await rig.duty("1") == 1.0

        await rig.restore("power")
        await until("X1 after the boot", steady)


@pytest.mark.parametrize("garbage", [
    b"\n", b"[]\n", b"{\n", b'{"do": 7}\n', b"\xff\xfe\n", b"x" * 200_000,
], ids=["empty", "list", "brace", "number", "bytes", "endless"])
async def test_garbage_on_the_control_socket_harms_nobody_else(spawn, garbage):
    ready, _ = await spawn()
    _, writer = await asyncio.open_unix_connection(ready["control"])
    writer.write(garbage)
    async with VirtualRig(Path(ready["control"])) as rig:
        assert await rig.now() > 0
        with pytest.raises(RigError):
            await rig.ask("plug", evse="none")
    writer.close()


@pytest.mark.parametrize("garbage", [b"\n", b"O\n", b"S 17\n", b"O 17 1\n", b"\xff\n", b"I x\n"])
async def test_garbage_on_the_gpio_socket_is_answered_as_such(spawn, garbage):
    ready, _ = await spawn()
    reader, writer = await asyncio.open_unix_connection(ready["gpio"])
    async with asyncio.timeout(DEADLINE_S):
        writer.write(garbage)
        assert (await reader.readline()).startswith(b"! bad request")
        writer.write(b"I 17\n")
        assert await reader.readline() == b"0\n"
    writer.close()
    await writer.wait_closed()
