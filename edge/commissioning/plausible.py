"""Values that no meter on a mains shows, in words: a wrong register map gives such. Pure.

How well values fit a model is told by `edge.meter.likeness`. Limits here are wide, since what is said
is said to a technician: brown-outs and 480 V grids are meters' business.
"""

from collections.abc import Mapping
from decimal import Decimal

from edge.meter.model import MeterModel

Values = Mapping[str, Decimal | None]
_PHASES = ("_l1", "_l2", "_l3")
_VOLTS, _HERTZ = (80, 530), (45, 66)
_MOST_A, _MOST_W, _MOST_KWH = 20_000, 20_000_000, 1_000_000_000
_STILL_V = 5  # a phase that is not connected
_TINY = Decimal("1e-12")  # integers that are read as floats


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


def _known(values: Values, name: str) -> list[Decimal]:
    return [value for key in (name, *(f"{name}{phase}" for phase in _PHASES))
            if (value := values.get(key)) is not None]
