"""What the driver is shown before, and what he takes away."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from edge.billing.display import price_lines
from edge.billing.money import half_up, spread
from edge.billing.receipt import Item, items, lines
from edge.billing.sessions import SessionPricer
from edge.billing.tariff import Tariff
from edge.controller.snapshot import PriceLine


def test_lines_are_with_vat_and_the_tax_is_named(tariff, session) -> None:
    full = tariff(("ENERGY", "4.00"), ("FLAT", "5"), ("PARKING_TIME", "12"))
    result = SessionPricer(full, "UTC").price(
        session("2026-03-02T10:00:00Z", [(0, 0, "charging"), (600, 2500, "idle")], 1500, 2500))
    assert lines(result) == (("ENERGY", "12.50"), ("PARKING_TIME", "3.75"), ("FLAT", "6.25"),
                             ("VAT 25", "4.50"))


def test_items_say_quantity_times_price(tariff, session) -> None:
    dear = tariff(("ENERGY", "4.00", {"end_time": "17:00"}), ("ENERGY", "2.80"), ("FLAT", "5"))
    result = SessionPricer(dear, "UTC").price(
        session("2026-03-02T16:00:00Z", [(0, 0, "charging")], 7200, 10_000))
    assert items(result) == (
        Item(dimension="ENERGY", quantity="5.000", unit="kWh", unit_price_incl_vat="5",
             amount_incl_vat="25.00"),
        Item(dimension="FLAT", quantity="1", unit_price_incl_vat="6.25", amount_incl_vat="6.25"),
        Item(dimension="ENERGY", quantity="5.000", unit="kWh", unit_price_incl_vat="3.5",
             amount_incl_vat="17.50"))


def test_a_limit_has_a_line_of_its_own(tariff, session) -> None:
    result = SessionPricer(tariff(("ENERGY", "4.00"), max_price={"excl_vat": 2}), "UTC").price(
        session("2026-03-02T10:00:00Z", [(0, 0, "charging")], 600, 1000))
    assert lines(result) == (("ENERGY", "5.00"), ("MAX_PRICE", "-2.50"), ("VAT 25", "0.50"))


def test_two_rates_of_vat_are_two_lines(tariff, session) -> None:
    both = tariff(("ENERGY", "4.00"), ("FLAT", "10"))
    flat = both.elements[1].price_components[0]
    mixed: Tariff = msgspec.structs.replace(both, elements=(both.elements[0], msgspec.structs.replace(
        both.elements[1], price_components=(msgspec.structs.replace(flat, vat=Decimal(6)),))))
    result = SessionPricer(mixed, "UTC").price(
        session("2026-03-02T10:00:00Z", [(0, 0, "charging")], 600, 1000))
    assert lines(result) == (
        ("ENERGY", "5.00"), ("FLAT", "10.60"), ("VAT 25", "1.00"), ("VAT 6", "0.60"))


@pytest.mark.parametrize("amount, digits, expected", [
    ("5.625", 2, "5.63"), ("5.624999", 2, "5.62"), ("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"),
    ("2.5", 0, "3"), ("100", 2, "100.00")])
def test_rounds_half_up(amount: str, digits: int, expected: str) -> None:
    assert str(half_up(Fraction(amount), digits)) == expected


def test_what_rounding_leaves_goes_to_the_largest() -> None:
    thirds = [Fraction(1, 3), Fraction(4, 3), Fraction(1, 3)]
    assert spread(thirds, Decimal("2.00"), 2) == [Decimal("0.33"), Decimal("1.34"), Decimal("0.33")]


def test_shows_prices_with_vat_per_kwh_minute_and_session(tariff) -> None:
    shown = price_lines(tariff(("FLAT", "5"), ("PARKING_TIME", "12", {"min_duration": 7200}),
                               ("ENERGY", "2.80", {"start_time": "22:00", "end_time": "06:00"}),
                               ("ENERGY", "3.99")),
                        datetime(2026, 3, 2, 12, tzinfo=UTC), "Europe/Stockholm")
    assert shown == (
        PriceLine(dimension="ENERGY", price_incl_vat="4.9875"),
        PriceLine(dimension="PARKING_TIME", price_incl_vat="0.25", note=">2 h"),
        PriceLine(dimension="FLAT", price_incl_vat="6.25"))


def test_shows_the_price_of_the_hour(tariff) -> None:
    night = tariff(("ENERGY", "2.80", {"start_time": "22:00", "end_time": "06:00"}), ("ENERGY", "4"))
    shown = price_lines(night, datetime(2026, 3, 2, 21, tzinfo=UTC), "Europe/Stockholm")
    assert shown == (PriceLine(dimension="ENERGY", price_incl_vat="3.50", note="22:00-06:00"),)


def test_shows_nothing_for_what_is_free(tariff) -> None:
    assert price_lines(tariff(("FLAT", "0")), datetime(2026, 3, 2, tzinfo=UTC), "UTC") == ()
