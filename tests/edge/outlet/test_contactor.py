"""The Pi's half of an outlet, with a fake of the lines."""

import importlib.util

import pytest

from edge.controller.trouble import DeviceError, LineDown
from edge.outlet.asis import read_as_is
from edge.outlet.contactor import Contactor
from edge.outlet.gpio import RpiGpio

COIL, MIRROR = 17, 27


class FakeLines:
    """GPIO lines that remember what was done to them."""

    def __init__(self, *, coil: bool | None, mirror: bool) -> None:
        self.level = {COIL: bool(coil), MIRROR: mirror}
        self.found = {COIL: coil}
        self.calls: list[tuple[object, ...]] = []

    def found_output(self, pin: int) -> bool | None:
        self.calls.append(("found", pin))
        return self.found[pin]

    def claim_output(self, pin: int, level: bool) -> None:
        self.calls.append(("out", pin, level))
        self.level[pin] = level

    def claim_input(self, pin: int, pull: bool | None = None) -> None:
        assert pull is None  # the cabinet wires its own resistor
        self.calls.append(("in", pin))

    def write(self, pin: int, level: bool) -> None:
        self.calls.append(("write", pin, level))
        self.level[pin] = level

    def read(self, pin: int) -> bool:
        return self.level[pin]


@pytest.mark.parametrize(("left_at", "claimed_at"), [(None, False), (False, False), (True, True)])
def test_the_coil_is_claimed_at_the_level_that_it_was_left_at(left_at, claimed_at):
    lines = FakeLines(coil=left_at, mirror=claimed_at)
    contactor = Contactor(lines, COIL, MIRROR)
    assert contactor.claim() is claimed_at
    assert lines.calls == [("in", MIRROR), ("found", COIL), ("out", COIL, claimed_at)]
    assert contactor.coil_on() is claimed_at
    assert contactor.mirror_closed() is claimed_at


def test_only_set_moves_the_coil_and_release_does_not():
    lines = FakeLines(coil=True, mirror=True)
    contactor = Contactor(lines, COIL, MIRROR)
    contactor.claim()
    contactor.release()
    assert lines.level[COIL] is True
    contactor.set(False)
    assert contactor.coil_on() is False


def test_a_new_contactor_touches_no_line():
    lines = FakeLines(coil=True, mirror=True)
    Contactor(lines, COIL, MIRROR)
    assert lines.calls == []


@pytest.mark.skipif(importlib.util.find_spec("RPi") is not None, reason="this machine has GPIO")
def test_without_gpio_it_says_what_is_expected():
    with pytest.raises(LineDown, match="expected a Raspberry Pi with rpi-lgpio"):
        RpiGpio()


def test_reading_as_is_without_a_chip_is_a_device_error(tmp_path):
    with pytest.raises(DeviceError, match="no GPIO chip"):
        read_as_is(COIL, dev=tmp_path)


def test_reading_as_is_from_what_is_no_chip_is_a_device_error(tmp_path):
    (tmp_path / "gpiochip0").write_bytes(b"")
    with pytest.raises(LineDown, match="GPIO17"):
        read_as_is(COIL, dev=tmp_path)
