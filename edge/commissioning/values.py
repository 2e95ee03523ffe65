"""Values as a command prints them: with no digits that mean nothing. Pure."""

import struct
from collections.abc import Mapping
from decimal import Decimal

from edge.meter.model import MeterModel, Register, RegisterType

_FLOAT32_DIGITS = range(6, 10)

Shown = dict[str, dict[str, float | str | None]]


def printed(register: Register, value: Decimal | None) -> float | None:
    """`value`, in the register's unit, as it is printed; a float32 with the digits that it holds."""
    if value is None:
        return None
    if register.type is RegisterType.FLOAT32 and register.scale:
        value = Decimal(_shortest(float(value / register.scale))) * register.scale
    return float(value)


def shown(model: MeterModel, values: Mapping[str, Decimal | None]) -> Shown:
    """Quantity -> value and unit, in the model's order; absent is None."""
    return {register.quantity: {"value": printed(register, values[register.quantity]),
                                "unit": register.unit}
            for register in model.registers if register.quantity in values}


def _shortest(number: float) -> str:
    """The shortest decimal that is the same float32."""
    raw = struct.pack(">f", number)
    for digits in _FLOAT32_DIGITS:
        text = f"{number:.{digits}g}"
        if struct.pack(">f", float(text)) == raw:
            return text
    return repr(number)
