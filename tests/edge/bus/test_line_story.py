"""A bad day of one line, in virtual time: a meter that dies, one that babbles, one that is late, an
adapter that is pulled out, a gateway that restarts. Boards keep their grants, the other meters their
turns.
"""

import asyncio

import pytest
from soaked_line import BOARDS, GRANT_S, METERS, on_wire
from virtual_time import virtual

pytestmark = pytest.mark.wire

DEAD, LATE, BABBLING = 1, 4, 99
WELL = tuple(unit for unit in METERS if unit not in (DEAD, LATE))
RENEWED_S = 3.0  # with a margin to GRANT_S, while the line is there
BACK_S = 5.0


async def read_on(line, seconds, share):
    """Each well meter has so much of a reading a second, no board's grant ran out."""
    for board in line.boards.values():
        board.worst_gap_s = 0.0
    before = {unit: line.meters[unit].readings for unit in WELL}
    await asyncio.sleep(seconds)
    for unit in WELL:
        readings = line.meters[unit].readings - before[unit]
        assert readings >= share * seconds, f"meter {unit}: {readings} readings in {seconds} s"
    for unit in BOARDS:
        assert line.boards[unit].worst_gap_s < RENEWED_S < GRANT_S
    assert line.problems == []


async def babble(line, until_s):
    """Nine bytes into whatever is said, three times a second."""
    send = line.wire.attach_talker(BABBLING, lambda _: None)
    while asyncio.get_running_loop().time() < until_s:
        send(line.chance.randbytes(9))
        await asyncio.sleep(0.33)
    line.wire.detach(BABBLING)


@virtual
async def test_boards_keep_their_grants_and_meters_their_turns_on_a_bad_day():
    async with on_wire(19200, share=0.0) as line:
        await asyncio.sleep(20)
        await read_on(line, 30, 0.6)
        line.kill(DEAD)
        await read_on(line, 30, 0.6)
        line.wire.fault("late", LATE, delay_s=0.7)
        await read_on(line, 30, 0.5)
        babbling = asyncio.create_task(babble(line, asyncio.get_running_loop().time() + 30))
        await read_on(line, 30, 0.2)
        await babbling
        line.kill(DEAD, dead=False)
        line.wire.clear()
        await asyncio.sleep(15)
        await read_on(line, 30, 0.6)
        assert len(line.meters[DEAD].lost) == 1


@pytest.mark.parametrize(("url", "gone_s"), [("rtu:/dev/wire", 3), ("rtu+tcp://gateway:4001", 12)])
def test_a_line_that_went_away_is_back_within_five_seconds(url, gone_s):
    @virtual
    async def told():
        async with on_wire(19200, share=0.0, url=url) as line:
            await asyncio.sleep(20)
            line.port.vanish()
            await asyncio.sleep(gone_s)
            line.port.gone = False
            back_s = asyncio.get_running_loop().time()
            await asyncio.sleep(BACK_S)
            assert all(board.renewed_s > back_s for board in line.boards.values())
            assert all(known.well_s > back_s for known in line.meters.values())
            await read_on(line, 20, 0.6)
    told()
