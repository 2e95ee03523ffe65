"""The owner against a scripted link, in virtual time."""

import asyncio
import itertools
from contextlib import suppress

import pytest

from edge.bus.job import Job
from edge.bus.link import WireCounts
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input, write_register
from edge.bus.port import BusClass
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown

FRAME_S = 0.05
ENERGY, POWER, REVOKE = read_input(0x48, 2), read_input(0x0C, 2), write_register(1000, 0)


class ScriptedLink:
    """A line of well-behaved units with `dead` ones among them; takes `FRAME_S` for an answer."""

    late_s = 1.0
    where = "scripted line"

    def __init__(self):
        self.counts, self.on_frame = WireCounts(), None
        self.on_lost = lambda: None
        self.is_open = False
        self.there = True
        self.opens = []
        self.sent = []
        self.dead, self.garbled, self.refusing = set(), set(), set()
        self.turnaround_s = 0.01
        self.busy = False

    async def open(self):
        self.opens.append(asyncio.get_running_loop().time())
        if not self.there:
            raise LineDown("port", where=self.where, got="no such file", expected="a port")
        self.is_open = True

    async def close(self):
        self.is_open = False

    async def exchange(self, unit, pdu, timeout_s):
        assert not self.busy, "two requests in flight"
        self.busy = True
        self.sent.append((round(asyncio.get_running_loop().time(), 3), unit, pdu))
        try:
            if unit in self.dead:
                await asyncio.sleep(timeout_s)
                raise DeviceTimeout("no answer", where=str(unit), got="nothing", expected="one")
            await asyncio.sleep(FRAME_S)
            if not self.is_open:
                raise LineDown("port", where=self.where, got="pulled out", expected="a port")
            if unit in self.garbled:
                raise BadAnswer("bad answer", where=str(unit), got="noise", expected="one")
            answer = bytes((pdu[0] | 0x80, 2)) if unit in self.refusing else pdu[:1] + bytes((unit,))
            return answer, self.turnaround_s
        finally:
            self.busy = False

    def unplug(self):
        self.is_open = self.there = False
        self.on_lost()


@pytest.fixture
def on_line(virtually):
    """Run `scenario(owner, link)` on a started owner, in virtual time."""
    def run(scenario):
        async def play():
            link = ScriptedLink()
            owner = LineOwner(link)
            await owner.start()
            try:
                return await scenario(owner, link)
            finally:
                await owner.close()
        return virtually(play())
    return run


def now_s():
    return asyncio.get_running_loop().time()


def test_requests_go_strictly_by_class_then_first_come(on_line):
    async def scenario(owner, link):
        asked = [(5, BusClass.BULK), (4, BusClass.METER_FAST), (6, BusClass.METER_FAST),
                 (3, BusClass.BOARD), (7, BusClass.METER_SLOW), (2, BusClass.GRANT),
                 (1, BusClass.REVOKE)]
        await asyncio.gather(*(owner.transact(unit, ENERGY, klass) for unit, klass in asked))
        return [unit for _, unit, _ in link.sent]
    assert on_line(scenario) == [1, 2, 3, 4, 6, 7, 5]


def test_a_revoke_waits_for_one_frame_at_most(on_line):
    async def scenario(owner, link):
        async with asyncio.TaskGroup() as tasks:
            for unit in range(2, 40):
                tasks.create_task(owner.transact(unit, ENERGY, BusClass.METER_FAST))
            await asyncio.sleep(3.5 * FRAME_S)
            asked_s = now_s()
            await owner.transact(1, REVOKE, BusClass.REVOKE)
            done_s = now_s()
        return done_s - asked_s, owner.stats.worst_wait_s[BusClass.REVOKE]
    took_s, waited_s = on_line(scenario)
    assert took_s <= 2 * FRAME_S + 1e-6
    assert waited_s <= FRAME_S + 1e-6


def test_boards_that_fill_a_line_do_not_starve_its_meters(on_line):
    """Found with cars at eight outlets: polls took 110 % of the line, and every meter fell silent."""
    async def scenario(owner, link):
        loop = asyncio.get_running_loop()
        stop, end_s = asyncio.Event(), loop.time() + 10

        async def board(unit):
            while not stop.is_set() and loop.time() < end_s:
                await owner.transact(unit, read_input(0, 1), BusClass.BOARD)

        boards = [asyncio.create_task(board(unit)) for unit in range(11, 19)]
        await asyncio.sleep(1)
        began = loop.time()
        await owner.transact(1, POWER, BusClass.METER_FAST)
        waited_s = loop.time() - began
        began = loop.time()
        await owner.transact(2, REVOKE, BusClass.REVOKE)
        revoke_s = loop.time() - began
        stop.set()
        await asyncio.gather(*boards)
        return waited_s, revoke_s

    waited_s, revoke_s = on_line(scenario)
    assert waited_s <= 0.3 + 9 * FRAME_S, "its age, then a turn of those who came before"
    assert revoke_s <= 2 * FRAME_S + 1e-6, "what takes power still waits for one frame at most"


def test_a_request_cancelled_in_the_queue_is_never_sent(on_line):
    async def scenario(owner, link):
        first = asyncio.create_task(owner.transact(1, ENERGY, BusClass.BOARD))
        second = asyncio.create_task(owner.transact(2, ENERGY, BusClass.BOARD))
        await asyncio.sleep(FRAME_S / 2)
        second.cancel()
        await first
        await owner.transact(3, ENERGY, BusClass.BOARD)
        return [unit for _, unit, _ in link.sent], owner.stats.skipped
    assert on_line(scenario) == ([1, 3], 1)


def test_cancelling_the_caller_never_cuts_a_frame_short(on_line):
    async def scenario(owner, link):
        caller = asyncio.create_task(owner.transact(1, POWER, BusClass.METER_FAST))
        await asyncio.sleep(FRAME_S / 2)
        caller.cancel()
        with suppress(asyncio.CancelledError):
            await caller
        answer = await owner.transact(2, ENERGY, BusClass.METER_FAST)
        (first_s, _, _), (second_s, _, _) = link.sent
        return answer, second_s - first_s
    answer, gap_s = on_line(scenario)
    assert answer == b"\x04\x02"
    assert gap_s >= FRAME_S - 1e-6


@pytest.mark.parametrize("trouble", ["dead", "garbled"])
def test_after_a_failure_the_same_shape_waits_until_no_late_answer_can_come(on_line, trouble):
    async def scenario(owner, link):
        getattr(link, trouble).add(1)
        with pytest.raises((DeviceTimeout, BadAnswer)):
            await owner.transact(1, POWER, BusClass.METER_FAST)
        failed_s = now_s()
        getattr(link, trouble).clear()
        async with asyncio.TaskGroup() as tasks:
            same = tasks.create_task(owner.transact(1, ENERGY, BusClass.METER_FAST))
            tasks.create_task(owner.transact(2, ENERGY, BusClass.METER_FAST))
            tasks.create_task(owner.transact(1, read_input(0x48, 4), BusClass.METER_FAST))
        assert same.result() == b"\x04\x01"
        return [(unit, pdu[4], round(at_s - failed_s, 2)) for at_s, unit, pdu in link.sent[1:]]
    sent = on_line(scenario)
    assert sent[:2] == [(2, 2, 0.0), (1, 4, 0.05)]  # others, and other shapes, do not wait
    assert sent[2][:2] == (1, 2) and sent[2][2] >= 1.0


def test_a_revoke_waits_for_a_ghost_no_longer_than_the_unit_ever_took(on_line):
    async def scenario(owner, link):
        await owner.transact(1, REVOKE, BusClass.REVOKE)
        link.dead.add(1)
        with pytest.raises(DeviceTimeout):
            await owner.transact(1, REVOKE, BusClass.REVOKE)
        link.dead.clear()
        failed_s = now_s()
        await owner.transact(1, REVOKE, BusClass.REVOKE)
        return now_s() - failed_s
    assert on_line(scenario) == pytest.approx(0.1 + FRAME_S, abs=0.01)


def test_the_timeout_is_learned_from_the_latency_and_bounded(on_line):
    async def scenario(owner, link):
        stats = owner.stats.unit(1)
        first_s = stats.timeout_s
        for _ in range(30):
            await owner.transact(1, ENERGY, BusClass.METER_FAST)
        quick_s = stats.timeout_s
        link.turnaround_s = 5.0
        for _ in range(30):
            await owner.transact(1, ENERGY, BusClass.METER_FAST)
        return first_s, quick_s, stats.timeout_s
    assert on_line(scenario) == (0.3, 0.1, 0.6)


def test_a_dead_unit_costs_little_and_is_still_probed(on_line):
    async def scenario(owner, link):
        link.dead.add(1)
        until_s = now_s() + 60
        while now_s() < until_s:
            with suppress(DeviceTimeout):
                await owner.transact(1, ENERGY, BusClass.METER_FAST)
            await owner.transact(2, ENERGY, BusClass.METER_FAST)
            await asyncio.sleep(0.5)
        probes = [at_s for at_s, unit, _ in link.sent if unit == 1]
        link.dead.clear()
        back_s = now_s()
        while True:
            with suppress(DeviceTimeout):
                await owner.transact(1, ENERGY, BusClass.METER_FAST)
                break
            await asyncio.sleep(0.5)
        return probes, now_s() - back_s
    probes, back_s = on_line(scenario)
    assert 8 <= len(probes) <= 20
    assert max(later - earlier for earlier, later in itertools.pairwise(probes)) <= 6.5
    assert back_s <= 6.5


@pytest.mark.parametrize(("klass", "timeout_s"), [(BusClass.REVOKE, None), (BusClass.BOARD, None),
                                                 (BusClass.METER_FAST, 0.2)])
def test_outlets_and_demanded_reads_ask_even_a_dead_unit(on_line, klass, timeout_s):
    async def scenario(owner, link):
        link.dead.add(1)
        for _ in range(3):
            with pytest.raises(DeviceTimeout):
                await owner.transact(1, ENERGY, BusClass.METER_FAST)
        asked = len(link.sent)
        with pytest.raises(DeviceTimeout):
            await owner.transact(1, POWER, BusClass.METER_FAST)
        assert len(link.sent) == asked
        with pytest.raises(DeviceTimeout):
            await owner.transact(1, POWER, klass, timeout_s=timeout_s)
        return len(link.sent) - asked
    assert on_line(scenario) == 1


def test_a_refusal_is_told_and_is_a_sign_of_life(on_line):
    async def scenario(owner, link):
        link.refusing.add(1)
        with pytest.raises(DeviceRefused, match="illegal data address"):
            await owner.transact(1, ENERGY, BusClass.METER_FAST)
        return owner.stats.refusals, owner.stats.unit(1).in_a_row
    assert on_line(scenario) == (1, 0)


def test_an_unplugged_line_refuses_at_once_and_comes_back_within_five_seconds(on_line):
    async def scenario(owner, link):
        tasks = [asyncio.create_task(owner.transact(unit, ENERGY, BusClass.BOARD))
                 for unit in (1, 2, 3)]
        await asyncio.sleep(FRAME_S / 2)
        link.unplug()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [LineDown] * 3
        asked_s = now_s()
        with pytest.raises(LineDown):
            await owner.transact(1, REVOKE, BusClass.REVOKE)
        assert now_s() == asked_s
        await asyncio.sleep(60)
        link.there = True
        await asyncio.sleep(5.01)
        answer = await owner.transact(1, ENERGY, BusClass.BOARD)
        return answer, link.opens
    answer, opens = on_line(scenario)
    assert answer == b"\x04\x01"
    assert max(b - a for a, b in itertools.pairwise(opens[1:])) <= 2.001


def test_a_line_that_is_not_there_at_the_start_is_waited_for(virtually):
    async def play():
        link = ScriptedLink()
        link.there = False
        owner = LineOwner(link)
        with pytest.raises(LineDown):
            await owner.transact(1, ENERGY, BusClass.BOARD)
        await owner.start()
        with pytest.raises(LineDown, match="no such file"):
            await owner.transact(1, ENERGY, BusClass.BOARD)
        link.there = True
        await asyncio.sleep(6)
        answer = await owner.transact(1, ENERGY, BusClass.BOARD)
        await owner.close()
        return answer
    assert virtually(play()) == b"\x04\x01"


def test_closing_ends_what_is_in_flight_and_leaves_nobody_waiting(virtually):
    async def play():
        owner = LineOwner(ScriptedLink())
        await owner.start()
        tasks = [asyncio.create_task(owner.transact(unit, ENERGY, BusClass.BOARD)) for unit in (1, 2)]
        await asyncio.sleep(FRAME_S / 2)
        await owner.close()
        return [type(outcome) for outcome in await asyncio.gather(*tasks, return_exceptions=True)]
    assert virtually(play()) == [bytes, LineDown]


def test_an_owner_that_fails_says_so_and_leaves_nobody_waiting(virtually):
    async def play():
        link, told = ScriptedLink(), []
        owner = LineOwner(link)
        owner.on_failed = told.append
        await owner.start()
        link.busy = True  # trips the link's own assertion
        with pytest.raises(LineDown):
            await owner.transact(1, ENERGY, BusClass.BOARD)
        with pytest.raises(LineDown):
            await owner.transact(1, ENERGY, BusClass.BOARD)
        assert not owner.pulse().alive
        assert [type(error) for error in told] == [AssertionError]
        with pytest.raises(AssertionError):
            await owner.close()
    virtually(play())


def test_an_owner_that_is_closed_has_not_failed(virtually):
    async def play():
        owner, told = LineOwner(ScriptedLink()), []
        owner.on_failed = told.append
        await owner.start()
        assert owner.pulse().alive
        await owner.close()
        return owner.pulse().alive, told
    assert virtually(play()) == (False, [])


def test_the_pulse_tells_a_line_that_hangs_from_one_that_rests_or_works(on_line):
    async def scenario(owner, link):
        assert owner.pulse() == (True, 0.0, None, 0), "nobody has asked for anything"
        await owner.transact(1, ENERGY, BusClass.BOARD)
        await asyncio.sleep(60)
        pulse = owner.pulse()
        assert pulse.stuck_s == 0.0 and round(pulse.frame_age_s) == 60
        link.dead.add(2)
        waiting = [asyncio.create_task(owner.transact(unit, ENERGY, BusClass.BOARD, timeout_s=1.0))
                   for unit in (2, 2, 2, 2, 2, 2)]
        for _ in range(10):  # a unit that is silent is no line that hangs
            await asyncio.sleep(0.5)
            assert owner.pulse().stuck_s <= 1.0 + link.late_s + 0.1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert owner.pulse().errors >= 2

        async def hangs(unit, pdu, timeout_s):
            await asyncio.Event().wait()
        link.exchange = hangs
        asked = asyncio.create_task(owner.transact(1, ENERGY, BusClass.BOARD))
        await asyncio.sleep(30)
        assert owner.pulse().alive and 25 < owner.pulse().stuck_s <= 30
        asked.cancel()
    on_line(scenario)


def test_what_cannot_be_matched_never_reaches_the_line(on_line):
    async def scenario(owner, link):
        with pytest.raises(ValueError):
            await owner.transact(1, b"\x2b\x0e\x01", BusClass.BULK)
        return link.sent
    assert on_line(scenario) == []


async def test_a_board_that_waits_behind_a_full_line_of_meters_comes_before_them_and_after_grants():
    pdu, done = ENERGY, asyncio.get_running_loop().create_future()
    jobs = {name: Job((klass, n), 1 + n, pdu, None, since_s, done) for n, (name, klass, since_s) in
            enumerate((("meter", BusClass.METER_FAST, 0.0), ("old", BusClass.BOARD, 0.5),
                       ("young", BusClass.BOARD, 1.5), ("grant", BusClass.GRANT, 1.5)))}
    for now_s, order in ((2.4, ["grant", "meter", "old", "young"]),
                         (2.6, ["grant", "old", "meter", "young"])):
        assert sorted(jobs, key=lambda name: jobs[name].rank(now_s)) == order
