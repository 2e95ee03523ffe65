"""Every row of the three tables of meters against the models that ship. The folder is read in place."""

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from edge.meter.catalogue import load, slugs
from edge.meter.model import MeterModel, Register

TABLES = Path(__file__).parents[4] / "shared" / "data"
NAMES = ("meters.csv", "meters_extra.csv", "meters_sunspec.csv")
pytestmark = pytest.mark.skipif(not all((TABLES / name).exists() for name in NAMES),
                                reason=f"the shared folder with {', '.join(NAMES)} is not here")

#: Names of the tables that the slug's model does not carry, and quantities made of two of its rows.
OTHER_NAMES = {"Iskra WM3M4/WM3M4C": "iskra-wm3m4"}
PAIRS = {"energy_import_int": "energy_import_fine", "energy_export_int": "energy_export_fine",
         "energy_import_dec": "energy_import_fine", "energy_export_dec": "energy_export_fine"}
#: The function where the tables differ: it answers both, and the model has one for all its registers.
FUNCTIONS = {("Siemens PAC2200", "frequency"): 4}
#: Rows that the first source has wrong, and two others agree on.
TWICE_RIGHT = {("Carlo Gavazzi EM24 (RS485)", "energy_import"), ("B+G e-tech DS100", "energy_export")}
UNITS = {"Wh": ("kWh", Decimal("0.001")), "Pct": ("1", Decimal("0.01")), "PF": ("1", Decimal(1)),
         "": ("1", Decimal(1)), "Var": ("var", Decimal(1))}


def rows_of(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def by_name() -> dict[str, MeterModel]:
    models = {model.name: model for model in map(load, slugs())}
    return models | {name: load(slug) for name, slug in OTHER_NAMES.items()}


def found(model: MeterModel, quantity: str, row: dict[str, str]) -> Register:
    register = model.register(quantity)
    assert register is not None, row
    if register.type.words > 1:
        assert register.word_order == row["word_order"], row
    return register


def test_every_row_of_the_table_of_meters_is_in_a_model(by_name):
    rows = rows_of("meters.csv")
    for row in rows:
        register = found(by_name[row["model"]], row["quantity"], row)
        assert (register.function, register.address, register.type, register.scale, register.unit) == (
            int(row["function"]), int(row["truth_address"] or row["address"]),
            row["truth_type"] or row["type"], Decimal(row["truth_scale"] or row["scale"]),
            row["unit"]), row
        assert register.confirmed == (row["status"] == "confirmed" or (
            row["model"], row["quantity"]) in TWICE_RIGHT), row
    names = {row["model"] for row in rows}
    assert (len(rows), len(names)) == (786, 34)
    for name in names:  # and nothing in them that the tables lack
        extra = {row["quantity"] for table in ("meters.csv", "meters_extra.csv")
                 for row in rows_of(table) if row["model"] == name}
        of_model = {register.quantity for register in by_name[name].registers}
        assert of_model == {PAIRS.get(quantity, quantity) for quantity in extra}, name


def phases_of(row: dict[str, str]) -> list[dict[str, str]]:
    """The row, and those that its note adds, as `L2 109 L3 111`."""
    more = re.findall(r"L([23]) (\d+)", row["note"])
    return [row, *(row | {"quantity": row["quantity"].replace("_l1", f"_l{phase}"), "address": address}
                   for phase, address in more)]


def test_every_row_of_the_extras_is_in_a_model(by_name):
    known = {(row["model"], row["quantity"]) for row in rows_of("meters.csv")}
    rows = [each for row in rows_of("meters_extra.csv") for each in phases_of(row)]
    for row in rows:
        quantity = PAIRS.get(row["quantity"], row["quantity"])
        register = found(by_name[row["model"]], quantity, row)
        address, type_ = int(row["address"]), row["type"].lower()
        scale, unit = row["scale"], row["unit"]
        if quantity in PAIRS.values():  # one register of the pair
            second = row["quantity"].endswith("_dec")
            address, type_, scale = address - 2 * second, "int32_milli", "1"
        if scale.startswith("10^"):
            exponent = scale.removeprefix("10^").removeprefix("exp").removeprefix("reg")
            assert register.scale_register == (int(exponent) if exponent else None), row
            scale = "1"
        in_unit, factor = UNITS.get(unit, (unit, Decimal(1)))
        assert (register.function, register.address, register.type, register.scale, register.unit) == (
            FUNCTIONS.get((row["model"], quantity), int(row["function"])),
            address, type_, Decimal(scale) * factor, in_unit), row
        if (row["model"], quantity) not in known:
            assert not register.confirmed, "one source"
    assert len(rows) == 22 + 4


def test_the_em580_has_the_em340s_block_as_the_note_of_its_row_says(by_name):
    mine, theirs = by_name["Carlo Gavazzi EM580"], by_name["Carlo Gavazzi EM/ET330/340"]
    block = [register for register in mine.registers if register.address <= 0x33]
    assert {register.quantity for register in block} == {"power", "frequency", *(
        f"{name}_l{phase}" for name in ("voltage", "current", "power") for phase in (1, 2, 3))}
    for register in block:
        assert theirs.register(register.quantity) == structs.replace(register, confirmed=True)
        assert not register.confirmed


def test_every_row_of_the_sunspec_models_is_in_a_model(by_name):
    rows = rows_of("meters_sunspec.csv")
    for row in rows:
        model = by_name[row["model"]]
        register = found(model, row["quantity"], row)
        unit, factor = UNITS.get(row["unit"], (row["unit"], Decimal(1)))
        assert (register.function, register.address, register.type, register.scale, register.unit,
                register.scale_register, register.confirmed) == (
            int(row["function"]), int(row["offset_from_model_id"]), row["type"], factor, unit,
            int(row["sf_offset"]) if row["sf_offset"] else None, True), row
        assert model.sunspec == int(row["model"].split()[1])
        assert max(each.end for each in model.registers) <= int(row["model_length"]) + 2
    assert len(rows) == 297
    for name in {row["model"] for row in rows}:
        assert {register.quantity for register in by_name[name].registers} == {
            row["quantity"] for row in rows if row["model"] == name}
