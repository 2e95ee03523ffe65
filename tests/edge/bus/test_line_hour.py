"""Eight meters and eight boards on one line for a long time, in virtual time, while answers go wrong in
every way there is: real master, owner, drivers; devices and judge of `soaked_line`.
"""

import asyncio
import gc
import logging

import pytest
from soaked_line import BOARDS, METERS, SoakedLine, on_wire
from virtual_time import virtual

from edge.station.meter_driver import LOST_S
from edge.station.outlet_driver import LOST_S as BOARD_LOST_S

DEAD = (3, 7)
WELL = tuple(unit for unit in METERS if unit not in DEAD)
RENEWED_S = 2.5  # a grant lasts 5
TOLD_S = 5.0  # of a full line's turns, after the ten seconds; the core counts them by itself
START_S = 20.0


async def soaked(baud, minutes, share=0.01):
    """A third of the time all live, a third two meters are dead, a third all live again."""
    third_s = minutes * 20.0
    async with on_wire(baud, share=share) as line:
        await asyncio.sleep(START_S)
        line.forget()
        before = {unit: known.readings for unit, known in line.meters.items()}
        await asyncio.sleep(third_s)
        asserted(line)
        live = {unit: line.meters[unit].readings - before[unit] for unit in METERS}
        objects = counted()
        for unit in DEAD:
            line.kill(unit)
        timeouts = {unit: line.bus.stats.unit(unit).timeouts for unit in DEAD}
        await asyncio.sleep(third_s)
        for unit in DEAD:
            assert len(line.meters[unit].lost) == 1, f"meter {unit} died and nobody was told, or often"
            probes = line.bus.stats.unit(unit).timeouts - timeouts[unit]
            assert probes <= 8 + third_s / 5, f"meter {unit} cost {probes} timeouts"
        for unit in WELL:
            kept = line.meters[unit].readings - before[unit] - live[unit]
            assert kept >= 0.9 * live[unit], f"meter {unit}: {kept} readings, {live[unit]} before"
            assert line.meters[unit].lost == []
        for unit in DEAD:
            line.kill(unit, dead=False)
        await asyncio.sleep(LOST_S)
        back = {unit: line.meters[unit].readings for unit in DEAD}
        await asyncio.sleep(third_s - LOST_S)
        assert all(line.meters[unit].readings > back[unit] + 1 for unit in DEAD), "not back"
        asserted(line)
        assert counted() < 1.02 * objects + 1000, "memory grows"
        assert sum(sum(slave.spoiled.values()) for slave in line.spoiled.values()) > 0


def asserted(line: SoakedLine):
    assert line.problems == []
    for unit, known in line.meters.items():
        most_s = LOST_S + TOLD_S if unit in DEAD else LOST_S
        assert known.worst_age_s <= most_s, f"meter {unit}: {known.worst_age_s:.1f} s, untold"
    for unit in BOARDS:
        board = line.boards[unit]
        assert board.worst_gap_s < RENEWED_S, f"board {unit}: {board.worst_gap_s:.2f} s unrenewed"
        assert board.worst_poll_s < BOARD_LOST_S, f"board {unit}: {board.worst_poll_s:.2f} s unpolled"


def counted():
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.wire
@pytest.mark.parametrize(("baud", "minutes"), [(9600, 4), (19200, 3), (38400, 2)])
def test_no_reading_is_old_or_wrong_and_no_renewal_late_for_some_minutes(caplog, baud, minutes):
    caplog.set_level(logging.ERROR)  # records that pytest keeps would count as memory
    virtual(soaked)(baud, minutes)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("baud", [9600, 19200, 38400])
def test_no_reading_is_old_or_wrong_and_no_renewal_late_for_an_hour(caplog, baud):
    caplog.set_level(logging.ERROR)
    virtual(soaked)(baud, 60)
