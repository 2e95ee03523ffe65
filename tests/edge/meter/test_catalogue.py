import csv
from decimal import Decimal
from pathlib import Path

import pytest

from edge.meter.catalogue import decode, load, slugs, why_not_billable

TRUTH = Path(__file__).parents[4] / "shared" / "data" / "meters.csv"


@pytest.mark.parametrize("slug", slugs())
def test_every_model_that_ships_is_sound(slug):
    model = load(slug)
    assert model.slug == slug
    assert model.problems() == []
    assert model.fast and model.max_power_w > 0


@pytest.mark.skipif(not TRUTH.exists(), reason="the shared folder with the table of meters is not here")
@pytest.mark.parametrize("slug", slugs())
def test_every_model_agrees_with_the_table_of_meters(slug):
    model = load(slug)
    with TRUTH.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == model.name]
    assert len(rows) == len(model.registers) > 0
    for row in rows:
        register = model.register(row["quantity"])
        assert register is not None, row
        if register.type.words > 1:
            assert register.word_order == row["word_order"], row
        assert (register.function, register.address, register.type,
                register.scale, register.unit, register.confirmed) == (
            int(row["function"]), int(row["truth_address"] or row["address"]),
            row["truth_type"] or row["type"],
            Decimal(row["truth_scale"] or row["scale"]), row["unit"], row["status"] == "confirmed"), row


@pytest.mark.parametrize(("slug", "why"), [
    ("eastron-sdm630", None), ("eastron-sdm120", None), ("abb-b23", None), ("dzg-dvh4013", None),
    ("carlo-gavazzi-em340", "100 Wh"), ("eastron-sdm72dm-v2", "100 Wh"),
])
def test_only_fine_import_registers_may_be_billed(slug, why):
    found = why_not_billable(load(slug))
    assert found is None if why is None else why in found


MODEL = """
slug = "x"
name = "X"
maker = "M"
phases = 1
max_current_a = 10
max_block = 10
refresh_s = 1
serial = { baud = 9600, parity = "N" }
fast = ["power"]
defaults = { type = "uint16", unit = "kWh" }
registers = [{ quantity = "power", address = 1 }, { quantity = "energy_total", address = 9 }]
"""


@pytest.mark.parametrize(("more", "why"), [
    ("", "no register"), ("billing = { quantity = 'energy_total', resolution_wh = 1 }", "export"),
])
def test_a_sum_or_nothing_may_not_be_billed(more, why):
    assert why in why_not_billable(decode(MODEL + more))


@pytest.mark.parametrize(("broken", "why"), [
    ("barriers = [2]\n", []),
    ("billing = { quantity = 'energy_import', resolution_wh = 1 }\n",
     ["energy_import has no register"]),
    ("sentinels = { uint16 = 'fff' }\n", ["sentinel of 3 digits", "sentinel of 3 digits"]),
])
def test_problems_of_a_description_are_named(broken, why):
    found = decode(MODEL + broken).problems()
    assert len(found) == len(why)
    assert all(text in said for text, said in zip(why, found, strict=True))


def test_an_unknown_model_says_which_there_are():
    with pytest.raises(ValueError, match=r"got 'sdm6300', expected one of .*eastron-sdm630"):
        load("sdm6300")
