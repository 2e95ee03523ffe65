"""From the words of a turn to the parts of a `Reading`. Pure."""

from edge.controller.reading import PerPhase
from edge.meter.image import Image
from edge.meter.model import MeterModel

_PHASES = (1, 2, 3)


def per_phase(model: MeterModel, image: Image, quantity: str) -> PerPhase:
    """A one-phase meter's only value is its L1."""
    values = [image.number(model.register(f"{quantity}_l{phase}"))
              for phase in _PHASES if phase <= model.phases]
    if model.phases == 1 and values == [None]:
        values = [image.number(model.register(quantity))]
    return PerPhase(**{f"L{phase}": value for phase, value in enumerate(values, 1)})


def power_w(model: MeterModel, image: Image) -> float | None:
    """Total active power, positive where it is imported: one register, import less export, or the sum
    of all the phases. A sum with one of them unknown would be too small, so it is none.
    """
    total = image.number(model.register("power"))
    if total is not None:
        return total
    taken = image.number(model.register("import_power"))
    given = image.number(model.register("export_power"))
    if taken is not None and given is not None:
        return taken - given
    phases = [image.number(model.register(f"power_l{phase}"))
              for phase in _PHASES if phase <= model.phases]
    known = [power for power in phases if power is not None]
    return sum(known) if len(known) == len(phases) else None


def has_any(model: MeterModel, image: Image, quantity: str) -> bool:
    """Whether it was read, on any phase."""
    return any(image.holds(model.register(f"{quantity}{phase}")) for phase in ("", "_l1", "_l2", "_l3"))
