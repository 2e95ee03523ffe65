"""Values as a command prints them: one unit for each kind, and no digits that mean nothing.

A model's registers keep the units of their maker; here energies are kWh and kvarh, and a power factor
has no unit, whatever the register counts. Pure.
"""

import struct
from collections.abc import Mapping
from decimal import Decimal

from edge.meter.model import MeterModel, Register, RegisterType

_MORE = Decimal(1000)
#: Unit of a register -> unit that is printed, and by what the value is multiplied.
_PRINTED = {
    "Wh": ("kWh", 1 / _MORE), "MWh": ("kWh", _MORE), "varh": ("kvarh", 1 / _MORE),
    "Mvarh": ("kvarh", _MORE), "kW": ("W", _MORE), "kvar": ("var", _MORE), "kVA": ("VA", _MORE),
    "Var": ("var", Decimal(1)), "VAr": ("var", Decimal(1)), "Varh": ("kvarh", 1 / _MORE),
    "PF": ("1", Decimal(1)), "Pct": ("1", 1 / Decimal(100)), "": ("1", Decimal(1))}
_FLOAT32_DIGITS = range(6, 10)

Shown = dict[str, dict[str, float | str | None]]


def printed_unit(register: Register) -> str:
    """Of the value that is printed."""
    return _PRINTED.get(register.unit, (register.unit, Decimal(1)))[0]


def printed(register: Register, value: Decimal | None) -> float | None:
    """`value`, in the register's unit, as it is printed; a float32 with the digits that it holds."""
    if value is None:
        return None
    if register.type is RegisterType.FLOAT32 and register.scale:
        value = Decimal(_shortest(float(value / register.scale))) * register.scale
    return float(value * _PRINTED.get(register.unit, ("", Decimal(1)))[1])


def shown(model: MeterModel, values: Mapping[str, Decimal | None]) -> Shown:
    """Quantity -> value and unit, in the model's order; absent is None."""
    return {register.quantity: {"value": printed(register, values[register.quantity]),
                                "unit": printed_unit(register)}
            for register in model.registers if register.quantity in values}


def _shortest(number: float) -> str:
    """The shortest decimal that is the same float32."""
    raw = struct.pack(">f", number)
    for digits in _FLOAT32_DIGITS:
        text = f"{number:.{digits}g}"
        if struct.pack(">f", float(text)) == raw:
            return text
    return repr(number)
