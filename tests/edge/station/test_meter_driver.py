"""When meters are read: in virtual time, on a line that carries one request at a time."""

import asyncio

from virtual_time import now_ns, virtual

from edge.controller.events import MeterLost, ReadingTaken
from edge.controller.reading import Quality, Reading, ReadingContext
from edge.controller.trouble import DeviceTimeout
from edge.station.meter_driver import MeterDriver, shares

BEGIN, END = ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END


class OneAtATime:
    """A line: first come, first served."""

    def __init__(self):
        self.free = asyncio.Lock()

    async def carry(self, seconds):
        async with self.free:
            await asyncio.sleep(seconds)


class LineMeter:
    """A meter on it. `dead`: each question costs a timeout."""

    def __init__(self, line, turn_s=0.05):
        self.line, self.turn_s = line, turn_s
        self.dead = False
        self.wh = 1000
        self.suspect = 0  # so many registers are refused by the acceptor
        self.began_ns = []
        self.under_way = self.most = 0
        self.demanded = 0

    async def read(self, context=ReadingContext.SAMPLE_PERIODIC):
        self.began_ns.append(now_ns())
        return await self._read(context)

    async def read_energy(self, context):
        self.demanded += 1
        return await self._read(context)

    async def _read(self, context):
        asked_ns = now_ns()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.line.carry(0.3 if self.dead else self.turn_s)
        self.under_way -= 1
        if self.dead:
            raise DeviceTimeout("no answer", where="x", got="nothing", expected="one")
        self.suspect -= 1
        return Reading(meter_id="m", mono_ns=asked_ns, context=context, energy_import_wh=self.wh,
                       quality=Quality.SUSPECT if self.suspect >= 0 else Quality.GOOD)

    def resume(self, energy_wh, since_ns=None):
        pass


class Bench:
    """Drivers, and what they handed in."""

    def __init__(self, *meters, **options):
        self.events, self.tasks = [], []
        self.meters = meters
        self.drivers = [MeterDriver(
            str(n), meter, hand_in=self.events.append, clock_ns=now_ns, phase_s=share,
            spawn=lambda coroutine: self.tasks.append(asyncio.create_task(coroutine)), **options)
            for n, (meter, share) in enumerate(zip(meters, shares(["a"] * len(meters)), strict=True))]

    async def run(self, seconds):
        turns = [asyncio.create_task(driver.run()) for driver in self.drivers]
        await asyncio.sleep(seconds)
        for turn in turns:
            turn.cancel()

    def readings(self, context=None):
        return [event.reading for event in self.events if isinstance(event, ReadingTaken)
                and context in (None, event.reading.context)]


def gaps_s(meter):
    return [(after - before) / 1e9
            for before, after in zip(meter.began_ns, meter.began_ns[1:], strict=False)]


def test_the_meters_of_each_line_are_spread_over_the_period():
    assert shares(["a", "b", "a", "a", "a"]) == (0.0, 0.0, 0.25, 0.5, 0.75)
    assert shares([]) == ()


@virtual
async def test_a_meters_period_holds_while_others_are_dead():
    line = OneAtATime()
    meters = [LineMeter(line) for _ in range(4)]
    meters[1].dead = True
    await Bench(*meters).run(60)
    for meter in (meters[0], meters[2], meters[3]):
        assert len(meter.began_ns) in (60, 61)
        assert all(abs(gap - 1.0) < 0.01 for gap in gaps_s(meter))


@virtual
async def test_an_overloaded_line_makes_all_meters_slower_by_the_same_and_queues_none_twice():
    line = OneAtATime()
    meters = [LineMeter(line, turn_s=0.3) for _ in range(8)]  # 2.4 s of work a second
    await Bench(*meters).run(120)
    turns = [len(meter.began_ns) for meter in meters]
    assert max(turns) - min(turns) <= 1
    assert min(turns) >= 120 / 2.4 - 1
    assert all(meter.most == 1 for meter in meters)
    assert all(2.3 < gap < 2.5 for meter in meters for gap in gaps_s(meter)[3:])


@virtual
async def test_a_site_may_ask_for_another_period():
    meter = LineMeter(OneAtATime())
    await Bench(meter, period_s=0.25).run(10)
    assert len(meter.began_ns) == 40


@virtual
async def test_a_demanded_register_is_tried_for_until_it_is_had_within_its_bound():
    for context, bound_s, most in ((BEGIN, 2.0, 5), (END, 30.0, 20)):
        meter = LineMeter(OneAtATime())
        meter.dead = True
        bench = Bench(meter)
        began_ns = now_ns()
        bench.drivers[0].read_now(context)
        await bench.tasks[0]
        assert abs((now_ns() - began_ns) / 1e9 - bound_s) < 0.01
        assert bench.readings() == []
        assert 3 <= meter.demanded <= most  # and it does not fill the line

        meter.demanded, meter.dead = 0, True
        asyncio.get_running_loop().call_later(1.0, setattr, meter, "dead", False)
        bench.drivers[0].read_now(context)
        await bench.tasks[1]
        (reading,) = bench.readings()
        assert (reading.context, reading.quality) == (context, Quality.GOOD)
        assert reading.mono_ns > began_ns + bound_s * 1e9


@virtual
async def test_a_register_that_is_not_believed_is_asked_for_again():
    meter = LineMeter(OneAtATime())
    bench = Bench(meter)
    meter.suspect = 2
    bench.drivers[0].read_now(BEGIN)
    await bench.tasks[0]
    assert [r.quality for r in bench.readings(BEGIN)] == [*[Quality.SUSPECT] * 2, Quality.GOOD]
    meter.wh = None
    bench.drivers[0].read_now(BEGIN)
    await bench.tasks[1]
    assert len(bench.readings(BEGIN)) > 5


@virtual
async def test_what_is_asked_for_twice_is_under_way_once_and_begin_and_end_do_not_wait_for_each_other():
    meter = LineMeter(OneAtATime())
    meter.dead = True
    bench = Bench(meter)
    for _ in range(5):
        bench.drivers[0].read_now(BEGIN)
        bench.drivers[0].read_now(END)
        await asyncio.sleep(0.1)
    assert len(bench.tasks) == 2
    meter.dead = False
    await asyncio.gather(*bench.tasks)
    assert {r.context for r in bench.readings()} == {BEGIN, END}
    bench.drivers[0].read_now(BEGIN)
    assert len(bench.tasks) == 3
    await bench.tasks[2]


@virtual
async def test_a_meter_that_is_silent_for_long_is_told_once_until_it_answers():
    meter = LineMeter(OneAtATime())
    meter.dead = True
    bench = Bench(meter)
    await bench.run(25)
    assert [type(event) for event in bench.events] == [MeterLost]
    meter.dead = False
    await bench.run(2)
    assert bench.readings()
