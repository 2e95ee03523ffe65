"""A line of eight meters and eight boards that fail now and then, its drivers, and a judge of what they
hand in: on a wire in virtual time, or on a pty.
"""

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import NamedTuple

from edge.bus.open import open_bus
from edge.bus.owner import LineOwner
from edge.bus.rtu import RtuMaster
from edge.bus.url import LineUrl, parse_url
from edge.controller.events import Event, MeterLost, OutletSeen, ReadingTaken
from edge.controller.reading import Quality, Reading
from edge.controller.trouble import LineDown
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from edge.outlet.settings import BoardSettings
from edge.station.meter_driver import MeterDriver
from edge.station.outlet_driver import OutletDriver
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_physics import MeterPhysics, Phases
from hil_tests.virtual.spoil import crc
from hil_tests.virtual.wire import Slave, Wire

MODELS = ("eastron-sdm630", "eastron-sdm630", "abb-b23", "carlo-gavazzi-em340", "eastron-sdm120",
          "chint-dtsu666", "inepro-pro380", "eastron-sdm72dm-v2")
METERS = tuple(range(1, 9))
BOARDS = tuple(range(11, 19))
KINDS = ("silent", "late", "held", "swapped", "truncated", "noise_before", "noise_after", "bad_crc",
         "wrong_unit", "wrong_function", "wrong_count", "exception", "echo", "flipped")
GRANT_S, RENEW_S = 5.0, 1.0
_RECENT_S = 3.0  # a device that answers with its last answer tells the truth of then
_NEAR = 0.011  # of a value, or of its unit: steps of the coarsest register


class Load(NamedTuple):
    since_s: float
    current_a: Phases
    voltage_v: Phases


class MeterOnLine:
    """A meter with what was true of it, and when."""

    def __init__(self, unit: int, model: str, now_s: Callable[[], float]) -> None:
        self.meter = VirtualMeter(unit, model, turnaround_s=0.01, physics=MeterPhysics(
            import_wh=1_000_000.0 * unit, now=now_s))
        self.phases = 1 if load(model).phases == 1 else 3
        self.loads: list[Load] = []
        self.energies: list[tuple[float, float]] = []
        self.readings = 0
        self.well_s = now_s()
        self.worst_age_s = 0.0
        self.lost: list[float] = []

    def change(self, now_s: float, chance: random.Random) -> None:
        """To currents and voltages that no other meter has."""
        amps = [chance.uniform(6, 32) if n < self.phases else 0.0 for n in range(3)]
        volts = [chance.uniform(215, 245) for _ in range(3)]
        now = Load(now_s, (amps[0], amps[1], amps[2]), (volts[0], volts[1], volts[2]))
        self.loads = [*self.loads[-3:], now]
        self.meter.physics.set_load(now.current_a, now.voltage_v)
        if len(self.loads) == 1:
            self.meter.physics.jump(0)  # shown from the beginning

    def true_between(self, from_s: float, to_s: float) -> list[Load]:
        ends = [*(load.since_s for load in self.loads[1:]), float("inf")]
        return [load for load, end_s in zip(self.loads, ends, strict=True)
                if load.since_s <= to_s and end_s >= from_s]


class BoardOnWire:
    """A board with a car that charges. Its CP_HIGH_MV is the time it was read at."""

    def __init__(self, unit: int, now_s: Callable[[], float]) -> None:
        self.unit, self.turnaround_s, self.baud, self._now_s = unit, 0.004, None, now_s
        self.words = dict.fromkeys(range(r.BASE, r.SETTINGS + r.SETTINGS_COUNT), 0)
        self.words |= {r.BOOT_COUNT: 1, r.MAP_VERSION: r.MAP_VERSION_NOW, r.FIRMWARE: 200,
                       r.PERMIT_BITS: r.PILOT_C << 8 | r.PERMIT_ON | r.PERMIT_MIRROR_CLOSED}
        self.renewed_s: float | None = None
        self.worst_gap_s = self.worst_poll_s = 0.0
        self.polled_s: float | None = None

    def answer(self, frame: bytes) -> bytes | None:
        """See `hil_tests.virtual.wire.Slave`."""
        if len(frame) < 8 or frame[0] != self.unit or crc(frame[:-2]) != frame[-2:]:
            return None
        address, count = struct.unpack(">HH", frame[2:6])
        if frame[1] == 3 and len(frame) == 8:
            now_s = self._now_s()
            self.words[r.CP_HIGH_MV] = stamp(now_s)
            if self.polled_s is not None:
                self.worst_poll_s = max(self.worst_poll_s, now_s - self.polled_s)
            self.polled_s = now_s
            words = [self.words.get(at, 0) for at in range(address, address + count)]
            body = struct.pack(f">BBB{count}H", self.unit, 3, 2 * count, *words)
        elif frame[1] == 16 and len(frame) == 9 + 2 * count:
            for n in range(count):
                self.words[address + n] = int.from_bytes(frame[7 + 2 * n:9 + 2 * n], "big")
            if address == r.COMMAND and self.words[r.COMMAND] == r.COMMAND_RENEW:
                self._renewed()
            body = frame[:6]
        else:
            return None
        return body + crc(body)

    def _renewed(self) -> None:
        now_s = self._now_s()
        if self.renewed_s is not None:
            self.worst_gap_s = max(self.worst_gap_s, now_s - self.renewed_s)
        self.renewed_s = now_s


def stamp(now_s: float) -> int:
    """Milliseconds, as a register can show them."""
    return round(now_s * 1000) % 30_000


class Spoiled:
    """A slave of which every answer may be spoiled, in any way there is."""

    def __init__(self, slave: Slave, wire: Wire, share: float, chance: random.Random,
                 now_s: Callable[[], float]) -> None:
        self.unit, self.turnaround_s, self.baud = slave.unit, slave.turnaround_s, slave.baud
        self._slave, self._wire, self._share, self._chance = slave, wire, share, chance
        self._now_s, self._answered_s = now_s, -1e9
        self.dead = False
        self.spoiled: dict[str, int] = {}

    def answer(self, frame: bytes) -> bytes | None:
        """See `hil_tests.virtual.wire.Slave`."""
        said = None if self.dead else self._slave.answer(frame)
        if said is not None and self._chance.random() < self._share:
            kind = self._chance.choice(KINDS)
            if kind == "swapped" and self._now_s() - self._answered_s > _RECENT_S:
                kind = "silent"
            self.spoiled[kind] = self.spoiled.get(kind, 0) + 1
            noise = self._chance.randbytes(self._chance.randint(1, 12))
            if kind == "flipped":
                at = self._chance.randrange(len(said))
                flipped = said[at] ^ 1 << self._chance.randrange(8)
                return said[:at] + bytes((flipped,)) + said[at + 1:]
            code = self._chance.choice((b"\x04", b"\x06", b"\x0b"))
            self._wire.fault(kind, self.unit, delay_s=self._chance.uniform(0.01, 0.9), times=1,
                             data=code if kind == "exception" else noise)
        if said is not None:
            self._answered_s = self._now_s()
        return said


class Relay:
    """The Pi's."""

    def set(self, on: bool) -> None: ...

    def coil_on(self) -> bool:
        return True

    def mirror_closed(self) -> bool:
        return True


class SoakedLine:
    """Everything on one line, and what was seen of it. `problems`: must stay empty."""

    def __init__(self, wire: Wire, bus: LineOwner, line: LineUrl, *, share: float, seed: int,
                 now_s: Callable[[], float]) -> None:
        self.wire, self.bus, self._now_s = wire, bus, now_s
        self.chance = random.Random(seed)
        self.problems: list[str] = []
        self.meters = {unit: MeterOnLine(unit, model, now_s)
                       for unit, model in zip(METERS, MODELS, strict=True)}
        self.boards = {unit: BoardOnWire(unit, now_s) for unit in BOARDS}
        self.spoiled = {slave.unit: Spoiled(slave, wire, share, self.chance, now_s) for slave in (
            *(known.meter for known in self.meters.values()), *self.boards.values())}
        for slave in self.spoiled.values():
            wire.attach(slave)
        self.polls = 0
        self.port: WirePort | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._going = True
        self._line = line

    def start(self) -> None:
        """Drivers, as the station wires them."""
        for n, (unit, known) in enumerate(self.meters.items()):
            known.change(self._now_s(), self.chance)
            meter = Meter(self.bus, unit, load(MODELS[n]), str(unit), self._now_ns, line=self._line,
                          spread=n / len(METERS))
            driver = MeterDriver(str(unit), meter, hand_in=self._hear, clock_ns=self._now_ns,
                                 spawn=self._spawn, phase_s=n / len(METERS))
            self._spawn(driver.run())
        for unit in BOARDS:
            outlet = OutletDriver(str(unit), PilotBoard(self.bus, unit, self._now_ns), Relay(),
                                  settings=BoardSettings(), hand_in=self._hear, spawn=self._spawn,
                                  clock_ns=self._now_ns, utc_s=lambda: None)
            self._spawn(outlet.run())
            self._spawn(self._heartbeat(outlet))
        self._spawn(self._loads())

    async def stop(self) -> None:
        """Whatever a task died of is a problem."""
        self._going = False
        await asyncio.sleep(0.01)  # what was spawned last has begun
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """What was worst so far: a start is not the rule."""
        for known in self.meters.values():
            known.worst_age_s = 0.0
        for board in self.boards.values():
            board.worst_gap_s = board.worst_poll_s = 0.0
        self.bus.stats.worst_wait_s.clear()

    def kill(self, unit: int, dead: bool = True) -> None:
        """A device without power."""
        self.spoiled[unit].dead = dead

    async def _heartbeat(self, outlet: OutletDriver) -> None:
        """As the core renews a grant."""
        while self._going:
            outlet.renew(6.0, GRANT_S)
            await asyncio.sleep(RENEW_S)

    async def _loads(self) -> None:
        """A meter after the other changes its load; a judge looks at what is known of all."""
        while True:
            for known in self.meters.values():
                known.change(self._now_s(), self.chance)
                for _ in range(10):
                    await asyncio.sleep(0.25)
                    self._look()

    def _look(self) -> None:
        now_s = self._now_s()
        for known in self.meters.values():
            known.energies = [*known.energies[-100:], (now_s, known.meter.physics.true_wh())]
            age_s = now_s - known.well_s
            if not known.lost or known.lost[-1] < known.well_s:
                known.worst_age_s = max(known.worst_age_s, age_s)

    def _hear(self, event: Event) -> None:
        if isinstance(event, ReadingTaken):
            self._judge(self.meters[int(event.reading.meter_id)], event.reading)
        elif isinstance(event, MeterLost):
            self.meters[int(event.meter_id)].lost.append(self._now_s())
        elif isinstance(event, OutletSeen):
            self.polls += 1
            sent_ms, now_ms = round(event.board.mono_ns / 1e6), round(self._now_s() * 1000)
            late_ms = (stamp(self._now_s()) - event.board.cp_high_mv) % 30_000
            if late_ms > now_ms - sent_ms + 2:
                self.problems.append(f"board {event.evse_id}: status of {late_ms} ms ago, "
                                     f"asked {now_ms - sent_ms} ms ago")

    def _judge(self, known: MeterOnLine, reading: Reading) -> None:
        now_s, asked_s = self._now_s(), reading.mono_ns / 1e9
        known.well_s = asked_s
        known.readings += 1
        slow_s = reading.energy_ns / 1e9
        fast = known.true_between(asked_s - _RECENT_S, now_s)
        slow = known.true_between(slow_s - _RECENT_S, now_s)
        phases = known.phases
        amps = (reading.current_a.L1, reading.current_a.L2, reading.current_a.L3)[:phases]
        volts = (reading.voltage_v.L1, reading.voltage_v.L2, reading.voltage_v.L3)[:phases]
        self._same(known, "current", amps, [load.current_a[:phases] for load in fast])
        self._same(known, "voltage", volts, [load.voltage_v[:phases] for load in slow])
        self._same(known, "power", (reading.power_w,), [
            (sum(a * v for a, v in zip(load.current_a[:phases], load.voltage_v, strict=False)),)
            for load in fast])
        self._energy(known, reading, slow_s)

    def _energy(self, known: MeterOnLine, reading: Reading, asked_s: float) -> None:
        if reading.energy_import_wh is None:
            return
        most = known.meter.physics.true_wh()
        least = max((wh for at_s, wh in known.energies if at_s < asked_s - _RECENT_S), default=0.0)
        step = 101 if known.meter.model == "carlo-gavazzi-em340" else 11
        found = reading.energy_import_wh
        if reading.quality is not Quality.GOOD or not least - step <= found <= most + step:
            self.problems.append(f"meter {known.meter.unit}: {found} Wh ({reading.quality.value}), "
                                 f"true: {least:.0f} to {most:.0f}")

    def _same(self, known: MeterOnLine, what: str, found: tuple[float | None, ...],
              true: list[tuple[float, ...]]) -> None:
        """Each phase's own value of one moment; two loads may meet in one answer's registers."""
        for n, value in enumerate(found):
            if value is not None and not any(
                    abs(value - each[n]) <= max(_NEAR, _NEAR * abs(each[n])) for each in true):
                self.problems.append(f"meter {known.meter.unit}: {what} {n} {value}, true: "
                                     f"{[each[n] for each in true]}")

    def _spawn(self, work: Coroutine[None, None, None]) -> object:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.problems.append(f"a task died: {error!r}")

    def _now_ns(self) -> int:
        return round(self._now_s() * 1e9)


@contextlib.asynccontextmanager
async def on_wire(baud: int, *, share: float, seed: int = 1,
                  url: str = "rtu:/dev/wire") -> AsyncIterator[SoakedLine]:
    """Begun, on a wire in memory; the loop's clock is everybody's."""
    wire, ports = Wire(baud=baud, bits_per_char=10), list[WirePort]()
    line_url = parse_url(f"{url}?baud={baud}&parity=N")

    def made(_: LineUrl, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> WirePort:
        ports.append(WirePort(wire, on_data, on_lost))
        return ports[-1]

    bus = LineOwner(RtuMaster(line_url, made))
    await bus.start()
    line = SoakedLine(wire, bus, line_url, share=share, seed=seed,
                      now_s=asyncio.get_running_loop().time)
    line.port = ports[0]
    line.start()
    try:
        yield line
    finally:
        await line.stop()
        await bus.close()


@contextlib.asynccontextmanager
async def on_pty(path: Path, baud: int, *, share: float, seed: int = 1) -> AsyncIterator[SoakedLine]:
    """Begun, on a pty behind `path`, in real time."""
    wire = Line(path, baud=baud, bits_per_char=10)
    await wire.start()
    url = f"rtu:{path}?baud={baud}&parity=N"
    bus = open_bus(url)
    await bus.start()
    line = SoakedLine(wire, bus, parse_url(url), share=share, seed=seed,
                      now_s=asyncio.get_running_loop().time)
    line.start()
    try:
        yield line
    finally:
        await line.stop()
        await bus.close()
        await wire.stop()


class WirePort:
    """A `RawPort` on a wire in memory."""

    def __init__(self, wire: Wire, on_data: Callable[[bytes], None],
                 on_lost: Callable[[], None]) -> None:
        self.lost: str | None = "not open"
        self.gone = False  # the adapter is pulled out, the gateway restarts
        self._wire, self._on_data, self._on_lost = wire, on_data, on_lost
        self._send: Callable[[bytes], None] = lambda _: None

    async def open(self) -> None:
        """See `edge.bus.link.RawPort`."""
        if self.gone:
            raise LineDown("port", where="wire", got="no such file", expected="an open port")
        self._send = self._wire.connect(self._on_data)
        self.lost = None

    def vanish(self) -> None:
        """Until `gone` is False again."""
        self.gone, self.lost = True, "pulled"
        self._wire.disconnect(self._on_data)
        self._on_lost()

    def pump(self) -> None: ...

    def write(self, data: bytes) -> None:
        """See `edge.bus.link.RawPort`."""
        if self.lost is not None:
            raise LineDown("port", where="wire", got=self.lost, expected="an open port")
        self._send(data)

    def close(self) -> None:
        """See `edge.bus.link.RawPort`."""
        self._wire.disconnect(self._on_data)
        self.lost = self.lost or "closed"
