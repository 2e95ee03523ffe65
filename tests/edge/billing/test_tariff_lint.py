"""A tariff file that would be a mistake to charge by is refused, with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.billing.tariff_lint import problems

EXAMPLE = (Path(__file__).resolve().parents[3] / "examples" / "tariff.json").read_bytes()


def spoiled(**fields: Any) -> bytes:
    return json.dumps(json.loads(EXAMPLE) | fields).encode()


def element(*kinds: str, price: float = 1, step: int = 1, vat: float = 25,
            **restrictions: Any) -> dict[str, Any]:
    part = {"price": price, "step_size": step, "vat": vat}
    return {"price_components": [{"type": kind} | part for kind in kinds]} | (
        {"restrictions": restrictions} if restrictions else {})


def test_the_example_that_ships_is_sound() -> None:
    assert problems(EXAMPLE) == ()


@pytest.mark.parametrize("elements", [
    [element("ENERGY")], [element("FLAT", price=0)],
    [element("ENERGY", end_time="17:00"), element("ENERGY", start_time="17:00")],
    [element("ENERGY", max_kwh=10), element("ENERGY", min_kwh=10)],
    [element("ENERGY", start_time="22:00", end_time="06:00"),
     element("ENERGY", start_time="06:00", end_time="22:00")],
    [element("TIME", end_time="17:00")],
])
def test_accepts_what_leaves_no_gap(elements: list[Any]) -> None:
    assert problems(spoiled(elements=elements)) == ()


@pytest.mark.parametrize("fields, key, got", [
    ({"elements": []}, "elements", "length >= 1"),
    ({"currency": "kr"}, "currency", "regex"),
    ({"elements": [element("POWER")]}, "elements[0].price_components[0].type", "Invalid enum"),
    ({"elements": [element("ENERGY", price=-1)]}, "elements[0].price_components[0].price", "-1"),
    ({"elements": [element("ENERGY", vat=125)]}, "elements[0].price_components[0].vat", "125"),
    ({"elements": [element("ENERGY", step=-1)]}, "elements[0].price_components[0].step_size", "-1"),
    ({"elements": [element("ENERGY", "ENERGY")]}, "elements[0].price_components[1].type",
     "second time"),
    ({"elements": [element("ENERGY", start_time="7:00"), element("ENERGY")]},
     "elements[0].restrictions.start_time", "regex"),
    ({"elements": [element("ENERGY", max_power=16), element("ENERGY")]},
     "elements[0].restrictions.max_power", "16"),
    ({"elements": [element("ENERGY"), element("TIME", reservation="RESERVATION")]},
     "elements[1].restrictions.reservation", "RESERVATION"),
    ({"elements": [element("ENERGY", min_kwh=10, max_kwh=5), element("ENERGY")]},
     "elements[0].restrictions.max_kwh", "5"),
    ({"min_price": {"excl_vat": 5}, "max_price": {"excl_vat": 4}}, "max_price", "4"),
    ({"min_price": {"excl_vat": 5, "incl_vat": 4}}, "min_price", "4 with VAT"),
    ({"elements": [element("ENERGY", end_time="17:00")]}, "elements", "no ENERGY price on"),
    ({"elements": [element("ENERGY", max_kwh=10)]}, "elements", "after 10 kWh"),
    ({"elements": [element("ENERGY", day_of_week=["MONDAY"])]}, "elements", "no ENERGY price on"),
    ({"elements": [element("ENERGY", max_duration=60)]}, "elements", "60 s"),
    ({"vat": 25}, "(tariff)", "unknown field `vat`"),
])
def test_finds_the_mistake(fields: dict[str, Any], key: str, got: str) -> None:
    found = problems(spoiled(**fields))
    assert [problem.key for problem in found] == [key]
    assert got in found[0].got


def test_says_where_a_file_is_no_json() -> None:
    assert problems(b"{")[0].key == "(file)"
    assert problems(b"\xff")[0].key == "(file)"
