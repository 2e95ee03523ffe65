"""Whether values can be those of a mains meter: what tells a right model from a wrong one. Pure.

A wrong register map rarely gives numbers that fit each other: volts of a mains, hertz of a grid, a
power that is volts times amperes. Limits are wide: brown-outs and 480 V grids are meters' business.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from edge.meter.model import MeterModel

Values = Mapping[str, Decimal | None]
_PHASES = ("_l1", "_l2", "_l3")
_VOLTS, _HERTZ = (80, 530), (45, 66)
_MOST_A, _MOST_W, _MOST_KWH = 20_000, 20_000_000, 1_000_000_000
_STILL_V = 5  # a phase that is not connected
_TINY = Decimal("1e-12")  # integers that are read as floats
_LEAST_W = 30  # below this no product of two registers says anything


class Likeness(NamedTuple):
    """`points`: evidence for a model; `against`: values that no meter has, in words."""

    points: float
    against: tuple[str, ...]


#: What is asked of a meter to tell its model: few registers, each with something to say.
PROBES = ("voltage", *(f"voltage{p}" for p in _PHASES), "frequency", "power_factor", "power_factor_l1",
          "current", *(f"current{p}" for p in _PHASES), "power", *(f"power{p}" for p in _PHASES),
          "import_power", "energy_import", "energy_export", "energy_total")


def likeness(model: MeterModel, values: Values) -> Likeness:
    """How well `values` (those of `PROBES`, refused ones missing) fit a meter of this model."""
    points, against = 0.0, list(implausible(model, values))
    volts = _known(values, "voltage")
    live = [volt for volt in volts if volt > _STILL_V]
    points += 3.0 * bool(live) + 0.5 * len(live) - 1.5 * (len(volts) - len(live))
    hertz = values.get("frequency")
    if hertz is not None and hertz > 0:
        points += 3
    for name in ("power_factor", "power_factor_l1"):
        factor = values.get(name)
        points += 0.5 if factor is not None and 0 < abs(factor) <= 1 else 0
    points += _product(values)
    for name in ("energy_import", "energy_export"):
        energy = values.get(name)
        points += 0.0 if energy is None else 0.8 if energy else 0.5
    for register in model.registers:
        if register.quantity in PROBES and register.quantity not in values and not register.optional:
            points -= 2
    return Likeness(points, tuple(against))


def implausible(model: MeterModel, values: Values) -> list[str]:
    """Values that a meter on a mains never shows, in words; none: it may be this model."""
    found = []
    for name, value in values.items():
        register = model.register(name)
        limit = _limit(name)
        if value is None or register is None or limit is None:
            continue
        low, high, may_be_still = limit
        still = may_be_still and abs(value) <= _STILL_V  # a phase that is not connected
        if 0 < abs(value) < _TINY or not (still or low <= value <= high):
            unit = "" if register.unit == "1" else f" {register.unit}"
            found.append(f"{name} {float(value):.4g}{unit}")
    volts = _known(values, "voltage")
    if volts and all(volt == 0 for volt in volts):
        found.append("no voltage at any phase")
    return found


def _limit(name: str) -> tuple[float, float, bool] | None:
    """Least and most of a quantity, and whether about nothing is well too."""
    if name.startswith("voltage"):
        return (*_VOLTS, True)
    if name == "frequency":
        return (*_HERTZ, False)
    if name.startswith("power_factor"):
        return -1.01, 1.01, False
    if name.startswith("current"):
        return -_MOST_A, _MOST_A, False
    if name.startswith("energy"):
        return -_MOST_KWH, _MOST_KWH, False
    if "power" in name:
        return -_MOST_W, _MOST_W, False
    return None


def _product(values: Values) -> float:
    """Whether power is volts times amperes (times what its factor may be)."""
    volts, amps = _by_phase(values, "voltage"), _by_phase(values, "current")
    apparent = sum(abs(v * i) for v, i in zip(volts, amps, strict=False))
    watts = values.get("power")
    if watts is None:
        watts = sum(_by_phase(values, "power"), Decimal(0)) or values.get("import_power")
    if watts is None or apparent < _LEAST_W or abs(watts) < _LEAST_W:
        return 0.0
    return 3.0 if Decimal("0.1") * apparent <= abs(watts) <= Decimal("1.15") * apparent else -2.0


def _by_phase(values: Values, name: str) -> list[Decimal]:
    by_phase = [values.get(f"{name}{phase}") for phase in _PHASES]
    known = [value for value in by_phase if value is not None]
    alone = values.get(name)
    return known or ([alone] if alone is not None else [])


def _known(values: Values, name: str) -> list[Decimal]:
    return [value for key in (name, *(f"{name}{phase}" for phase in _PHASES))
            if (value := values.get(key)) is not None]
