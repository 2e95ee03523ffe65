"""What a meter on a mains may show."""

from decimal import Decimal

import pytest

from edge.commissioning.plausible import implausible
from edge.meter.catalogue import load

SDM630 = load("eastron-sdm630")


def values(**numbers):
    return {name: None if number is None else Decimal(str(number)) for name, number in numbers.items()}


@pytest.mark.parametrize("well", [
    {"voltage_l1": 230.1, "voltage_l2": 0, "voltage_l3": 0, "frequency": 50},
    {"voltage_l1": 110, "frequency": 60, "power": -4000, "power_factor": -0.98},
    {"voltage_l1": None, "frequency": None},
    {"voltage_l1": 228, "voltage_l2": 1.4, "current_l1": 0, "energy_import": 0},
    {"current_l1": -16, "reactive_power": -300.5},
])
def test_what_meters_show_is_well(well):
    assert implausible(SDM630, values(**well)) == []


@pytest.mark.parametrize(("strange", "said"), [
    ({"voltage_l1": 3.2e-41}, "voltage_l1 3.2e-41 V"),
    ({"voltage_l1": 1.73e30}, "voltage_l1 1.73e+30 V"),
    ({"voltage_l1": 23.01, "voltage_l2": 23.02}, "voltage_l1 23.01 V"),
    ({"voltage_l1": 230, "frequency": 0}, "frequency 0 Hz"),
    ({"voltage_l1": 230, "frequency": 500}, "frequency 500 Hz"),
    ({"voltage_l1": 230, "power_factor": 99.8}, "power_factor 99.8"),
    ({"voltage_l1": 230, "power": 4.2e7}, "power 4.2e+07 W"),
    ({"voltage_l1": 230, "current_l1": 1e-30}, "current_l1 1e-30 A"),
    ({"voltage_l1": 0, "voltage_l2": 0}, "no voltage at any phase"),
])
def test_what_no_meter_shows_is_named_with_its_unit(strange, said):
    assert implausible(SDM630, values(**strange))[0] == said
