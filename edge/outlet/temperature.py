"""A temperature as the Linux kernel gives it in a file.

Two forms: a whole number of millidegrees (hwmon `temp*_input`, thermal zones, the w1_therm driver's
`temperature`; kernel Documentation/ABI/testing/sysfs-class-thermal, w1/slaves/w1_therm), and the older
`w1_slave`, two lines of which the first ends in YES if the checksum of the scratchpad is right and the
second says `t=` and millidegrees. Reading a 1-Wire sensor takes it some 0.8 s of conversion.
"""

import re
from pathlib import Path

from edge.controller.trouble import BadAnswer, DeviceError, LineDown

LEAST_C, MOST_C = -55.0, 150.0  # beyond what any such sensor can measure
POWER_ON_C = 85.0  # DS18B20: what its register holds before the first conversion ends
_W1_TEMPERATURE = re.compile(r"t=(-?\d{1,7})\Z", re.ASCII)
_MILLIDEGREES = re.compile(r"-?\d{1,7}\Z", re.ASCII)
_MOST_BYTES = 4096


def read_celsius(file: Path) -> float:
    """Read such a file. May block for as long as the sensor takes. Raises `DeviceError`."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise LineDown("cannot read temperature", where=str(file), got=error.strerror or str(error),
                       expected="a file of the kernel's") from error
    return parse(text, str(file))


def parse(text: str, where: str) -> float:
    """Degrees Celsius of either form. Raises `BadAnswer`."""
    lines = text.strip().splitlines()
    if len(lines) == 2 and "crc=" in lines[0]:
        celsius = _of_w1(lines[0], lines[1], where)
    elif len(lines) == 1 and _MILLIDEGREES.match(lines[0]):
        celsius = int(lines[0]) / 1000
    else:
        raise _bad(where, repr(text[:60]), "millidegrees, or the two lines of w1_slave")
    if not LEAST_C <= celsius <= MOST_C:
        raise _bad(where, f"{celsius:g} C", f"{LEAST_C:g} to {MOST_C:g} C")
    return celsius


def _of_w1(first: str, second: str, where: str) -> float:
    if not first.endswith("YES"):
        raise _bad(where, repr(first[-20:]), "a checksum that is right (YES)")
    found = _W1_TEMPERATURE.search(second)
    if found is None:
        raise _bad(where, repr(second[-20:]), "t= and millidegrees")
    celsius = int(found[1]) / 1000
    if celsius == POWER_ON_C:  # one step of 1/16 degree is not worth an emergency
        raise _bad(where, "85 C, which a sensor says that was just switched on", "a measured value")
    return celsius


def _bad(where: str, got: str, expected: str) -> DeviceError:
    return BadAnswer("unusable temperature", where=where, got=got, expected=expected)
