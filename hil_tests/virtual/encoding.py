"""From a value to the words of a register, as a meter's own firmware would write them.

Written apart from the product's decoder, after the same documents: Modbus Application Protocol v1.1b3
(a word's high byte first), IEEE 754, SunSpec Information Model (scale factors, accumulators), Iskra's
Modbus tables (T5 and T6), Carlo Gavazzi's EM330/EM340 protocol (whole kWh and thousandths). It shares
nothing with it but the data files, so that one mistake cannot hide in both.
"""

import math
import struct
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

Number = Decimal | float | int
Shown = Number | None  # None: the register says that it has no value

_SIGNED = {"int16": 1, "int32": 2, "int64": 4}
_UNSIGNED = {"uint16": 1, "uint32": 2, "uint64": 4, "acc32": 2}
_FLOATS = {"float32": ("f", 2), "float64": ("d", 4)}
_T_BITS, _T_DECADES = 24, range(-128, 128)
WORDS = {**_SIGNED, **_UNSIGNED, "float32": 2, "float64": 4, "t5": 2, "t6": 2, "int32_milli": 4}


class Spot(NamedTuple):
    """One register of a map. `sentinel`: words, high word first, that say "no value"."""

    quantity: str
    function: int
    address: int
    type: str
    little: bool  # low word first
    scale: Decimal
    unit: str
    sentinel: tuple[int, ...] = ()
    scale_register: int | None = None
    optional: bool = False

    @property
    def words(self) -> int:
        """How many it takes."""
        return WORDS[self.type]

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.words


def encode(spot: Spot, value: Shown, exponent: int = 0) -> tuple[int, ...]:
    """The words that show `value` (in the register's unit). `exponent`: what its scale register holds.

    Raises `ValueError` for what the register cannot show.
    """
    if value is None or not math.isfinite(value):
        return _ordered(spot, _nothing(spot, value))
    raw = Decimal(str(value)) / spot.scale / Decimal(10) ** exponent
    if spot.type in _FLOATS:
        letter, _ = _FLOATS[spot.type]
        return _ordered(spot, _split(struct.pack(">" + letter, float(raw))))
    if spot.type in ("t5", "t6"):
        return _ordered(spot, _decade(spot, raw))
    if spot.type == "int32_milli":
        whole, thousandths = divmod(int((abs(raw) * 1000).to_integral_value(ROUND_HALF_EVEN)), 1000)
        sign = -1 if raw < 0 else 1
        return (*_ordered(spot, _integer(spot, sign * whole, 2, signed=True)),
                *_ordered(spot, _integer(spot, sign * thousandths, 2, signed=True)))
    count = int(raw.to_integral_value(ROUND_HALF_EVEN))
    signed = spot.type in _SIGNED
    words = (_SIGNED | _UNSIGNED)[spot.type]
    return _ordered(spot, _integer(spot, count, words, signed=signed))


def quantised(spot: Spot, value: Number, exponent: int = 0) -> Decimal:
    """The value that the register shows of `value`: rounded to its counts, or to its float."""
    if spot.type in _FLOATS:
        letter, _ = _FLOATS[spot.type]
        raw = struct.unpack(letter, struct.pack(letter, float(Decimal(str(value)) / spot.scale)))[0]
        return Decimal(raw) * spot.scale
    step = spot.scale * Decimal(10) ** exponent
    if spot.type in ("t5", "t6"):
        return Decimal(str(value))  # 24 bits of whatever decade it takes
    if spot.type == "int32_milli":
        step /= 1000
    return (Decimal(str(value)) / step).to_integral_value(ROUND_HALF_EVEN) * step


def clipped(spot: Spot, value: Number, exponent: int = 0) -> Number:
    """The nearest value that the register can show: it stays at its end, as a meter's does."""
    if spot.type in _FLOATS or not math.isfinite(value):
        return value
    if spot.type in ("t5", "t6"):
        return max(value, 0) if spot.type == "t5" else value
    step = spot.scale * Decimal(10) ** exponent
    bits = 32 if spot.type == "int32_milli" else 16 * spot.words
    if spot.type in _UNSIGNED:
        return min(max(Decimal(str(value)), Decimal(0)), ((1 << bits) - 1) * step)
    half = 1 << (bits - 1)
    return min(max(Decimal(str(value)), -half * step), (half - 1) * step)


def text(string: str, count: int) -> tuple[int, ...]:
    """A SunSpec string of `count` words, filled with NUL."""
    data = string.encode("ascii")
    if len(data) > 2 * count:
        raise ValueError(f"string: got {len(data)} characters, expected {2 * count} at most")
    return _split(data.ljust(2 * count, b"\0"))


def word(number: int) -> int:
    """A signed number as one word."""
    if not -0x8000 <= number <= 0xFFFF:
        raise ValueError(f"word: got {number}, expected -32768..65535")
    return number & 0xFFFF


def _split(data: bytes) -> tuple[int, ...]:
    return tuple(data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))


def _ordered(spot: Spot, words: tuple[int, ...]) -> tuple[int, ...]:
    return words[::-1] if spot.little else words


def _nothing(spot: Spot, value: Shown) -> tuple[int, ...]:
    """High word first. Infinity and NaN are shown as such where a float can."""
    if value is not None and spot.type in _FLOATS:
        return _split(struct.pack(">" + _FLOATS[spot.type][0], float(value)))
    if spot.sentinel:
        return spot.sentinel
    if spot.type in _FLOATS:
        return _split(struct.pack(">" + _FLOATS[spot.type][0], math.nan))
    if spot.type == "acc32":
        return 0, 0
    raise ValueError(f"{spot.quantity}: got no value, expected one (it has no sentinel)")


def _integer(spot: Spot, number: int, words: int, *, signed: bool) -> tuple[int, ...]:
    bits = 16 * words
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not least <= number <= most:
        raise ValueError(f"{spot.quantity}: got {number} counts, expected {least}..{most}")
    number %= 1 << bits
    return tuple(number >> shift & 0xFFFF for shift in range(bits - 16, -1, -16))


def _decade(spot: Spot, raw: Decimal) -> tuple[int, ...]:
    """T5 and T6: a decade exponent in the first byte, and a mantissa in the other three."""
    least, most = (0, 2 ** _T_BITS - 1) if spot.type == "t5" else (
        -(2 ** (_T_BITS - 1)), 2 ** (_T_BITS - 1) - 1)
    decade = max(int(raw.normalize().as_tuple().exponent), _T_DECADES.start) if raw else 0
    while decade in _T_DECADES:
        mantissa = int(raw.scaleb(-decade).to_integral_value(ROUND_HALF_EVEN))
        if least <= mantissa <= most:
            packed = (decade & 0xFF) << _T_BITS | mantissa % (1 << _T_BITS)
            return packed >> 16, packed & 0xFFFF
        if mantissa < least == 0:
            break
        decade += 1
    raise ValueError(f"{spot.quantity}: got {raw}, expected what {spot.type} can show")
