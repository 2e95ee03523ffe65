"""One meter on a line: its registers, read in as few requests as the wire likes, as a `Reading`.

In two tiers: currents and power at each turn; energy, voltages and frequency at every fourth or so.
What is slow is carried into the readings between, with the time it was asked for at.
"""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from edge.bus.port import Bus, BusClass
from edge.bus.url import LineUrl
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout
from edge.meter.acceptor import EnergyAcceptor, Verdict
from edge.meter.catalogue import FINEST_BILLED_WH, billing_step_wh
from edge.meter.compose import has_any, per_phase, power_w
from edge.meter.image import Image
from edge.meter.model import MeterModel, Register
from edge.meter.pace import factory_pace, pace_of
from edge.meter.plan import Block
from edge.meter.reader import RegisterReader
from edge.meter.tiers import Tiers, tiers_of

SLOW_S = 4.0
SLOW_LIVES = 2.5  # periods of the slow tier that its values are carried for, at the most
#: Voltages and frequency for less: a reading's slow values have one time, that of the oldest, and no
#: voltage that is gone shall make the register beside it too old to be billed by (`meter_lost_s`).
BESIDE_LIVES = 1.5
_DEAD_TURNS = 2  # in a row without any answer
_EARLY_S = 0.1  # a turn so shortly before the slow tier is due reads it
_AGAIN = 3  # turns that read energy at once after one that was refused
_ON_DEMAND_TIMEOUT_S = 0.4
_ON_DEMAND_TRIES = 2


class _Energy(NamedTuple):
    """Of the turn that asked for it at `mono_ns`."""

    mono_ns: int
    import_wh: int | None = None
    export_wh: int | None = None
    raw: str = ""
    scale: str = ""
    quality: Quality = Quality.GOOD


class _Voltage(NamedTuple):
    """Of the turn that asked for it at `mono_ns`."""

    mono_ns: int
    voltage_v: PerPhase = PerPhase()


class _Frequency(NamedTuple):
    """Of the turn that asked for it at `mono_ns`."""

    mono_ns: int
    frequency_hz: float | None = None


class Meter:
    """Reads one unit. `clock_ns` is the monotonic clock of the whole station."""

    def __init__(self, bus: Bus, unit: int, model: MeterModel, meter_id: str,
                 clock_ns: Callable[[], int], *, acceptor: EnergyAcceptor | None = None,
                 line: LineUrl | None = None, slow_s: float = SLOW_S, spread: float = 0.0,
                 billed: bool = False) -> None:
        """`line`: that the bus is on; without it: one that is set as the meter left its factory.
        `slow_s`: period of the slow tier; `spread`: of it, 0 to 1, this meter's is shifted, so that the
        meters of a line take turns with it. `billed`: a bill rests on it, so that a device that turns
        out to count too coarsely gives no reading at all.
        """
        self.meter_id, self.unit, self.model = meter_id, unit, model
        self._clock_ns = clock_ns
        self._slow_ns, self._spread_ns = round(slow_s * 1e9), round(spread % 1 * slow_s * 1e9)
        self._slow_due_ns: int | None = None
        self.tiers: Tiers = tiers_of(model)
        self._billing = model.register(self.tiers.billing)
        self._reader = RegisterReader(
            bus, unit, model, factory_pace(model.serial) if line is None else pace_of(line), clock_ns)
        self.acceptor = acceptor or EnergyAcceptor.of(model, self._billing)
        self._silent_turns = _DEAD_TURNS  # in a row, in which nothing was answered
        self._refusals = 0  # slow turns in a row whose energy was refused
        self.refused: str | None = None  # why the last energy value is suspect
        self._billed = billed
        self._coarse: BadAnswer | None = None  # why no bill may rest on it, as its device told last
        self._energy: _Energy | None = None
        self._voltage: _Voltage | None = None
        self._frequency: _Frequency | None = None
        self._rebased: Verdict | None = None  # until a reading has told it

    @property
    def errors(self) -> dict[str, str]:
        """Quantities that the device refused, and what it said; they are tried again in time."""
        return self._reader.missing(register.quantity for register in self.model.registers)

    async def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
                   klass: BusClass = BusClass.METER_FAST) -> Reading:
        """A turn: currents and power, and the slow tier when it is due.

        A slow value that was not answered is carried, or `None` once it is too old. Raises what
        `Bus.transact` raises where currents and power could not be had.
        """
        asked_ns = self._clock_ns()  # before the queue: nothing in the reading is older than its meter
        due = self._slow_due_ns is None or asked_ns >= self._slow_due_ns - _EARLY_S * 1e9
        names = (*self.tiers.fast, *(self.tiers.slow if due else ()))
        image = Image()
        whole = await self._fetch(self._fast_first(self._reader.blocks(names)), image, asked_ns, klass)
        if not any(image.holds(self.model.register(name)) for name in names):
            raise self._reader.refusal(names)
        if due and whole and not self._doubted():
            self._set_due(asked_ns)
        self._raise_if_coarse()
        self._take_rest(image, asked_ns)
        return self._reading(image, context, asked_ns)

    async def read_energy(self, context: ReadingContext) -> Reading:
        """The billing register alone, now: for the start and the end of a transaction.

        Asks even a unit that was given up or has refused the register, and once more if the first
        answer was none or bad (1.8 s at the most on an idle line). Raises what `Bus.transact` raises.
        """
        for _ in range(_ON_DEMAND_TRIES - 1):
            try:
                return await self._read_energy(context)
            except (DeviceTimeout, BadAnswer):
                pass  # the retry's own failure is the one that is told
        return await self._read_energy(context)

    async def _read_energy(self, context: ReadingContext) -> Reading:
        asked_ns, image = self._clock_ns(), Image()
        self._reader.ask_again((self.tiers.billing,))
        for block in self._reader.blocks(self.tiers.on_demand):
            await self._reader.fetch(block, image, BusClass.METER_FAST, _ON_DEMAND_TIMEOUT_S)
        if not image.holds(self._billing):
            raise self._reader.refusal(self.tiers.on_demand)
        self._take_energy(image, asked_ns)
        self._raise_if_coarse()
        self._take_rest(image, asked_ns)
        return self._reading(image, context, asked_ns, alone=True)

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """A register value that was believed before a restart, read at `since_ns` or later."""
        self.acceptor.resume(energy_wh, since_ns)

    async def read_values(self, quantities: Iterable[str] | None = None,
                          klass: BusClass = BusClass.BULK) -> dict[str, Decimal | None]:
        """Any quantities (all of the model's) in the unit of their register, exact.

        What the device refuses, or says is not available, is `None`; `errors` tells what it refused.
        Raises what `Bus.transact` raises, a refusal only if nothing could be had.
        """
        names = tuple(register.quantity for register in self._reader.registers(
            (register.quantity for register in self.model.registers)
            if quantities is None else quantities))
        image = Image()
        for block in self._reader.blocks(names):
            await self._reader.fetch(block, image, klass)
        found = {name: self.model.register(name) for name in names}
        if names and not any(image.holds(register) for register in found.values()):
            raise self._reader.refusal(names)
        return {name: image.value(register) for name, register in found.items()}

    async def _fetch(self, blocks: list[Block], image: Image, asked_ns: int, klass: BusClass) -> bool:
        """Whether all blocks were answered; what a fast one failed of is raised.

        Of a unit that answered lately all are asked for at once: on a full line they wait together
        then, and not one after the other. Of another: one by one, lest a dead one cost more than
        one timeout.
        """
        outcomes: list[DeviceError | None] = []
        if self._silent_turns < _DEAD_TURNS:
            outcomes += await asyncio.gather(
                *(self._fetch_one(block, image, asked_ns, klass) for block in blocks))
        else:
            for block in blocks:
                outcomes.append(await self._fetch_one(block, image, asked_ns, klass))
                if outcomes[-1] is not None and self._is_fast(block):
                    break
        answered = any(error is None or isinstance(error, DeviceRefused) for error in outcomes)
        self._silent_turns = 0 if answered else self._silent_turns + 1
        for error, block in zip(outcomes, blocks, strict=False):
            if error is not None and self._is_fast(block):
                raise error
        return not any(outcomes)

    async def _fetch_one(self, block: Block, image: Image, asked_ns: int,
                         klass: BusClass) -> DeviceError | None:
        """What it failed of, if that concerns this block alone."""
        try:
            await self._reader.fetch(
                block, image, klass if self._is_fast(block) else max(klass, BusClass.METER_SLOW))
        except (DeviceTimeout, BadAnswer, DeviceRefused) as error:
            return error
        self._take_energy(image, asked_ns)
        return None

    def _fast_first(self, blocks: Iterable[Block]) -> list[Block]:
        return sorted(blocks, key=lambda block: not self._is_fast(block))

    def _is_fast(self, block: Block) -> bool:
        return any(span in self.tiers.fast_spans for span in block.spans)

    def _doubted(self) -> bool:
        """Whether energy was refused that may be read anew at the next turn already: while it is
        suspect, so is the whole meter. What is refused for long is left to its own period.
        """
        self._refusals = 0 if self.refused is None else self._refusals + 1
        return 0 < self._refusals <= _AGAIN

    def _set_due(self, asked_ns: int) -> None:
        """By a grid of its own, so that a turn that is late delays none of the next."""
        if self._slow_due_ns is None:
            self._slow_due_ns = asked_ns + self._slow_ns - self._spread_ns
            return
        behind = max(0, asked_ns - self._slow_due_ns)
        self._slow_due_ns += (1 + behind // self._slow_ns) * self._slow_ns

    def _take_energy(self, image: Image, asked_ns: int) -> None:
        """Judged as soon as it is there, and once: the acceptor hears of each reading in the order
        in which the meter gave them.
        """
        register = self._billing
        if (register is None or not image.holds(register) or image.judged
                or not self._reader.proven(image)):
            return
        image.judged = True
        self._coarse = self._too_coarse(image, register)
        if self._coarse is not None:
            self._energy = None
            return
        read_wh = image.energy_wh(register)
        verdict = self.acceptor.judge(read_wh, asked_ns)
        self.refused = verdict.refused
        raw, scale = image.energy_raw(register)
        self._energy = _Energy(
            asked_ns, verdict.energy_wh if verdict.accepted else read_wh, None, raw, scale,
            Quality.GOOD if verdict.accepted else Quality.SUSPECT)
        if verdict.rebased_from_wh is not None:
            self._rebased = verdict

    def _too_coarse(self, image: Image, register: Register) -> BadAnswer | None:
        """Some devices choose the exponent, and so the step, themselves."""
        billing = self.model.billing
        if not self._billed or billing is None:
            return None
        step_wh = billing_step_wh(self.model, billing, image.exponent(register))
        return None if step_wh <= FINEST_BILLED_WH else BadAnswer(
            "billing register", where=self._reader.where, got=f"steps of {step_wh.normalize():f} Wh",
            expected=f"{FINEST_BILLED_WH} Wh or finer")

    def _raise_if_coarse(self) -> None:
        if self._coarse is not None:
            raise self._coarse.with_traceback(None)

    def _take_rest(self, image: Image, asked_ns: int) -> None:
        """At the end of a turn."""
        if image.judged and self._energy is not None and self._energy.mono_ns == asked_ns:
            self._energy = self._energy._replace(
                export_wh=image.energy_wh(self.model.register(self.tiers.export)))
        if has_any(self.model, image, "voltage"):
            self._voltage = _Voltage(asked_ns, per_phase(self.model, image, "voltage"))
        if image.holds(frequency := self.model.register("frequency")):
            self._frequency = _Frequency(asked_ns, image.number(frequency))

    def _reading(self, image: Image, context: ReadingContext, asked_ns: int, *,
                 alone: bool = False) -> Reading:
        """What was read now, and what is carried. `alone`: without what others read."""
        oldest_ns = asked_ns - round(SLOW_LIVES * self._slow_ns)
        beside_ns = asked_ns - round(BESIDE_LIVES * self._slow_ns)
        energy, voltage, frequency = self._energy, self._voltage, self._frequency
        if energy is None or energy.mono_ns < oldest_ns:
            energy = _Energy(asked_ns)
        if voltage is None or voltage.mono_ns < beside_ns or alone:
            voltage = _Voltage(asked_ns)
        if frequency is None or frequency.mono_ns < beside_ns or alone:
            frequency = _Frequency(asked_ns)
        slow_ns = min(energy.mono_ns, voltage.mono_ns, frequency.mono_ns)
        rebased = Verdict()
        if energy.quality is Quality.GOOD and energy.import_wh is not None:
            rebased, self._rebased = self._rebased or rebased, None
        return Reading(
            meter_id=self.meter_id, mono_ns=asked_ns, context=context, quality=energy.quality,
            energy_mono_ns=None if slow_ns >= asked_ns else slow_ns,
            energy_import_wh=energy.import_wh, energy_export_wh=energy.export_wh,
            energy_raw=energy.raw, energy_scale=energy.scale,
            rebased_from_wh=rebased.rebased_from_wh, rebased_why=rebased.rebased_why,
            power_w=power_w(self.model, image), current_a=per_phase(self.model, image, "current"),
            voltage_v=voltage.voltage_v, frequency_hz=frequency.frequency_hz)
