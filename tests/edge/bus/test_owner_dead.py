"""Dead, babbling and sensitive units among good ones: the good ones keep their period. Virtual time."""

import asyncio
import itertools
from contextlib import suppress

import pytest
from memory_port import MemoryPort

from edge.bus.frame import frame_of
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.bus.rtu import RtuMaster
from edge.bus.url import parse_url
from edge.controller.trouble import DeviceError, LineDown

POLL, FAST = read_input(1000, 8), read_input(0, 18)
CHAR_S = 11 / 19200
BOARDS, METERS = range(11, 19), range(1, 9)


class Site:
    """Eight boards and eight meters on one line at 19200 baud; `dead`, `garbled` ones among them."""

    def __init__(self):
        self.dead, self.garbled, self.needs_s = set(), set(), {}
        self.seen = {}  # unit -> times of good answers
        self.asked = {}  # unit -> times asked
        self._free_s, self._last = 0.0, None

    def answer(self, frame):
        loop, unit = asyncio.get_running_loop(), frame[0]
        sent_s = loop.time()
        gap_s, other = sent_s - self._free_s, self._last not in (None, unit)
        self._last, self._free_s = unit, sent_s + len(frame) * CHAR_S
        self.asked.setdefault(unit, []).append(sent_s)
        if unit in self.dead or (other and gap_s < self.needs_s.get(unit, 0.0)):
            return ()
        size = 2 * frame[5]
        answer = frame_of(unit, bytes((frame[1], size)) + bytes(size))
        took_s = (len(frame) + len(answer)) * CHAR_S + 0.01
        self._free_s = sent_s + took_s
        return [(took_s, answer[:-1] + b"\x00\x00" if unit in self.garbled else answer)]

    async def poll(self, owner, unit, pdu, klass, every_s):
        for turn in itertools.count(1):
            began_s = asyncio.get_running_loop().time()
            with suppress(DeviceError):
                await owner.transact(unit, pdu, klass)
                self.seen.setdefault(unit, []).append(asyncio.get_running_loop().time())
            await asyncio.sleep(max(0.01, began_s + every_s - asyncio.get_running_loop().time()))
            assert turn < 10_000


async def begun():
    """A site, its port, and the owner of its line, started."""
    site, ports = Site(), []

    def made(*args):
        ports.append(MemoryPort(*args))
        return ports[-1]
    owner = LineOwner(RtuMaster(parse_url("rtu:/dev/x?baud=19200"), made))
    await owner.start()
    ports[0].script = site.answer
    return site, ports[0], owner


@pytest.fixture
def site_of(virtually):
    """Let a site run for `seconds`; its figures, then those of the line."""
    def run(prepare, seconds=60):
        async def play():
            site, _, owner = await begun()
            prepare(site)
            polls = [site.poll(owner, unit, POLL, BusClass.BOARD, 1.0) for unit in BOARDS]
            polls += [site.poll(owner, unit, FAST, BusClass.METER_FAST, 1.5) for unit in METERS]
            tasks = [asyncio.create_task(poll) for poll in polls]
            await asyncio.sleep(seconds)
            for task in tasks:
                task.cancel()
            figures = owner.figures()
            await owner.close()
            return site, {unit.unit: unit for unit in figures.units}
        return virtually(play())
    return run


def worst_s(site, units):
    """The longest that any of them was not heard of, once all is learned."""
    return max(later - earlier for unit in units
               for earlier, later in itertools.pairwise(at for at in site.seen[unit] if at > 1010))


def test_the_good_ones_keep_their_period_beside_dead_ones(site_of):
    good = {"boards": BOARDS, "meters": range(1, 6)}
    healthy, _ = site_of(lambda _: None)
    for trouble in ("dead", "garbled"):
        site, figures = site_of(lambda site, trouble=trouble: getattr(site, trouble).update((6, 7, 8)))
        for name, units in good.items():
            assert worst_s(site, units) <= worst_s(healthy, units) + 0.55, (trouble, name)
        for unit in (6, 7, 8):
            assert figures[unit].answers == 0 and figures[unit].silent > 3
            probes = [at for at in site.asked[unit] if at > 1018]
            apart = [later - earlier for earlier, later in itertools.pairwise(probes)]
            assert min(apart) >= 4.0 and max(apart) <= 10.0, "one in some four turns, and for ever"


def test_several_dead_units_are_not_probed_in_one_turn(virtually):
    async def play():
        site, _, owner = await begun()
        site.dead.update((1, 2, 3))
        for _ in range(600):
            for unit in (1, 2, 3):
                with suppress(DeviceError):
                    await owner.transact(unit, FAST, BusClass.METER_FAST)
            await asyncio.sleep(0.1)
        await owner.close()
        return site.asked
    asked = virtually(play())
    probes = sorted(at for unit in (1, 2, 3) for at in asked[unit] if at > 1010)
    assert min(later - earlier for earlier, later in itertools.pairwise(probes)) >= 1.0
    assert all(len(asked[unit]) > 8 for unit in (1, 2, 3)), "each has its turn"


def test_a_dead_board_is_asked_always_and_costs_its_timeout(site_of):
    healthy, _ = site_of(lambda _: None)
    site, figures = site_of(lambda site: site.dead.update((11, 12)))
    assert len(site.asked[11]) > 40 and figures[11].resting_s is not None
    assert worst_s(site, range(13, 19)) <= worst_s(healthy, range(13, 19)) + 1.0


def test_a_unit_that_needs_a_gap_is_heard_and_the_others_wait_for_no_more_than_that(site_of):
    site, figures = site_of(lambda site: site.needs_s.update({3: 0.04}), seconds=120)
    late = [at for at in site.seen[3] if at > 1030]
    assert len(late) > 50, "in 90 s, every 1.5 s"
    assert 40 <= figures[3].gap_ms <= 80 and figures[3].timeouts < 15
    assert all(figures[unit].gap_ms == 0 for unit in (1, 2, 4, 11, 12))


def test_all_are_asked_anew_when_the_line_comes_back(virtually):
    async def play():
        site, port, owner = await begun()
        site.dead.add(1)
        for _ in range(12):
            with suppress(DeviceError):
                await owner.transact(1, FAST, BusClass.METER_FAST)
            await asyncio.sleep(1)
        while not (owner.figures().units[0].resting_s or 0) > 4.5:
            with suppress(DeviceError):
                await owner.transact(1, FAST, BusClass.METER_FAST)
            await asyncio.sleep(0.1)
        port.lose()
        await asyncio.sleep(0.5)
        with pytest.raises(LineDown):
            await owner.transact(1, FAST, BusClass.METER_FAST)
        site.dead.clear()
        port.there = True
        back_s = asyncio.get_running_loop().time()
        while True:
            with suppress(LineDown):
                await owner.transact(1, FAST, BusClass.METER_FAST)
                break
            await asyncio.sleep(0.01)
        took_s = asyncio.get_running_loop().time() - back_s
        await owner.close()
        return took_s
    assert virtually(play()) <= 2.1
