"""From register words to values. Pure."""

import math
import struct
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from edge.meter.model import Register, WordOrder

_FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
            "float32": ">f", "float64": ">d"}
_WH = {"Wh": Decimal(1), "kWh": Decimal(1000), "MWh": Decimal(1_000_000)}


def raw_hex(register: Register, words: Sequence[int]) -> str:
    """The register as read, high word first, in hex."""
    ordered = words if register.word_order is WordOrder.BIG else tuple(reversed(words))
    return b"".join(word.to_bytes(2, "big") for word in ordered).hex()


def value_of(register: Register, words: Sequence[int]) -> Decimal | None:
    """The value in the register's unit, to 28 digits; `None` for its sentinel, NaN and infinities."""
    raw = raw_hex(register, words)
    if register.sentinel and raw == register.sentinel:
        return None
    number = struct.unpack(_FORMATS[register.type], bytes.fromhex(raw))[0]
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return Decimal(number) * register.scale


def wh_per_count(register: Register) -> Decimal:
    """Wh for one count (or one whole unit of a float) of an energy register."""
    return register.scale * _WH[register.unit]


def energy_wh(register: Register, words: Sequence[int]) -> int | None:
    """Energy in whole Wh, rounded to the nearest once, from the raw register."""
    value = value_of(register, words)
    if value is None:
        return None
    return int((value * _WH[register.unit]).to_integral_value(rounding=ROUND_HALF_EVEN))
