"""Pricing charging periods as somebody wrote them into a CDR (OCPI mod_cdrs ChargingPeriod).

Volumes are what is priced, not the timestamps. A period that was not split where its price changed is
billed at its start rate, and said so; nothing is interpolated.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from edge.billing.price import Bill, Pricer, Usage, utc
from edge.billing.tariff import Tariff
from edge.controller.struct import Value


class CdrDimension(Value):
    """kWh for ENERGY, hours for times, kW, A."""

    type: str
    volume: Decimal


class ChargingPeriod(Value, omit_defaults=True):
    """From its start until the next period, or the end of the session."""

    start_date_time: str
    dimensions: tuple[CdrDimension, ...]
    tariff_id: str | None = None

    def volume(self, *names: str) -> Fraction | None:
        """The first of these dimensions that the period has."""
        for name in names:
            for dimension in self.dimensions:
                if dimension.type == name:
                    return Fraction(dimension.volume)
        return None


def usage(period: ChargingPeriod) -> Usage:
    """A period in Wh and seconds. Of a range of power, what was reached decides."""
    def amount(name: str, scale: int) -> Fraction:
        return (period.volume(name) or Fraction(0)) * scale

    return Usage(
        start=utc(period.start_date_time), tariff_id=period.tariff_id, energy_wh=amount("ENERGY", 1000),
        time_s=amount("TIME", 3600), parking_s=amount("PARKING_TIME", 3600),
        reservation_s=amount("RESERVATION_TIME", 3600),
        power_kw=period.volume("MAX_POWER", "POWER", "MIN_POWER"),
        current_a=period.volume("MAX_CURRENT", "CURRENT", "MIN_CURRENT"))


def price_periods(periods: Sequence[ChargingPeriod], *, start: datetime, end: datetime,
                  tariffs: Sequence[Tariff], zone: ZoneInfo,
                  reservation_expired: bool = False) -> tuple[Bill, tuple[str, ...]]:
    """The bill, and warnings (`period_spans_price_change`)."""
    pricer = Pricer(tariffs, zone)
    usages = [usage(period) for period in periods]
    bill = pricer.price(usages, start, reservation_expired=reservation_expired)
    spans = any(_spans(pricer, each, until, start) for each, until in zip(
        usages, [*(u.start for u in usages[1:]), end], strict=True))
    return bill, ("period_spans_price_change",) if spans else ()


def _spans(pricer: Pricer, each: Usage, until: datetime, began: datetime) -> bool:
    """Whether the clock changed a price inside the period."""
    book = pricer.book(each.tariff_id)

    def selection(at: datetime) -> tuple[int | None, ...]:
        return book.selection(book.moment(at, began, Fraction(0), each.power_kw, each.current_a))

    first = selection(each.start)
    return any(selection(at) != first for at in book.thresholds.on_the_clock(each.start, until))
