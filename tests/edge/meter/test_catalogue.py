import pytest

from edge.meter.catalogue import decode, load, slugs, why_not_billable


def test_every_model_that_ships_is_sound():
    for slug in slugs():
        model = load(slug)
        assert model.slug == slug
        assert model.problems() == [], slug
        assert model.fast and model.max_power_w > 0, slug


@pytest.mark.parametrize(("slug", "why"), [
    ("eastron-sdm630", None), ("eastron-sdm120", None), ("abb-b23", None), ("dzg-dvh4013", None),
    ("carlo-gavazzi-em340", None), ("carlo-gavazzi-em24", "100 Wh"), ("eastron-sdm72dm-v2", "100 Wh"),
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
