"""How long a line takes for its meters, and how long it keeps an urgent request waiting. In virtual
time: no machine counts, only what master, owner and planner make of the wire.
"""

import asyncio

from soaked_line import WirePort
from virtual_time import now_ns, virtual

from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.bus.rtu import RtuMaster
from edge.bus.url import parse_url
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.wire import Wire

UNITS = tuple(range(1, 9))
TURNAROUND_S = 0.010
VALUES = (*(f"{name}_l{phase}" for name in ("voltage", "current", "power") for phase in (1, 2, 3)),
          "energy_import", "energy_export")
LIMITS_S = {9600: 0.860, 19200: 0.510, 38400: 0.362}  # 8 x two blocks, of 18 and 4 registers


def exchange_s(wire, count):
    return (13 + 2 * count) * wire.char_s + 2 * wire.silence_s + TURNAROUND_S


async def line(baud):
    wire, url = Wire(baud=baud, bits_per_char=10), parse_url(f"rtu:/dev/wire?baud={baud}&parity=N")
    bus = LineOwner(RtuMaster(url, lambda _, on_data, on_lost: WirePort(wire, on_data, on_lost)))
    await bus.start()
    for unit in UNITS:
        wire.attach(VirtualMeter(unit, turnaround_s=TURNAROUND_S))
    return wire, bus, [Meter(bus, unit, load("eastron-sdm630"), str(unit), now_ns, line=url)
                       for unit in UNITS]


async def turn(meters):
    for meter in meters:
        await meter.read_values(VALUES, BusClass.METER_FAST)


@virtual
async def test_a_cycle_of_eight_meters_takes_what_the_wire_takes():
    loop = asyncio.get_running_loop()
    for baud, limit_s in LIMITS_S.items():
        wire, bus, meters = await line(baud)
        await turn(meters)
        start_s = loop.time()
        await turn(meters)
        taken_s = loop.time() - start_s
        assert abs(8 * (exchange_s(wire, 18) + exchange_s(wire, 4)) - limit_s) < 0.001
        assert taken_s < 1.005 * limit_s, f"{baud}: {taken_s:.3f} s, limit {limit_s} s"
        await bus.close()


@virtual
async def test_an_urgent_request_on_a_full_line_waits_for_one_exchange_at_the_most():
    loop = asyncio.get_running_loop()
    wire, bus, meters = await line(9600)

    async def for_ever(meter):
        while True:
            await meter.read_values(VALUES, BusClass.METER_FAST)
    reading = [asyncio.create_task(for_ever(meter)) for meter in meters]
    await asyncio.sleep(1)
    for n in range(40):
        await asyncio.sleep(0.0173 * (1 + n % 7))
        asked_s = loop.time()
        await bus.transact(3, read_input(0, 2), BusClass.REVOKE)
        waited_s = loop.time() - asked_s - exchange_s(wire, 2)
        assert waited_s <= exchange_s(wire, 18) + 0.001
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await bus.close()
