"""One meter on a line: its registers, read in as few requests as the wire likes, as a `Reading`."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from edge.bus.pdu import READ_HOLDING, read_holding, read_input, registers_of
from edge.bus.port import Bus, BusClass
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceTimeout
from edge.meter.acceptor import EnergyAcceptor
from edge.meter.decode import energy_wh, raw_hex, value_of, wh_per_count
from edge.meter.model import MeterModel
from edge.meter.plan import Block, merge_gap, plan

_TURNAROUND_S = 0.01  # until the line has learned better
_ON_DEMAND_TIMEOUT_S = 0.4
_ON_DEMAND_TRIES = 2

Words = dict[str, tuple[int, ...]]  # quantity -> its register words


class Meter:
    """Reads one unit. `clock_ns` is the monotonic clock of the whole station."""

    def __init__(self, bus: Bus, unit: int, model: MeterModel, meter_id: str,
                 clock_ns: Callable[[], int], *, acceptor: EnergyAcceptor | None = None) -> None:
        self.meter_id, self.unit, self.model = meter_id, unit, model
        self._bus, self._clock_ns = bus, clock_ns
        self._energy = model.register(model.billing.quantity if model.billing else "energy_import")
        self.acceptor = acceptor or EnergyAcceptor(
            model.max_power_w, refresh_s=model.refresh_s,
            step_wh=float(model.billing.resolution_wh) if model.billing else 10.0)
        self.refused: str | None = None  # why the last energy value is suspect
        serial = model.serial
        self._gap = merge_gap(serial.baud, 9 + (serial.parity != "N") + serial.stop, _TURNAROUND_S)
        energy = (self._energy.quantity,) if self._energy else ()
        voltages = (name for name in model.slow if name.startswith("voltage"))
        self._all = plan(model, (*model.fast, *voltages, *energy), self._gap)
        self._only_energy = plan(model, energy, self._gap)

    async def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
                   klass: BusClass = BusClass.METER_FAST) -> Reading:
        """Currents, voltages, power and the billing register. Raises what `Bus.transact` raises."""
        return await self._read(self._all, context, klass, None)

    async def read_energy(self, context: ReadingContext) -> Reading:
        """The billing register alone, now: for the start and the end of a transaction.

        Asks even a unit that was given up, and once more if the first answer was none or bad
        (1.8 s at the most on an idle line). Raises what `Bus.transact` raises.
        """
        for _ in range(_ON_DEMAND_TRIES - 1):
            try:
                return await self._read(self._only_energy, context, BusClass.METER_FAST,
                                        _ON_DEMAND_TIMEOUT_S)
            except (DeviceTimeout, BadAnswer):
                pass  # the retry's own failure is the one that is told
        return await self._read(self._only_energy, context, BusClass.METER_FAST, _ON_DEMAND_TIMEOUT_S)

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """A register value that was believed before a restart, read at `since_ns` or later."""
        self.acceptor.resume(energy_wh, since_ns)

    async def read_values(self, quantities: Iterable[str] | None = None,
                          klass: BusClass = BusClass.BULK) -> dict[str, Decimal | None]:
        """Any quantities (all of the model's) in the unit of their register, exact."""
        names = [register.quantity for register in self.model.registers]
        blocks = plan(self.model, names if quantities is None else quantities, self._gap)
        words = await self._words(blocks, klass, None)
        return {name: self._value(words, name) for name in names if name in words}

    async def _read(self, blocks: tuple[Block, ...], context: ReadingContext, klass: BusClass,
                    timeout_s: float | None) -> Reading:
        asked_ns = self._clock_ns()  # before the queue: nothing in the reading is older than its meter
        words = await self._words(blocks, klass, timeout_s)
        energy, count_wh, raw = None, "", ""
        if self._energy is not None:
            energy = energy_wh(self._energy, words[self._energy.quantity])
            raw = raw_hex(self._energy, words[self._energy.quantity])
            count_wh = format(wh_per_count(self._energy).normalize(), "f")
        self.refused = self.acceptor.refusal(energy, asked_ns)
        return Reading(
            meter_id=self.meter_id, mono_ns=asked_ns, context=context,
            quality=Quality.GOOD if self.refused is None else Quality.SUSPECT,
            energy_import_wh=energy, energy_raw=raw, energy_scale=count_wh,
            power_w=self._power_w(words), current_a=self._per_phase(words, "current"),
            voltage_v=self._per_phase(words, "voltage"))

    async def _words(self, blocks: tuple[Block, ...], klass: BusClass,
                     timeout_s: float | None) -> Words:
        words: Words = {}
        for block in blocks:
            build = read_holding if block.function == READ_HOLDING else read_input
            answer = await self._bus.transact(self.unit, build(block.address, block.count), klass,
                                              timeout_s=timeout_s)
            registers = registers_of(answer)
            for register in block.registers:
                first = register.address - block.address
                words[register.quantity] = registers[first:first + register.type.words]
        return words

    def _value(self, words: Words, quantity: str) -> Decimal | None:
        register = self.model.register(quantity)
        return value_of(register, words[quantity]) if register and quantity in words else None

    def _number(self, words: Words, quantity: str) -> float | None:
        value = self._value(words, quantity)
        return None if value is None else float(value)

    def _per_phase(self, words: Words, quantity: str) -> PerPhase:
        """A one-phase meter's only value is its L1."""
        first = self._number(words, f"{quantity}_l1" if self.model.phases > 1 else quantity)
        return PerPhase(L1=first, L2=self._number(words, f"{quantity}_l2"),
                        L3=self._number(words, f"{quantity}_l3"))

    def _power_w(self, words: Words) -> float | None:
        """Total active power, positive towards the car: one register, import less export, or a sum."""
        if "power" in words:
            return self._number(words, "power")
        if "import_power" in words:
            taken, given = self._number(words, "import_power"), self._number(words, "export_power")
            return None if taken is None or given is None else taken - given
        phases = [self._number(words, f"power_l{phase}") for phase in (1, 2, 3)]
        known = [power for power in phases if power is not None]
        return sum(known) if len(known) == len(phases) else None

