"""How likely it is that what was read under a model came from that model. Pure.

A register read under the wrong model gives a number all the same. A meter on a live line betrays the
wrong one: volts, hertz, amperes and watts must fit what a line can be, and each other.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from edge.meter.model import MeterModel

_FULL = 10.0  # three live voltages, a frequency, a power that fits V x I, a current, an energy
_VOLTAGE, _FREQUENCY, _POWER, _POWER_ALONE, _CURRENT, _ENERGY = 1.0, 3.0, 2.0, 1.0, 1.0, 1.0
_CONTRADICTED = 0.2  # what is left of it for each value that no line can have
_DEAD_PHASE = 0.9
_LIVE_V, _DEAD_V = (80.0, 300.0), 5.0
_HZ = (45.0, 65.0)
_SLACK_W = 30.0  # what noise and rounding of V, I and P come to without a load
_MOST_ENERGY_KWH = 1e8  # more than any register of a site has seen

Values = Mapping[str, Decimal | None]


def probe_quantities(model: MeterModel) -> tuple[str, ...]:
    """The few registers that tell it from others: voltages, currents, power, frequency, import."""
    wanted = [*model.slow, *model.fast, model.billing.quantity if model.billing else "energy_import",
              "energy_import", "energy_total"]
    picked = dict.fromkeys(name for name in wanted
                           if name != "energy_export" and model.register(name) is not None)
    energies = [name for name in picked if name.startswith("energy")]
    # Some variants lack an optional one, and are told by the next.
    sure = next((n for n, name in enumerate(energies) if not _optional(model, name)), 0)
    return tuple(name for name in picked if name not in energies[sure + 1:])


def likeness(model: MeterModel, values: Values) -> float:
    """0 (it is not) to 1 (all a three-phase meter can show fits); values in the registers' units.

    Meant for comparing models on one device: one phase reaches 0.8, and a meter of totals alone 0.2.
    A quantity that is missing or `None` counts as absent.
    """
    probed = probe_quantities(model)
    required = [name for name in probed if not _optional(model, name)]
    known = {name: float(value) for name, value in values.items() if value is not None}
    if not any(name in known for name in probed):
        return 0.0
    present = sum(name in known for name in required) / len(required) if required else 1.0
    score, kept = 0.0, 0.5 + 0.5 * present
    for points, fits in _evidence(model, known):
        score += points
        kept *= fits
    return min(1.0, score / _FULL) * kept


def _evidence(model: MeterModel, known: Mapping[str, float]) -> Iterator[tuple[float, float]]:
    """(points for the model, factor against it) of each value."""
    volts = [known[name] for name in _phases(model, "voltage") if name in known]
    amperes = [known[name] for name in _phases(model, "current") if name in known]
    for volt in volts:
        if _LIVE_V[0] <= volt <= _LIVE_V[1]:
            yield _VOLTAGE, 1.0
        else:
            yield 0.0, _DEAD_PHASE if 0 <= volt <= _DEAD_V else _CONTRADICTED
    if "frequency" in known:
        fits = _HZ[0] <= known["frequency"] <= _HZ[1]
        yield (_FREQUENCY, 1.0) if fits else (0.0, _CONTRADICTED if known["frequency"] else _DEAD_PHASE)
    if amperes:
        fits = all(abs(ampere) <= model.max_current_a * 1.2 for ampere in amperes)
        yield (_CURRENT, 1.0) if fits else (0.0, _CONTRADICTED)
    yield from _of_power(model, known, volts, amperes)
    for name in ("energy_import", "energy_import_fine", "energy_total"):
        if name in known:
            fits = 0 <= known[name] < _MOST_ENERGY_KWH
            yield (_ENERGY, 1.0) if fits else (0.0, _CONTRADICTED)
            return


def _of_power(model: MeterModel, known: Mapping[str, float], volts: list[float],
              amperes: list[float]) -> Iterator[tuple[float, float]]:
    """|P| is at most the sum of V x I, and rarely far below it."""
    power_w = _power_w(known)
    if power_w is None:
        return
    if len(volts) != len(amperes) or not any(volts):
        yield (_POWER_ALONE, 1.0) if abs(power_w) <= model.max_power_w else (0.0, _CONTRADICTED)
        return
    apparent_va = sum(volt * abs(ampere) for volt, ampere in zip(volts, amperes, strict=True))
    if abs(power_w) > apparent_va * 1.15 + _SLACK_W:
        yield 0.0, _CONTRADICTED
    else:
        yield (_POWER if abs(power_w) >= apparent_va * 0.1 - _SLACK_W else _POWER_ALONE), 1.0


def _power_w(known: Mapping[str, float]) -> float | None:
    if "power" in known:
        return known["power"]
    if "import_power" in known and "export_power" in known:
        return known["import_power"] - known["export_power"]
    phases = [known[name] for n in (1, 2, 3) if (name := f"power_l{n}") in known]
    return sum(phases) if phases else None


def _phases(model: MeterModel, quantity: str) -> tuple[str, ...]:
    if model.phases == 1:
        return (quantity,)
    return tuple(f"{quantity}_l{n}" for n in range(1, model.phases + 1))


def _optional(model: MeterModel, name: str) -> bool:
    register = model.register(name)
    return register is None or register.optional
