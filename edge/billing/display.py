"""The price before the start: AFIR's order, with VAT, per kWh, minute and session."""

from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from edge.billing.money import half_up
from edge.billing.price import Book, gross_price
from edge.billing.tariff import Dimension, PriceComponent, Restrictions, Tariff
from edge.controller.snapshot import PriceLine

_PER = {Dimension.ENERGY: 1, Dimension.TIME: 60, Dimension.PARKING_TIME: 60, Dimension.FLAT: 1}


def price_lines(tariff: Tariff, at: datetime, time_zone: str) -> tuple[PriceLine, ...]:
    """What a session that starts `at` (aware) pays: the component in force per dimension.

    A dimension that costs nothing at first but later on is shown with when it begins, as is
    what is in force only for part of a day: the note.
    """
    book = Book(tariff, ZoneInfo(time_zone))
    start = book.moment(at, at, Fraction(0))
    found: list[PriceLine] = []
    for dimension in Dimension:
        hit = book.component(dimension, start)
        if hit is None:
            hit = _later(book, dimension, at)
        if hit is None or hit[1].price == 0:
            continue
        price = gross_price(tariff, hit[1]) / _PER[dimension]
        found.append(PriceLine(
            dimension=dimension, price_incl_vat=_money(price),
            note=_note(tariff.elements[hit[0]].restrictions)))
    return tuple(found)


def _later(book: Book, dimension: Dimension, at: datetime) -> tuple[int, PriceComponent] | None:
    """The first component that comes into force if the session lasts, up to a day."""
    moments = [at + timedelta(seconds=int(s)) for s in book.thresholds.elapsed_s]
    moments += book.thresholds.on_the_clock(at, at + timedelta(days=1))
    for moment in sorted(moments):
        hit = book.component(dimension, book.moment(moment, at, Fraction(0)))
        if hit is not None:
            return hit
    for energy_wh in book.thresholds.energy_wh:
        hit = book.component(dimension, book.moment(at, at, energy_wh))
        if hit is not None:
            return hit
    return None


def _money(price: Fraction) -> str:
    """Two decimals, or as many of four as are needed."""
    text = f"{half_up(price, 4):f}"
    return text[:-2] if text.endswith("00") else text.rstrip("0")


def _note(r: Restrictions | None) -> str:
    if r is None:
        return ""
    parts = []
    if r.start_time or r.end_time:
        parts.append(f"{r.start_time or '00:00'}-{r.end_time or '00:00'}")
    if r.min_duration:
        parts.append(f">{_hours(r.min_duration)}")
    if r.max_duration:
        parts.append(f"<{_hours(r.max_duration)}")
    for sign, kwh in ((">", r.min_kwh), ("<", r.max_kwh)):
        if kwh:
            parts.append(f"{sign}{kwh.normalize():f} kWh")
    return " ".join(parts)


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
