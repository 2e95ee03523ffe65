from datetime import UTC, datetime

import pytest

from edge.ui.format import Formatter, parse_utc


@pytest.fixture(params=["sv", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def formatter(language: str, currency: str = "SEK") -> Formatter:
    return Formatter(language, currency, "Europe/Stockholm")


@pytest.mark.parametrize(("language", "currency", "amount", "expected"), [
    ("sv", "SEK", "114.7", "114,70 kr"),
    ("sv", "SEK", "1114.705", "1 114,70 kr"),
    ("en", "SEK", "114.7", "114.70 SEK"),
    ("en", "EUR", "0.49", "€0.49"),
    ("sv", "EUR", "0.49", "0,49 €"),
    ("sv", "SEK", "-3", "-3,00 kr"),
])
def test_money_is_written_as_people_of_the_language_do(
        language: str, currency: str, amount: str, expected: str) -> None:
    assert formatter(language, currency).money(amount) == expected


@pytest.mark.parametrize(("amount", "expected"), [("4.9", "4,90 kr"), ("4.905", "4,905 kr"),
                                                  ("0.0375", "0,0375 kr")])
def test_a_unit_price_is_never_rounded(amount: str, expected: str) -> None:
    assert formatter("sv").unit_price(amount) == expected


@pytest.mark.parametrize(("energy_wh", "expected"), [
    (0, "0,00"), (34, "0,03"), (9_999, "9,99"), (23_412, "23,4"), (99_999, "99,9"),
    (123_456, "123,4"), (999_999, "999,9"), (1_234_567, "1234"),
])
def test_the_large_energy_is_cut_and_never_rounded_up(energy_wh: int, expected: str) -> None:
    assert formatter("sv").figure_kwh(energy_wh) == expected


@pytest.mark.parametrize(("seconds", "expected"), [
    (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7690, "2 h 08 min"),
    (100 * 3600, "100 h 00 min"), (-1, "0 s"),
])
def test_durations(seconds: int, expected: str) -> None:
    assert Formatter.duration(seconds) == expected


def test_the_clock_shows_the_time_of_the_site(language: str) -> None:
    assert formatter(language).clock(datetime(2026, 5, 4, 12, 32, tzinfo=UTC)) == "14:32"
    assert formatter(language).clock(datetime(2026, 1, 4, 12, 32, tzinfo=UTC)) == "13:32"


@pytest.mark.parametrize(("text", "expected"), [("25", "25"), ("25.00", "25"), ("8.1", "8,1")])
def test_percent(text: str, expected: str) -> None:
    assert formatter("sv").percent(text) == expected


@pytest.mark.parametrize(("current_a", "expected"), [(16.0, "16"), (7.5, "7,5"), (6.97, "6,9")])
def test_ampere_has_a_decimal_only_where_it_says_something(current_a: float, expected: str) -> None:
    assert formatter("sv").ampere(current_a) == expected


def test_times_are_read_as_utc_and_refused_without_a_zone() -> None:
    assert parse_utc("2026-05-04T12:32:00.500Z") == datetime(2026, 5, 4, 12, 32, 0, 500000, UTC)
    assert parse_utc(None) is None
    with pytest.raises(ValueError, match="without a zone"):
        parse_utc("2026-05-04T12:32:00")
