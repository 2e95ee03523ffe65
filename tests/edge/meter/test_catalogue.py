from decimal import Decimal

import msgspec
import pytest

from edge.meter.catalogue import (
    checked,
    load,
    models,
    slugs,
    text,
    twins,
    why_not_billable,
    would_bill,
)
from edge.meter.decode import wh_per_count
from edge.meter.model import Billing, RegisterType
from edge.meter.model_file import BadModel


@pytest.fixture(scope="module")
def known():
    return models()


def test_every_model_that_ships_is_sound(known):
    assert [model.slug for model in known] == list(slugs())
    assert len(slugs()) == 46 and len({model.name for model in known}) == 46


def test_every_file_says_where_its_figures_come_from_and_is_written_in_the_units_of_the_tables(known):
    for model in known:
        head = [line for line in text(model.slug).splitlines() if line.startswith("# ")]
        assert any("Source:" in line for line in head), model.slug
        assert all(len(line) <= 104 for line in head), model.slug
        energies = [each for each in model.registers if "energy" in each.quantity]
        assert {each.unit for each in energies} <= {"kWh", "kvarh"}, model.slug


def test_what_is_read_at_every_turn_is_currents_and_power_and_nothing_slow(known):
    for model in known:
        has = {register.quantity for register in model.registers}
        phases = range(1, model.phases + 1)
        currents = ["current"] if model.phases == 1 else [f"current_l{phase}" for phase in phases]
        assert set(model.fast) >= {name for name in currents if name in has}, model.slug
        assert not [name for name in model.fast if name.startswith(("voltage", "energy", "freq"))]
        slow = {name for name in ("frequency", "energy_export") if name in has}
        assert set(model.slow) >= slow, model.slug
        assert any(name.startswith("voltage") for name in model.slow) or "voltage" not in str(has)


def test_every_model_that_may_bill_counts_imported_energy_finely(known):
    for model in known:
        if why_not_billable(model) is not None:
            continue
        register = model.register(model.billing.quantity)
        assert model.billing.quantity in ("energy_import", "energy_import_fine"), model.slug
        assert not register.magnitude and not model.suspect and not model.generator
        assert 1 <= model.billing.resolution_wh <= 10, model.slug
        if register.type not in (RegisterType.FLOAT32, RegisterType.FLOAT64):
            assert wh_per_count(register) == model.billing.resolution_wh, model.slug


def test_only_fine_import_registers_may_be_billed():
    for slug, why in (
            ("eastron-sdm630", None), ("eastron-sdm120", None), ("abb-b23", None),
            ("dzg-dvh4013", None), ("carlo-gavazzi-em340", None), ("schneider-iem3000", None),
            ("sunspec-203", None),
            ("carlo-gavazzi-em24", "100 Wh"), ("carlo-gavazzi-em24-e1", "100 Wh"),
            ("eastron-sdm72dm-v2", "100 Wh"), ("carlo-gavazzi-em112", "word order"),
            ("ddm18sd", "no register"), ("orno-we504", "no register"), ("orno-we514", "addresses"),
            ("solaredge-se-mtr-3y", "odd addresses"), ("sunspec-701", "no meter of a load")):
        found = why_not_billable(load(slug))
        assert found is None if why is None else why in str(found), slug
    model = load("eastron-sdm630")
    for quantity, step_wh, why in (
            ("energy_total", "1", "export"), ("energy_import_l1", "1", "expected imported"),
            ("energy_import", "10.1", "steps of 10.1 Wh")):
        billing = Billing(quantity=quantity, resolution_wh=Decimal(step_wh))
        assert why in str(why_not_billable(msgspec.structs.replace(model, billing=billing)))


def test_a_device_that_counts_too_coarsely_may_not_bill_though_its_model_may():
    for slug, exponent, why in (
            ("sunspec-203", 0, None), ("sunspec-203", 1, None), ("sunspec-203", 0xFFFF, None),
            ("sunspec-203", 2, "steps of 100 Wh"), ("iskra-wm3m4", 3, "steps of 1000 Wh"),
            ("sunspec-213", 3, None), ("abb-b23", 3, None)):
        found = why_not_billable(load(slug), exponent)
        assert found is None if why is None else why in str(found), (slug, exponent)


def test_what_devices_are_known_to_refuse_is_never_asked():
    for slug, most, barriers in (
            ("eastron-sdm630", 80, ()), ("eastron-sdm72dm-v2", 60, ()), ("eastron-sdm72", 10, ()),
            ("carlo-gavazzi-em340", 50, (0x32,)), ("abb-b23", 125, ()), ("sunspec-213", 125, ()),
            ("siemens-pac2200", 125, ())):
        assert (load(slug).max_block, load(slug).barriers) == (most, barriers), slug
    for slug, absent in (
            ("carlo-gavazzi-em24", {"energy_export"}),
            ("carlo-gavazzi-em340", {"energy_import_fine", "energy_export_fine"}),
            ("abb-b23", {"power_factor", "power_factor_l1", "power_factor_l2", "power_factor_l3"})):
        assert {each.quantity for each in load(slug).registers if each.optional} == absent, slug
    assert load("carlo-gavazzi-em112").register("energy_export").magnitude


def test_what_means_not_available_is_known_for_every_type_of_the_makers_that_say_it(known):
    said = {"abb": {"uint64": "f" * 16, "uint32": "f" * 8, "uint16": "ffff", "int32": "7fffffff",
                    "int16": "7fff"},
            "carlo": {"int32": "7fffffff", "int16": "7fff", "uint16": "ffff", "int64": "7f" + "f" * 14,
                      "int32_milli": "7fffffff" * 2},
            "sunspec": {"int16": "8000", "uint16": "ffff", "uint32": "f" * 8, "uint64": "f" * 16,
                        "acc32": "", "float32": ""}}  # an accumulator at 0 and NaN go without saying
    for model in known:
        sentinels = said.get(model.slug.partition("-")[0], {})
        for register in model.registers:
            assert register.sentinel == (sentinels[register.type] if sentinels else ""), model.slug


def test_a_code_names_one_model_only(known):
    told = [(model.identity.function, model.identity.address, value, model.slug)
            for model in known if model.identity is not None for value in model.identity.values]
    assert len({each[:3] for each in told}) == len(told) >= 50
    for address, code, slug in (
            (0x0B, "0047", "carlo-gavazzi-em24"), (0x0B, "0154", "carlo-gavazzi-em340"),
            (0x0B, "0066", "carlo-gavazzi-em112"), (0x0B, "0670", "carlo-gavazzi-em24-e1"),
            (0xFC02, "0070", "eastron-sdm630"), (0xFC02, "0089", "eastron-sdm72dm-v2"),
            (0x8960, "42323320", "abb-b23")):
        assert [each[3] for each in told if each[1:3] == (address, code)] == [slug], code
    assert not [each for each in told if each[2] in ("0152", "015c")], "series 27 imitates an EM24"


def test_who_would_bill_instead_is_of_the_same_make_or_else_confirmed():
    assert [each.slug for each in would_bill(load("carlo-gavazzi-em24"), 3)] == [
        "carlo-gavazzi-em340", "carlo-gavazzi-em580"]
    assert would_bill(load("eastron-sdm72dm-v2"), 3)[0].slug == "eastron-sdm630"
    assert "eastron-sdm120" in [each.slug for each in would_bill(load("eastron-sdm72"), 1)]
    others = would_bill(load("ddm18sd"), 3)
    assert len(others) >= 3 and all(each.phases == 3 and each.sunspec is None for each in others)
    assert all(each.register(each.billing.quantity).confirmed for each in others)


def test_twins_are_those_that_no_register_tells_apart(known):
    assert twins("eltako-dsz16", known) == ("eltako-dsz15dzmod",)
    assert twins("eastron-sdm630", known) == ("eastron-sdm54", "eastron-smart-x96-1a")
    assert twins("eastron-sdm120", known) == ("eastron-sdm220",), "the SDM230 has a code of its own"
    assert twins("wago-879") == ("inepro-pro380",)
    sdm630, v2 = load("eastron-sdm630"), load("eastron-sdm72dm-v2")
    assert twins("eastron-sdm630", [v2]) == (), "codes differ"
    same_code = msgspec.structs.replace(v2, identity=sdm630.identity)
    assert twins("eastron-sdm630", [same_code]) == (v2.slug,)
    of = {model.slug: twins(model.slug, known) for model in known}
    assert not any(of[lone] for lone in ("carlo-gavazzi-em340", "carlo-gavazzi-em24-e1", "abb-b23",
                                         "sunspec-203", "sunspec-201"))
    assert all(slug in of[other] for slug, others in of.items() for other in others)


def test_an_unknown_model_says_which_there_are():
    with pytest.raises(ValueError, match=r"got 'sdm6300', expected one of .*eastron-sdm630"):
        load("sdm6300")


def test_a_model_in_the_wrong_file_or_an_unsound_one_is_refused():
    contents = text("abb-b23")
    with pytest.raises(BadModel, match=r"^y.toml: the model: got slug: got 'abb-b23', expected the"):
        checked(contents, "y.toml")
    with pytest.raises(BadModel, match=r"^abb-b23.toml: the model: got phases: got 7, expected 1, 2"):
        checked(contents.replace("phases = 3", "phases = 7"), "abb-b23.toml")
