"""What flows through a virtual meter, integrated, and every quantity that follows from it."""

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

Phases = tuple[float, float, float]
NONE: Phases = (0.0, 0.0, 0.0)


class Sample(NamedTuple):
    """What the registers show: latched at one instant. Energies per phase do not net other phases."""

    voltage_v: Phases
    current_a: Phases
    power_w: Phases
    import_wh: float
    export_wh: float
    reactive_var: Phases = NONE
    phase_import_wh: Phases = NONE
    phase_export_wh: Phases = NONE
    phase_import_varh: Phases = NONE


class MeterPhysics:
    """The load through one meter, integrated by its own monotonic clock. Negative power is export."""

    def __init__(self, *, import_wh: float = 0.0, export_wh: float = 0.0, refresh_s: float = 0.5,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._refresh_s = now, refresh_s
        self._voltage_v: Phases = (230.0, 230.0, 230.0)
        self._current_a, self._power_w, self._reactive_var = NONE, NONE, NONE
        self._import_wh, self._export_wh = import_wh, export_wh
        third, back = import_wh / 3, export_wh / 3
        self._phase_import_wh: Phases = (third, third, third)
        self._phase_export_wh: Phases = (back, back, back)
        self._phase_varh = NONE
        self._at_s = now()
        self._latch_due_s = self._at_s + refresh_s
        self._latched = self._present()

    def set_load(self, current_a: Phases, voltage_v: Phases = (230.0, 230.0, 230.0), *,
                 power_factor: float = 1.0) -> None:
        """From now on this flows, per phase L1..L3; a negative current flows back to the grid."""
        self._advance()
        self._current_a, self._voltage_v = current_a, voltage_v
        apparent = [amps * volts for amps, volts in zip(current_a, voltage_v, strict=True)]
        across = math.sqrt(max(0.0, 1 - power_factor ** 2))
        self._power_w = _phases(each * power_factor for each in apparent)
        self._reactive_var = _phases(each * across for each in apparent)

    def jump(self, by_wh: float) -> None:
        """The register is so much further (or back) all at once."""
        self._advance()
        self._import_wh += by_wh
        self._latched = self._present()

    def reset(self, import_wh: float = 0.0, export_wh: float = 0.0) -> None:
        """The registers begin anew at these values: reset to zero, or another meter in its place."""
        self._advance()
        self._import_wh, self._export_wh = import_wh, export_wh
        self._phase_import_wh = self._phase_export_wh = self._phase_varh = NONE
        self._latched = self._present()

    def sample(self) -> Sample:
        """What the registers show now."""
        self._advance()
        return self._latched

    def true_wh(self) -> float:
        """Imported energy up to this moment, unrounded."""
        self._advance()
        return self._import_wh

    def _advance(self) -> None:
        """Integrate to now, latching at the last refresh instant on the way."""
        now_s = self._now()
        if now_s >= self._latch_due_s:
            missed = math.floor((now_s - self._latch_due_s) / self._refresh_s)
            latch_s = self._latch_due_s + missed * self._refresh_s
            self._integrate(latch_s)
            self._latched = self._present()
            self._latch_due_s = latch_s + self._refresh_s
        self._integrate(now_s)

    def _integrate(self, to_s: float) -> None:
        hours = max(0.0, to_s - self._at_s) / 3600
        total_w = sum(self._power_w)
        if total_w >= 0:
            self._import_wh += total_w * hours
        else:
            self._export_wh -= total_w * hours
        self._phase_import_wh = _further(self._phase_import_wh, self._power_w, hours)
        self._phase_export_wh = _further(self._phase_export_wh, self._power_w, -hours)
        self._phase_varh = _further(self._phase_varh, self._reactive_var, hours)
        self._at_s = max(self._at_s, to_s)

    def _present(self) -> Sample:
        return Sample(self._voltage_v, self._current_a, self._power_w, self._import_wh, self._export_wh,
                      self._reactive_var, self._phase_import_wh, self._phase_export_wh,
                      self._phase_varh)


def quantities(sample: Sample, phases: int) -> dict[str, float]:
    """Every usual quantity in V, A, W, var, VA, 1, Hz, Wh and varh, by the names of the models.

    Totals are of the first `phases` phases; energies of all, whatever the meter has.
    """
    volts, amps, watts = sample.voltage_v, sample.current_a, sample.power_w
    apparent = [abs(volt * amp) for volt, amp in zip(volts, amps, strict=True)]
    reactive, total_w, total_va = sample.reactive_var, sum(watts[:phases]), sum(apparent[:phases])
    found = {
        "voltage": sum(volts[:phases]) / phases, "current": sum(amps[:phases]),
        "power": total_w, "frequency": 50.0,
        "apparent_power": total_va, "reactive_power": sum(reactive[:phases]),
        "power_factor": _factor(total_w, total_va),
        "import_power": max(0.0, total_w), "export_power": max(0.0, -total_w),
        "reactive_energy_import": sum(sample.phase_import_varh),
        "reactive_energy_total": sum(sample.phase_import_varh),
        "energy_import_fine": sample.import_wh, "energy_export_fine": sample.export_wh,
        **_energies("", sample.import_wh, sample.export_wh)}
    for at, volt in enumerate(volts):
        name = f"_l{at + 1}"
        found |= {
            f"voltage{name}": volt, f"current{name}": amps[at], f"power{name}": watts[at],
            f"apparent_power{name}": apparent[at], f"reactive_power{name}": reactive[at],
            f"power_factor{name}": _factor(watts[at], apparent[at]),
            f"reactive_energy_import{name}": sample.phase_import_varh[at],
            f"reactive_energy_total{name}": sample.phase_import_varh[at],
            **_energies(name, sample.phase_import_wh[at], sample.phase_export_wh[at])}
    return found


def _energies(name: str, import_wh: float, export_wh: float) -> dict[str, float]:
    return {f"energy_import{name}": import_wh, f"energy_export{name}": export_wh,
            f"energy_total{name}": import_wh + export_wh}


def _factor(watts: float, apparent: float) -> float:
    return watts / apparent if apparent else 1.0


def _phases(values: Iterable[float]) -> Phases:
    first, second, third = values
    return first, second, third


def _further(energy: Phases, power: Phases, hours: float) -> Phases:
    """Each phase's energy after `hours` of what is positive of its power (negative hours: negative)."""
    grown = [before + max(0.0, flow * hours) for before, flow in zip(energy, power, strict=True)]
    return grown[0], grown[1], grown[2]
