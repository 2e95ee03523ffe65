"""Which quantities of a model are read how often. Pure."""

from edge.controller.struct import Value
from edge.meter.model import MeterModel
from edge.meter.plan import HEADER_SPAN, Span, limits_of, spans_of

_PAIR_WORDS = 16  # export is read with import on demand too where it lies no further away


class Tiers(Value):
    """Quantities by name. `fast`: at each turn. `slow`: billing register, voltages, frequency, export.
    `on_demand`: the billing register, and export where that costs next to nothing.
    """

    fast: tuple[str, ...]
    slow: tuple[str, ...]
    on_demand: tuple[str, ...]
    billing: str
    export: str
    fast_spans: frozenset[Span]


def tiers_of(model: MeterModel) -> Tiers:
    billing = "energy_import" if model.billing is None else model.billing.quantity
    slow = tuple(name for name in dict.fromkeys((billing, *model.slow)) if name not in model.fast)
    export = "energy_export"
    fast = [register for name in model.fast if (register := model.register(name)) is not None]
    header = () if model.sunspec is None else (HEADER_SPAN,)  # nothing is right where that is not
    return Tiers(
        fast=model.fast, slow=slow, billing=billing, export=export,
        on_demand=(billing, export) if _is_pair(model, billing, export) else (billing,),
        fast_spans=frozenset((*header, *(span for register in fast for span in spans_of(register)))))


def _is_pair(model: MeterModel, billing: str, export: str) -> bool:
    one, other = model.register(billing), model.register(export)
    if one is None or other is None or one.function != other.function:
        return False
    both = Span(one.function, min(one.address, other.address), max(one.end, other.end))
    return both.end - both.start <= _PAIR_WORDS and limits_of(model).allow(both)
