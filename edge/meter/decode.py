"""From register words to values. Pure.

Words are what the wire gave, in the order of their addresses, each 0..0xFFFF.
"""

import math
import struct
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from edge.meter.model import Register, RegisterType, WordOrder

_FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
            "float32": ">f", "float64": ">d", "acc32": ">I"}
_WH = {"Wh": Decimal(1), "kWh": Decimal(1000), "MWh": Decimal(1_000_000)}
_MILLI = Decimal("0.001")
_LARGEST_EXPONENT = 10  # of SunSpec; what is larger was never an exponent


def raw_hex(register: Register, words: Sequence[int]) -> str:
    """The register as read, high word first, in hex (each of the two numbers of an `int32_milli`)."""
    size = 2 if register.type is RegisterType.INT32_MILLI else len(words)
    turned = [words[at:at + size] if register.word_order is WordOrder.BIG else words[at:at + size][::-1]
              for at in range(0, len(words), size)]
    return b"".join(word.to_bytes(2, "big") for part in turned for word in part).hex()


def value_of(register: Register, words: Sequence[int], exponent: int | None = None) -> Decimal | None:
    """The value in the register's unit, to 28 digits.

    `exponent` is the word of `scale_register`, as read or as int16. `None` for what is not there: the
    sentinel, NaN and infinities, an accumulator at 0, an exponent that is missing or out of range, a
    fraction that is none.
    """
    raw = raw_hex(register, words)
    if _is_sentinel(register, raw):
        return None
    number = _number(register.type, raw)
    if number is None:
        return None
    if register.scale_register is not None:
        power = exponent_of(exponent)
        if power is None:
            return None
        number = number.scaleb(power)
    value = number * register.scale + 0  # no negative zero
    return abs(value) if register.magnitude else value


def exponent_of(word: int | None) -> int | None:
    """The int16 in a scale register; `None` if it is missing or out of SunSpec's range (0x8000 too)."""
    if word is None:
        return None
    power = word - 0x10000 if word > 0x7FFF else word
    return power if abs(power) <= _LARGEST_EXPONENT else None


def wh_per_count(register: Register, exponent: int | None = None) -> Decimal:
    """Wh for one count of an energy register, and without a usable exponent that of exponent 0.

    A count of a float is one whole unit, of an `int32_milli` a thousandth.
    """
    count = register.scale * _WH[register.unit]
    if register.type is RegisterType.INT32_MILLI:
        count *= _MILLI
    power = exponent_of(exponent) if register.scale_register is not None else None
    return count.scaleb(power) if power else count


def energy_wh(register: Register, words: Sequence[int], exponent: int | None = None) -> int | None:
    """Energy in whole Wh, rounded to the nearest once, from the raw register.

    For a whole register of a SunSpec model, which no such meter may lack: its accumulator at 0 has not
    counted yet, or a new site could never begin; where none is there, its exponent is missing.
    """
    value = value_of(register, words, exponent)
    if value is None:
        begins = (register.type is RegisterType.ACC32 and not any(words)
                  and (register.scale_register is None or exponent_of(exponent) is not None))
        return 0 if begins else None
    return int((value * _WH[register.unit]).to_integral_value(rounding=ROUND_HALF_EVEN))


def _is_sentinel(register: Register, raw: str) -> bool:
    if not register.sentinel:
        return False
    if register.type is RegisterType.INT32_MILLI:  # as the second number it is no fraction either
        return raw[:8] == register.sentinel[:8]
    return raw == register.sentinel


def _number(type_: RegisterType, raw: str) -> Decimal | None:
    data = bytes.fromhex(raw)
    if type_ in (RegisterType.T5, RegisterType.T6):
        mantissa = int.from_bytes(data[1:], "big", signed=type_ is RegisterType.T6)
        return Decimal(mantissa).scaleb(int.from_bytes(data[:1], "big", signed=True))
    if type_ is RegisterType.INT32_MILLI:
        return _whole_and_thousandths(*struct.unpack(">ii", data))
    number = struct.unpack(_FORMATS[type_], data)[0]
    if isinstance(number, float) and not math.isfinite(number):
        return None
    if type_ is RegisterType.ACC32 and number == 0:
        return None
    return Decimal(number)


def _whole_and_thousandths(whole: int, thousandths: int) -> Decimal | None:
    """Torn or absurd pairs are none: the second number is below 1000 and of the first one's sign."""
    if abs(thousandths) > 999 or whole * thousandths < 0:
        return None
    return whole + thousandths * _MILLI
