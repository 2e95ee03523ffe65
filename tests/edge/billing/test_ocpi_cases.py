"""The public OCPI pricing cases, read in place: specification, test data of other implementations."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.billing.foreign import ChargingPeriod, price_periods
from edge.billing.money import half_up
from edge.billing.price import Bill, utc
from edge.billing.tariff import Dimension, Tariff

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "ocpi_cases" / "cases"
CASES = sorted(FOLDER.glob("*.json"))
PARTS = {"total_energy_cost": Dimension.ENERGY, "total_time_cost": Dimension.TIME,
         "total_parking_cost": Dimension.PARKING_TIME, "total_fixed_cost": Dimension.FLAT}
BILLED = {"ENERGY_kwh": (Dimension.ENERGY, 1000), "TIME_minutes": (Dimension.TIME, 60),
          "PARKING_TIME_minutes": (Dimension.PARKING_TIME, 60)}


def test_the_public_cases_are_there() -> None:
    if not CASES:
        pytest.skip(f"no OCPI cases at {FOLDER}: the engine was not checked against them")
    assert len(CASES) == 65


def decoded(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)


def bill_of(case: dict[str, Any]) -> tuple[Bill, tuple[str, ...]]:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    cdr = case["cdr"]
    owner = {"country_code": "XX", "party_id": "XXX"}  # one case leaves them out
    tariffs = [owner | {"last_updated": cdr["start_date_time"]} | tariff for tariff in case["tariffs"]]
    return price_periods(
        msgspec.json.decode(encode(cdr["charging_periods"]), type=tuple[ChargingPeriod, ...]),
        start=utc(cdr["start_date_time"]), end=utc(cdr["end_date_time"]),
        tariffs=msgspec.json.decode(encode(tariffs), type=tuple[Tariff, ...]),
        zone=ZoneInfo(case["time_zone"]),
        reservation_expired=bool(case["options"].get("reservation_expired")))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_prices_the_public_cases(path: Path) -> None:
    case = decoded(path)
    if case["options"].get("disputed"):
        pytest.skip("disputed: its own source is wrong")
    bill, warnings = bill_of(case)
    expected, digits = case["expected"], int(case["decimals"])
    wanted: dict[str, Decimal] = {}
    got: dict[str, Decimal] = {}

    def compare(name: str, value: Decimal | None, exact: Fraction, places: int = digits) -> None:
        if value is not None:
            wanted[name], got[name] = value, half_up(exact, places)

    compare("excl", expected["total_cost"]["excl_vat"], bill.excl_vat)
    compare("incl", expected["total_cost"]["incl_vat"], bill.incl_vat)
    for name, dimension in PARTS.items():
        excl, incl = bill.cost(dimension)
        part = expected.get(name) or {}
        compare(name, part.get("excl_vat"), excl)
        compare(name + "_incl", part.get("incl_vat"), incl)
    for name, (dimension, scale) in BILLED.items():
        compare(name, (expected.get("billed") or {}).get(name), bill.billed(dimension) / scale, 3)
    assert got == wanted
    assert list(warnings) == ([expected["warning"]] if expected.get("warning") else list(warnings))
