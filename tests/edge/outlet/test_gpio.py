"""The Pi's lines over a library that is made of nothing but what it is asked."""

import sys
import types

import pytest

from edge.controller.trouble import LineDown
from edge.outlet.gpio import RpiGpio

COIL, OTHER = 5, 6


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """rpi-lgpio as far as it is used; the levels of its outputs."""
    levels = {COIL: 1, OTHER: 1}
    library = types.ModuleType("RPi.GPIO")
    functions = {
        "OUT": 0, "IN": 1, "BCM": 11, "lgpio": types.SimpleNamespace(error=Exception),
        "setwarnings": lambda _: None, "setmode": lambda _: None, "gpio_function": lambda _: 0,
        "setup": lambda pin, _direction, initial: levels.update({pin: initial}),
        "input": lambda pin: levels[pin]}
    for name, value in functions.items():
        setattr(library, name, value)
    package = types.ModuleType("RPi")
    package.GPIO = library  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", library)
    return levels


def busy(pin: int) -> bool:
    raise LineDown("cannot read line", where=f"GPIO{pin}", got="EBUSY", expected="a readable GPIO line")


def test_a_line_that_this_process_has_dropped_is_read_as_its_own(lgpio: dict[int, int]) -> None:
    """The kernel gives a line to one request at a time: this process's own keeps it from looking."""
    RpiGpio(busy).claim_output(COIL, False)
    again = RpiGpio(busy, mine=(COIL,))
    assert again.found_output(COIL) is False and lgpio == {COIL: 0, OTHER: 1}
    with pytest.raises(LineDown):
        again.found_output(OTHER)
