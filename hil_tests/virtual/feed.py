"""The supply of the cabinet: what voltage each grid phase has, and what flows through each meter."""

from collections.abc import Mapping

from hil_tests.virtual.bay import Bay
from hil_tests.virtual.cabinet_config import PHASES, MeterSpec
from hil_tests.virtual.meter import Phases, VirtualMeter
from hil_tests.virtual.physics import voltage_v

_DEAD_V = 50.0  # nothing draws from less


class Feed:
    """The three phases of the grid; `step` tells every meter what flows through it."""

    def __init__(self, specs: tuple[MeterSpec, ...], meters: Mapping[str, VirtualMeter],
                 bays: Mapping[str, Bay]) -> None:
        self._specs, self._meters, self._bays = specs, meters, bays
        self.forced_v: dict[int, float] = {}  # voltage of a phase, whatever the load
        self.house_a: dict[str, Phases] = {s.id: (s.house_a, s.house_a, s.house_a) for s in specs}
        self._told: dict[str, object] = {}

    def force(self, phase: str, volts: float | None) -> None:
        """Voltage of "L1", "L2" or "L3"; None: as usual."""
        index = PHASES.index(phase)
        self.forced_v.pop(index, None)
        if volts is not None:
            self.forced_v[index] = volts

    def volts(self, grid: int, current_a: float) -> float:
        """Of a phase at a load."""
        return self.forced_v.get(grid, voltage_v(grid, current_a))

    def step(self, mains: bool) -> None:
        """Tell a meter what flows, if that changed."""
        for spec in self._specs:
            load = self._load(spec, mains)
            if load == self._told.get(spec.id):
                continue
            self._told[spec.id] = load
            amps, volts, powered = load
            self._meters[spec.id].powered = powered
            self._meters[spec.id].physics.set_load(amps, volts)

    def _load(self, spec: MeterSpec, mains: bool) -> tuple[Phases, Phases, bool]:
        house = self.house_a[spec.id] if mains else (0.0, 0.0, 0.0)
        amps, powered = list(house), mains
        for evse in spec.evses:
            bay = self._bays[evse]
            for own, grid in enumerate(bay.wiring.phases[:bay.car.phases]):
                if self.forced_v.get(grid, 230.0) >= _DEAD_V:
                    amps[grid if spec.by_grid_phase else own] += bay.car.current_a
            powered = powered and (spec.supply_side or bay.supplied)
        volts = [self._volts(spec, at, amps[at]) if mains else 0.0 for at in range(3)]
        return (amps[0], amps[1], amps[2]), (volts[0], volts[1], volts[2]), powered

    def _volts(self, spec: MeterSpec, at: int, current_a: float) -> float:
        """At the meter's phase `at`. An outlet's is behind the breaker, and lives without it."""
        if spec.by_grid_phase or not spec.evses:
            return self.volts(at, current_a)
        bay = self._bays[spec.evses[0]]
        if not bay.breaker:
            return 0.0
        phases = bay.wiring.phases
        # Usual voltages keep the meter's own order: they differ by a volt, as in every house.
        grid = phases[at] if at < len(phases) else at
        return self.forced_v.get(grid, voltage_v(at, current_a))
