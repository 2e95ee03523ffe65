"""Eight meters and eight boards on a pty, while answers go wrong in every way there is. In real time:
it is asserted that all go on and nothing wrong is handed in; how late anything may be, of the same line
in virtual time (`tests/edge/bus/test_line_hour.py`).
"""

import asyncio
import time

import pytest
from soaked_line import BOARDS, METERS, on_pty

pytestmark = pytest.mark.wire

PATIENCE_S = 30.0


async def soaked(path, seconds, share):
    async with on_pty(path, 19200, share=share) as line:
        await asyncio.sleep(seconds)
        meters = {unit: line.meters[unit].readings for unit in METERS}
        boards = {unit: line.boards[unit].renewed_s for unit in BOARDS}
        await until(lambda: all(line.meters[unit].readings > meters[unit] + 1 for unit in METERS)
                    and all(line.boards[unit].renewed_s > boards[unit] for unit in BOARDS))
        spoiled = {kind for slave in line.spoiled.values() for kind in slave.spoiled}
    assert line.problems == []
    assert len(spoiled) > 4
    return line


async def until(true):
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.05)


async def test_a_line_of_meters_and_boards_goes_on_while_answers_go_wrong(tmp_path):
    await soaked(tmp_path / "tty", 10, share=0.05)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_line_of_meters_and_boards_goes_on_for_two_minutes(tmp_path):
    line = await soaked(tmp_path / "tty", 120, share=0.01)
    assert not any(known.lost for known in line.meters.values())
