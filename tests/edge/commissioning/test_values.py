"""Values as they are printed."""

import struct
from decimal import Decimal

import pytest

from edge.commissioning.values import printed, shown
from edge.meter.catalogue import load


def single(number):
    return Decimal(struct.unpack(">f", struct.pack(">f", number))[0])


@pytest.mark.parametrize("number", [230.1, 0.0, -3.3, 1234.567, 50.02, 1e-7, 131072.02, 16777216.0])
def test_a_float32_is_printed_with_the_digits_that_it_holds(number):
    volts = load("eastron-sdm630").register("voltage_l1")
    assert printed(volts, single(number)) == pytest.approx(number, rel=1e-7)
    assert len(repr(printed(volts, single(number)))) <= len(repr(number))
    assert struct.pack(">f", printed(volts, single(number))) == struct.pack(">f", number)


def test_a_scaled_float32_too():
    power = load("schneider-iem3000").register("power")  # kW in the meter
    assert printed(power, single(3.6805) * 1000) == 3680.5


def test_integers_are_exact_and_absent_is_none():
    model = load("abb-b23")
    told = shown(model, {"energy_import": Decimal("1234.56"), "voltage_l2": None})
    assert told == {"energy_import": {"value": 1234.56, "unit": "kWh"},
                    "voltage_l2": {"value": None, "unit": "V"}}
