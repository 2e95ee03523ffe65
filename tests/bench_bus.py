"""Rows of a line of meters for `make bench`, a JSON object each: run by `hil_tests/bench/programs.py`.

It stands here because it looks into the bus, the meters and the bench at once. Asserts nothing.

The line: 8 SDM630 that take 10 ms to answer, 8N1. A cycle is one reading of all of them: V, I and P of
three phases, imported and exported energy.
"""

import asyncio
import random
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from statistics import median

from edge.bus.exact_loop import exact_loop
from edge.bus.open import open_bus
from edge.bus.pdu import write_registers
from edge.bus.port import BusClass
from edge.bus.url import parse_url
from edge.controller.trouble import DeviceError
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from hil_tests.bench.line_thread import LineThread
from hil_tests.bench.other_masters import WAYS, Way, cycle_s, silence_s
from hil_tests.bench.programs import tell
from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.line import Line, Slave, crc
from hil_tests.virtual.meter import VirtualMeter

COMMAND = "python -m hil_tests.bench --only bus"
UNITS = tuple(range(1, 9))
BOARD = 20
TURNAROUND_S = 0.010
MODEL = "eastron-sdm630"
BLOCKS = ((0x00, 18), (0x48, 4))  # what the planner makes of it on such a line
VALUES = (*(f"{name}_l{phase}" for name in ("voltage", "current", "power") for phase in (1, 2, 3)),
          "energy_import", "energy_export")


def measured(quick: bool) -> Iterator[Row]:
    for baud in (9600, 19200, 38400):
        turns = (3 if quick else 12) * baud // 9600
        with LineThread(baud, slaves) as line:
            ours_s, ours_us, passed = ours(line, turns)
            theirs_s, theirs_us = asyncio.run(pymodbus_turns(line, turns))
            yield from cycle_rows(baud, ours_s, passed, theirs_s)
            for way in WAYS if not quick else WAYS[:-1]:
                yield beside(baud, way, cycle_s(line.path, baud, UNITS, way), median(ours_s))
            yield Row(f"bus: CPU per request, {baud} baud", ours_us, "us", turns, COMMAND,
                      note=f"pymodbus: {theirs_us:.0f} us; registers to values in both")
            with asyncio.Runner(loop_factory=exact_loop) as runner:
                yield from runner.run(urgent(line, 40 if quick else 400))


def slaves() -> list[Slave]:
    return [*(VirtualMeter(unit, turnaround_s=TURNAROUND_S) for unit in UNITS), EchoBoard(BOARD)]


def limit_s(baud: int) -> float:
    """A cycle at its shortest: characters, two silences and one turnaround a request."""
    char_s = 10 / baud
    return len(UNITS) * sum((13 + 2 * count) * char_s + 2 * silence_s(baud) + TURNAROUND_S
                            for _, count in BLOCKS)


def cycle_rows(baud: int, ours_s: list[float], passed: str, theirs_s: list[float]) -> Iterator[Row]:
    limit = limit_s(baud)
    yield distribution(f"bus: cycle of 8 meters, {baud} baud", ours_s, "s", COMMAND,
                       note=f"limit {limit:.3f} s; {passed}")
    yield Row(f"bus: cycle / its limit, {baud} baud", median(ours_s) / limit, "ratio", len(ours_s),
              COMMAND, target=1.05)
    yield Row(f"bus: cycle / pymodbus with the same blocks and t3.5, {baud} baud",
              median(ours_s) / median(theirs_s), "ratio", len(theirs_s), COMMAND,
              note=f"pymodbus: {median(theirs_s):.3f} s")


def beside(baud: int, way: Way, theirs_s: float, ours_s: float) -> Row:
    return Row(f"bus: cycle / {way.name}, {baud} baud", ours_s / theirs_s, "ratio", 1, COMMAND,
               note=f"{theirs_s:.2f} s, {len(way.reads)} requests a meter: "
                    f"{theirs_s / ours_s:.1f} times ours")


def ours(line: LineThread, turns: int) -> tuple[list[float], float, str]:
    """Seconds of each cycle; CPU microseconds a request; what passed."""
    async def measure() -> tuple[list[float], float, str]:
        bus = open_bus(url := f"rtu:{line.path}?baud={line.baud}&parity=N")
        await bus.start()
        try:
            meters = [Meter(bus, unit, load(MODEL), str(unit), time.monotonic_ns,
                            line=parse_url(url)) for unit in UNITS]
            for _ in range(2):
                with suppress(DeviceError):
                    await turn(meters)  # the line learns its units' turnaround
            before, asked, taken = wire_s(line.line), bus.stats.requests, list[float]()
            cpu_ns = time.thread_time_ns()
            while len(taken) < turns:
                start_s = time.monotonic()
                with suppress(DeviceError):  # a machine that stalls; what it cost stays in the CPU time
                    await turn(meters)
                    taken.append(time.monotonic() - start_s)
            asked, cpu_ns = bus.stats.requests - asked, time.thread_time_ns() - cpu_ns
            passed_s = (wire_s(line.line) - before) / turns
            return taken, cpu_ns / 1e3 / asked, (
                f"{asked / turns / len(UNITS):g} requests a meter, {passed_s:.3f} s of wire")
        finally:
            await bus.close()
    with asyncio.Runner(loop_factory=exact_loop) as runner:  # the controller's
        return runner.run(measure())


async def turn(meters: list[Meter]) -> None:
    for meter in meters:
        await meter.read_values(VALUES, BusClass.METER_FAST)


def wire_s(line: Line) -> float:
    passed = line.traffic
    return ((passed.bytes_down + passed.bytes_up) * line.char_s
            + passed.requests * (2 * line.silence_s + TURNAROUND_S))


async def pymodbus_turns(line: LineThread, turns: int) -> tuple[list[float], float]:
    """The same with pymodbus's client: it keeps no silence between frames, so it is given one."""
    from pymodbus import FramerType
    from pymodbus.client import AsyncModbusSerialClient
    client = AsyncModbusSerialClient(str(line.path), framer=FramerType.RTU, baudrate=line.baud,
                                     parity="N", retries=0, timeout=1)
    if not await client.connect():
        raise RuntimeError(f"pymodbus: no connection to {line.path}")
    taken, start_ns = [], time.thread_time_ns()
    try:
        for _ in range(turns):
            start_s = time.monotonic()
            for unit in UNITS:
                for address, count in BLOCKS:
                    answer = await client.read_input_registers(address, count=count, device_id=unit)
                    for at in range(0, count, 2):
                        Decimal(client.convert_from_registers(
                            answer.registers[at:at + 2], client.DATATYPE.FLOAT32))
                    await asyncio.sleep(silence_s(line.baud))
            taken.append(time.monotonic() - start_s)
    finally:
        client.close()
    return taken, (time.thread_time_ns() - start_ns) / 1e3 / (turns * len(UNITS) * len(BLOCKS))


async def urgent(line: LineThread, count: int) -> list[Row]:
    """A revoke among eight meters that are read without a pause: until its first bit is on the wire."""
    bus = open_bus(url := f"rtu:{line.path}?baud={line.baud}&parity=N")
    await bus.start()
    meters = [Meter(bus, unit, load(MODEL), str(unit), time.monotonic_ns, line=parse_url(url))
              for unit in UNITS]
    reading = [asyncio.create_task(for_ever(meter)) for meter in meters]
    board = next(slave for slave in line.line._slaves.values() if isinstance(slave, EchoBoard))
    revoke, chance, waited = write_registers(1100, (3, 0, 0, 0)), random.Random(7), []
    try:
        await asyncio.sleep(1)
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.01, 0.06))
            asked_s = time.monotonic()
            with suppress(DeviceError):
                await bus.transact(BOARD, revoke, BusClass.REVOKE, timeout_s=0.3)
            waited.append((board.heard_s - (len(revoke) + 3) * line.line.char_s - asked_s) * 1e3)
    finally:
        for task in reading:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*reading)
        await bus.close()
    char_s, pause_s = line.line.char_s, silence_s(line.baud)
    longest_ms = ((13 + 2 * BLOCKS[0][1]) * char_s + 2 * pause_s + TURNAROUND_S) * 1e3
    return [distribution(f"bus: urgent request on a full line, {line.baud} baud", waited, "ms",
                              COMMAND, note=f"the longest exchange takes {longest_ms:.1f} ms")]


async def for_ever(meter: Meter) -> None:
    while True:
        with suppress(DeviceError):
            await meter.read_values(VALUES, BusClass.METER_FAST)


class EchoBoard:
    """Answers a write as a board does, and remembers when it heard it."""

    def __init__(self, unit: int) -> None:
        self.unit, self.turnaround_s, self.baud, self.heard_s = unit, 0.002, None, 0.0

    def answer(self, frame: bytes) -> bytes | None:
        """See `hil_tests.virtual.line.Slave`."""
        if frame[0] != self.unit or frame[1] != 16 or crc(frame[:-2]) != frame[-2:]:
            return None
        self.heard_s = time.monotonic()
        body = struct.pack(">B", self.unit) + frame[1:6]
        return body + crc(body)


if __name__ == "__main__":
    sys.exit(tell(sys.argv[1:], measured, __doc__))
