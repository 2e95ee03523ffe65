"""What is wrong with a tariff file, all of it, before anybody is charged by it.

More than the OCPI schema: what the specification leaves undefined, what would give energy away, and
what this controller does not price yet.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from zoneinfo import ZoneInfo

import msgspec

from edge.billing.price import Book
from edge.billing.restrictions import Moment
from edge.billing.tariff import Dimension, Element, Restrictions, Tariff, decode
from edge.controller.struct import Value


class TariffProblem(Value):
    """One thing to mend: where in the JSON, what stands there, what should."""

    key: str
    got: str
    expected: str


def problems(data: bytes) -> tuple[TariffProblem, ...]:
    """Everything that speaks against charging by this file; nothing for a sound one."""
    try:
        tariff = decode(data)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        return (TariffProblem(key=where.strip("`").removeprefix("$.") or "(tariff)", got=text,
                              expected="an OCPI 2.2.1 Tariff object"),)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return (TariffProblem(key="(file)", got=str(error), expected="one JSON object"),)
    found = list(_of_tariff(tariff))
    return tuple(found or _of_coverage(tariff))


def _of_tariff(tariff: Tariff) -> Iterator[TariffProblem]:
    for index, element in enumerate(tariff.elements):
        where = f"elements[{index}]"
        yield from _of_components(where, element)
        if element.restrictions is not None:
            yield from _of_restrictions(f"{where}.restrictions", element.restrictions)
            if element.restrictions.reservation is not None:
                yield TariffProblem(key=f"{where}.restrictions.reservation",
                                    got=element.restrictions.reservation,
                                    expected="none: this site takes no reservations")
    for name in ("min_price", "max_price"):
        limit = getattr(tariff, name)
        if limit is None:
            continue
        gross = limit.excl_vat if limit.incl_vat is None else limit.incl_vat
        if limit.excl_vat < 0 or gross < limit.excl_vat:
            yield TariffProblem(key=name, got=f"{limit.excl_vat} without and {gross} with VAT",
                                expected="amounts from 0 on, and with VAT not less than without")
    low, high = tariff.min_price, tariff.max_price
    if low is not None and high is not None and low.excl_vat > high.excl_vat:
        yield TariffProblem(key="max_price", got=str(high.excl_vat),
                            expected=f"at least min_price, which is {low.excl_vat}")


def _of_components(where: str, element: Element) -> Iterator[TariffProblem]:
    seen: set[Dimension] = set()
    for index, part in enumerate(element.price_components):
        here = f"{where}.price_components[{index}]"
        if part.type in seen:  # undefined in OCPI
            yield TariffProblem(key=f"{here}.type", got=f"{part.type} a second time",
                                expected="each type once in an element")
        seen.add(part.type)
        if part.price < 0:
            yield TariffProblem(key=f"{here}.price", got=str(part.price), expected="0 or more")
        if part.step_size < 0:
            yield TariffProblem(key=f"{here}.step_size", got=str(part.step_size), expected="0 or more")
        if part.vat is not None and not 0 <= part.vat <= Decimal(100):
            yield TariffProblem(key=f"{here}.vat", got=str(part.vat), expected="percent, 0 to 100")


def _of_restrictions(where: str, r: Restrictions) -> Iterator[TariffProblem]:
    for name in ("min_current", "max_current", "min_power", "max_power"):
        if getattr(r, name) is not None:
            yield TariffProblem(
                key=f"{where}.{name}", got=str(getattr(r, name)),
                expected="nothing: this version does not price by current or power")
    for low, high in (("min_kwh", "max_kwh"), ("min_duration", "max_duration"),
                      ("start_date", "end_date")):
        least, below = getattr(r, low), getattr(r, high)
        if least is not None and below is not None and least >= below:
            yield TariffProblem(key=f"{where}.{high}", got=str(below),
                                expected=f"more than {low}, which is {least}")


def _of_coverage(tariff: Tariff) -> Iterator[TariffProblem]:
    """A tariff that prices energy must do so at every moment: a gap gives energy away (OCPI advises
    a fallback per dimension). Checked at each moment at which a restriction can change.
    """
    book = Book(tariff, ZoneInfo("UTC"))
    if not any(part.type is Dimension.ENERGY for e in tariff.elements for part in e.price_components):
        return
    for moment in _corners(tariff, book):
        if book.component(Dimension.ENERGY, moment) is None:
            yield TariffProblem(
                key="elements", expected="a last element with an ENERGY price and no restrictions",
                got=f"no ENERGY price on {moment.local:%A %Y-%m-%d %H:%M}, after "
                    f"{float(moment.energy_wh) / 1000:g} kWh and {int(moment.elapsed_s)} s")
            return


def _corners(tariff: Tariff, book: Book) -> Iterator[Moment]:
    given = [e.restrictions for e in tariff.elements if e.restrictions is not None]
    dates = {d for r in given for d in (r.start_date, r.end_date) if d} or {"2026-01-05"}
    first = [datetime.fromisoformat(day) for day in dates]
    clocks = {c for r in given for c in (r.start_time, r.end_time) if c} | {"00:00"}
    days = {day + timedelta(days=n) for day in first for n in range(-7, 8)}
    zero = [Fraction(0)]
    bounds = book.thresholds
    for day, clock, energy_wh, elapsed_s in product(
            sorted(days), sorted(clocks), zero + bounds.energy_wh, zero + bounds.elapsed_s):
        local = day.replace(hour=int(clock[:2]), minute=int(clock[3:]))
        yield Moment(local=local, energy_wh=energy_wh, elapsed_s=elapsed_s)
