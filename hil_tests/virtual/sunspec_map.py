"""The registers of a SunSpec device around its meter model: where it is found, and by what.

SunSpec Device Information Model Specification: "SunS" at 40000 (or 0, or 50000), the common model 1,
then one model behind the other, each with its id and its length, and 0xFFFF with length 0 at the end.
"""

from typing import NamedTuple

from hil_tests.virtual.encoding import text

BASES = (40000, 0, 50000)
LENGTHS = {201: 105, 202: 105, 203: 105, 204: 105, 211: 124, 212: 124, 213: 124, 214: 124, 701: 153}
NOT_THERE = 0x8000  # what a point that a device has not implemented shows
_END = (0xFFFF, 0)
# Scale factors that fit what flows through 63 A: 0.1 V, 0.01 A, 10 W to 327 kW, 0.01 Hz; whole Wh.
EXPONENTS = {"V": -1, "A": -2, "W": 1, "VA": 1, "var": 1, "Hz": -2, "1": -2, "kWh": 0}


class Strings(NamedTuple):
    """Of the common model."""

    maker: str = "Example Meters"
    model: str = "EX-3"
    options: str = ""
    version: str = "1.2.3"
    serial: str = "0012345"


EXAMPLE = Strings()


class Layout(NamedTuple):
    """`model_at`: address of the meter model's id; `words`: everything that is there."""

    model_at: int
    words: dict[int, int]


def layout(model: int, *, base: int = 40000, strings: Strings = EXAMPLE, unit: int = 1,
           between: tuple[tuple[int, int], ...] = (), short_common: bool = False) -> Layout:
    """`between`: (id, length) of models ahead of the meter's; `short_common`: 65 words, without pad."""
    common = 65 if short_common else 66
    words = [*text("SunS", 2), 1, common, *text(strings.maker, 16), *text(strings.model, 16),
             *text(strings.options, 8), *text(strings.version, 8), *text(strings.serial, 16), unit]
    words += [] if short_common else [NOT_THERE]
    for other, length in between:
        words += [other, length, *(length * [NOT_THERE])]
    model_at = base + len(words)
    words += [model, LENGTHS[model], *(LENGTHS[model] * [NOT_THERE]), *_END]
    return Layout(model_at, {base + at: word for at, word in enumerate(words)})
