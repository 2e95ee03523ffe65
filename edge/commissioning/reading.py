"""One reading of one meter, with everything that can be said about it when it does not go well."""

import time
from decimal import Decimal
from typing import NamedTuple

from edge.bus.pdu import read_holding
from edge.bus.port import BusClass
from edge.commissioning import elsewhere
from edge.commissioning.identify import Identifier, Product
from edge.commissioning.line import Line
from edge.commissioning.patient import Patient
from edge.commissioning.plausible import implausible
from edge.commissioning.saw import Sign, advice, saw
from edge.commissioning.values import Shown, shown
from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, LineDown
from edge.meter.catalogue import load, models
from edge.meter.meter import Meter
from edge.meter.model import MeterModel

_IDENTIFY_S = 0.3
_SERIAL_S, _NETWORK_S = 0.6, 1.5


class Told(Value):
    """What `meter read` prints. Energies are kWh and kvarh, whatever the meter counts; None: absent."""

    model: str | None
    unit: int
    values: Shown
    age_s: float
    errors: list[str]


class Outcome(NamedTuple):
    """`sign`: what came back where no value did."""

    told: Told
    sign: Sign | None


async def read_once(line: Line, unit: int, model: MeterModel | None) -> Outcome:
    """Every quantity, once; of a meter without a `model`: what it seems to be, first. Never raises what
    a line or a device does.
    """
    began_ns = time.monotonic_ns()
    values: dict[str, Decimal | None] = {}
    errors: list[str] = []
    sign: Sign | None = None
    try:
        if model is None:
            model, errors = await _named(line, unit)
            began_ns = time.monotonic_ns()
        if model is not None:
            values, errors = await _values(line, unit, model)
    except DeviceError as error:
        sign = saw(error).sign
        errors = await _explained(error, line, unit, model)
    return Outcome(Told(
        model=model.slug if model else None, unit=unit, values=shown(model, values) if model else {},
        age_s=round((time.monotonic_ns() - began_ns) / 1e9, 3), errors=errors), sign)


async def _values(line: Line, unit: int,
                  model: MeterModel) -> tuple[dict[str, Decimal | None], list[str]]:
    meter = Meter(_patient(line), unit, model, model.slug, time.monotonic_ns, line=line.url)
    values = await meter.read_values()
    optional = {register.quantity for register in model.registers if register.optional}
    errors = [f"{name}: the meter refuses it ({why})" for name, why in meter.errors.items()
              if name not in optional]
    strange = implausible(model, values)
    if strange:
        product = await _identified(line, unit)
        if product is None or model.slug not in product.slugs:
            errors.append(f"it answers, but {', '.join(strange[:3])}: not a {model.name}"
                          f"{_looks_like(product)}")
    return values, errors


async def _named(line: Line, unit: int) -> tuple[MeterModel | None, list[str]]:
    """What the unit is. Raises what the line raises if it does not answer at all."""
    try:
        await _patient(line).transact(unit, read_holding(0, 2), BusClass.BULK)
    except DeviceRefused:
        pass  # it is there
    product = await _identified(line, unit)
    if product is not None and product.slugs:
        return load(product.slugs[0]), []
    known = f" ({product.says})" if product else ""
    return None, [f"unit {unit} answers, but is none of the models that we know{known}: "
                  "`forecourt meter models` lists them"]


async def named(line: Line, unit: int) -> MeterModel:
    """Its model, found out. Raises `BadAnswer` for one that we do not know, and what a line raises."""
    model, errors = await _named(line, unit)
    if model is None:
        raise BadAnswer("meter", where=f"unit {unit} on {line.where}", got=errors[0],
                        expected="a model of `forecourt meter models`")
    return model


async def _identified(line: Line, unit: int) -> Product | None:
    timeout_s = max(_IDENTIFY_S, 4 * (line.turnaround_s(unit) or 0.0))
    identifier = Identifier(Patient(line), unit, models(), timeout_s=timeout_s)
    return await identifier.identify()


async def _explained(error: DeviceError, line: Line, unit: int, model: MeterModel | None) -> list[str]:
    """What was seen, what to try, and what a look around has shown."""
    told = [str(error), *advice(error, unit, line.url, model)]
    seen = saw(error).sign
    try:
        if seen is Sign.ANSWER and model is not None:
            product = await _identified(line, unit)
            if product is not None and model.slug not in product.slugs:
                told.insert(1, f"the meter answers{_looks_like(product)}")
    except LineDown:
        pass  # what is told already is what there is to tell
    return told


async def look_elsewhere(outcome: Outcome, line: Line) -> str | None:
    """Of a unit that did not answer: where else it does. The line must be closed."""
    if outcome.sign not in (Sign.SILENCE, Sign.GARBAGE) or line.controlled:
        return None
    found = await elsewhere.answers_at(line.url, outcome.told.unit)
    return None if found is None else elsewhere.said(outcome.told.unit, found)


def _patient(line: Line) -> Patient:
    return Patient(line, timeout_s=_SERIAL_S if line.url.kind == "rtu" else _NETWORK_S)


def _looks_like(product: Product | None) -> str:
    if product is None or not product.slugs:
        return ""
    names = " or ".join(f"{slug} ({load(slug).name})" for slug in product.slugs)
    return f"; it looks like {names}: {product.says}"
