"""Meters and boards on one line, with its real owner, on a link that takes as long as the wire would.

In virtual time. What `forecourt check` says of such a line is what it does.
"""

import asyncio
from itertools import pairwise

import pytest
from virtual_time import now_ns, virtual

from edge.bus.link import WireCounts
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_holding
from edge.bus.port import BusClass
from edge.bus.url import parse_url
from edge.controller.events import ReadingTaken
from edge.controller.reading import ReadingContext
from edge.controller.trouble import DeviceTimeout
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from edge.meter.pace import TURNAROUND_S, pace_of
from edge.meter.turn_time import line_time, meter_time
from edge.outlet.registers import BASE, FAST_COUNT
from edge.station.meter_driver import MeterDriver, shares

POLL_S = 0.1
MODEL = load("eastron-sdm630")


class TimedLink:
    """Answers zeros after the time of the frames. Units in `dead` do not."""

    where, late_s, is_open, on_frame = "x", 0.5, False, None

    def __init__(self, url):
        self.pace, self.counts = pace_of(url), WireCounts()
        self.on_lost = lambda: None
        self.dead = set()

    async def open(self):
        self.is_open = True

    async def close(self):
        self.is_open = False

    async def exchange(self, unit, pdu, timeout_s):
        if unit in self.dead:
            await asyncio.sleep(timeout_s)
            raise DeviceTimeout("no answer", where="x", got="nothing", expected="one")
        await asyncio.sleep(self.pace.read_s(pdu[4]))
        return bytes((pdu[0], 2 * pdu[4])) + bytes(2 * pdu[4]), TURNAROUND_S


class LoadedLine:
    """Eight meters, and boards that are polled as often as with a car."""

    def __init__(self, baud, boards):
        self.url = parse_url(f"rtu:/dev/x?baud={baud}&parity=N")
        self.link = TimedLink(self.url)
        self.bus, self.boards, self.polls = LineOwner(self.link), boards, [0] * boards
        self.taken = {n: [] for n in range(8)}
        self.handed = {n: [] for n in range(8)}

    async def run(self, seconds):
        await self.bus.start()
        self.tasks = [asyncio.create_task(self.poll(n)) for n in range(self.boards)]
        self.drivers = [self.driver(n, share) for n, share in enumerate(shares(["a"] * 8))]
        self.tasks += [asyncio.create_task(driver.run()) for driver in self.drivers]
        await asyncio.sleep(seconds)
        for task in self.tasks:
            task.cancel()
        await self.bus.close()

    def driver(self, n, share):
        def hand_in(event):
            if isinstance(event, ReadingTaken):
                self.taken[n].append(event.reading)
                self.handed[n].append(now_ns())
        meter = Meter(self.bus, n + 1, MODEL, str(n), now_ns, line=self.url, spread=share)
        return MeterDriver(str(n), meter, hand_in=hand_in, clock_ns=now_ns, phase_s=share,
                           spawn=lambda turn: self.tasks.append(asyncio.create_task(turn)))

    async def poll(self, n):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self.bus.transact(100 + n, read_holding(BASE, FAST_COUNT), BusClass.BOARD)
            self.polls[n] += 1
            due = max(due + POLL_S, loop.time())
            await asyncio.sleep(due - loop.time())

    def gaps_s(self, n):
        return [(b.mono_ns - a.mono_ns) / 1e9 for a, b in pairwise(self.taken[n])][2:]

    def energy_age_s(self):
        """Of the oldest that was handed in."""
        return max((at - reading.energy_ns) / 1e9 for n in self.taken
                   for at, reading in zip(self.handed[n], self.taken[n], strict=True))

    @property
    def time(self):
        return line_time([(meter_time(MODEL, self.link.pace), 1.0, 4.0)] * 8, self.boards, FAST_COUNT,
                         self.link.pace)


@virtual
async def test_where_check_finds_time_enough_every_period_holds():
    line = LoadedLine(19200, 8)
    await line.run(12)
    assert line.time.meets(1.0)
    for n in range(8):
        assert all(gap == pytest.approx(1.0, abs=0.01) for gap in line.gaps_s(n)), n
    assert line.energy_age_s() < 4.5
    assert min(line.polls) >= 2 * 12  # more than once a second, and less than it should be


@virtual
async def test_where_it_does_not_all_get_slower_evenly_and_nobody_starves():
    line = LoadedLine(9600, 8)
    await line.run(20)
    assert not line.time.meets(1.0)
    turns = [len(line.taken[n]) for n in range(8)]
    assert max(turns) - min(turns) <= 3
    means = [sum(line.gaps_s(n)) / len(line.gaps_s(n)) for n in range(8)]
    assert all(line.time.usual_s <= mean <= 1.3 * line.time.full_s for mean in means)
    assert max(gap for n in range(8) for gap in line.gaps_s(n)) < 2.5
    assert min(line.polls) >= 0.9 * 20
    assert line.energy_age_s() < 6


@virtual
async def test_a_dead_meter_costs_the_others_nothing():
    line = LoadedLine(19200, 0)
    line.link.dead = {3, 5}
    await line.run(20)
    assert line.taken[2] == line.taken[4] == []
    for n in (0, 1, 3, 5, 6, 7):
        assert len(line.taken[n]) >= 19
        assert all(gap == pytest.approx(1.0, abs=0.01) for gap in line.gaps_s(n)[5:]), n


@virtual
async def test_a_demanded_register_comes_soon_on_a_line_that_is_full():
    line = LoadedLine(19200, 8)
    run = asyncio.create_task(line.run(12))
    asked_ns = {}
    for n in range(8):
        await asyncio.sleep(1.13)
        asked_ns[n] = now_ns()
        line.drivers[n].read_now(ReadingContext.TRANSACTION_END)
    await run
    for n in range(8):
        (delay_ns,) = [at - asked_ns[n] for at, r in zip(line.handed[n], line.taken[n], strict=True)
                       if r.context is ReadingContext.TRANSACTION_END]
        assert delay_ns < 1e9
