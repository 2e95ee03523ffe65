"""`forecourt demo --headless`, as a stranger runs it."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from hil_tests.virtual.site import command

pytestmark = pytest.mark.site

DEADLINE_S = 100


async def demo(*words):
    """Run it to its end: (exit status, stdout lines, stderr)."""
    process = await asyncio.create_subprocess_exec(
        *command("demo", *words), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE)
    try:
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode, out.decode().splitlines(), err.decode()


@pytest.mark.parametrize("chaos", [(), ("--kill-broker",)])
async def test_three_sessions_end_as_three_cdrs_in_the_cloud(tmp_path, chaos):
    status, lines, said = await demo("--headless", "--sessions", "3", "--json", "--keep", str(tmp_path),
                                     *chaos)
    assert status == 0, said
    assert "the cloud has exactly what the rig saw" in said
    assert ("kill -9" in said) == bool(chaos)
    cdrs = [json.loads(line) for line in lines]
    assert len({cdr["session_id"] for cdr in cdrs}) == 3
    assert sorted(cdr["cdr_location"]["evse_uid"] for cdr in cdrs) == ["1", "1", "2"]
    for cdr in cdrs:
        assert cdr["total_energy"] > 0
        assert cdr["total_cost"]["incl_vat"] > 0
        assert cdr["currency"] == "SEK"
        assert "04A3C6CAE26180" not in json.dumps(cdr), "a card's number in clear"


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_asked_to_end_it_leaves_no_process_behind(tmp_path, how, status):
    process = await asyncio.create_subprocess_exec(
        *command("demo", "--headless", "--sessions", "9", "--keep", str(tmp_path)),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A shell starts its background jobs with SIGINT ignored, and CI may be one of them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while b"session 1" not in await process.stderr.readline():
                pass
            process.send_signal(how)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == status
    assert processes_with(str(tmp_path)) == []


def processes_with(word):
    """Command lines on this machine that hold a word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended while we looked
        if word in line:
            found.append(line)
    return found


async def test_without_a_terminal_it_says_what_to_do():
    status, lines, said = await demo()
    assert (status, lines) == (2, [])
    assert "--headless" in said


async def test_a_count_that_cannot_be_is_refused():
    status, _, said = await demo("--headless", "--sessions", "0")
    assert status == 2
    assert "got 0, expected 1 to 1000" in said
