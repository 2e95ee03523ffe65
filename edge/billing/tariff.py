"""The OCPI 2.2.1 Tariff object (mod_tariffs), decoded with exact decimals.

`tax_included` of 2.3.0 is understood too, so that a consumer price can be entered as it is shown.
"""

import enum
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge.controller.struct import Value

_CLOCK = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
_DAY = Annotated[str, Meta(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")]
_UTC = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?\Z")]


class Dimension(enum.StrEnum):
    """TariffDimensionType, in the order in which AFIR wants prices shown."""

    ENERGY = "ENERGY"  # per kWh, step in Wh
    TIME = "TIME"  # per hour of charging, step in seconds
    PARKING_TIME = "PARKING_TIME"  # per hour in which the car does not ask for power
    FLAT = "FLAT"  # once


class Weekday(enum.StrEnum):
    """DayOfWeek, in the order of `datetime.weekday()`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class Reservation(enum.StrEnum):
    """ReservationRestrictionType."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TaxIncluded(enum.StrEnum):
    """OCPI 2.3.0: whether the prices of a tariff contain the tax already."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class Limit(Value, omit_defaults=True):
    """An OCPI Price: `incl_vat` may be left out."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


class PriceComponent(Value, omit_defaults=True):
    """A price without VAT (unless the tariff says `tax_included`), `vat` in percent."""

    type: Dimension
    price: Decimal
    step_size: int
    vat: Decimal | None = None


class Restrictions(Value, omit_defaults=True):
    """When an element is in force: all that are given must hold (mod_tariffs TariffRestrictions)."""

    start_time: _CLOCK | None = None  # local wall clock, inclusive
    end_time: _CLOCK | None = None  # exclusive; 00:00 is the end of the day
    start_date: _DAY | None = None  # local, inclusive
    end_date: _DAY | None = None  # exclusive
    min_kwh: Decimal | None = None  # inclusive
    max_kwh: Decimal | None = None  # exclusive
    min_current: Decimal | None = None  # A, sum over the phases
    max_current: Decimal | None = None
    min_power: Decimal | None = None  # kW
    max_power: Decimal | None = None
    min_duration: int | None = None  # s since the session began, inclusive
    max_duration: int | None = None  # exclusive
    day_of_week: tuple[Weekday, ...] = ()
    reservation: Reservation | None = None


class Element(Value, omit_defaults=True):
    """TariffElement: components that share their restrictions."""

    price_components: Annotated[tuple[PriceComponent, ...], Meta(min_length=1)]
    restrictions: Restrictions | None = None


class DisplayText(Value):
    """A text in one language."""

    language: str
    text: str


class Tariff(Value, omit_defaults=True):
    """An OCPI Tariff."""

    country_code: Annotated[str, Meta(min_length=2, max_length=2)]
    party_id: Annotated[str, Meta(min_length=3, max_length=3)]
    id: Annotated[str, Meta(min_length=1, max_length=36)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    elements: Annotated[tuple[Element, ...], Meta(min_length=1)]
    last_updated: _UTC
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    min_price: Limit | None = None
    max_price: Limit | None = None
    start_date_time: _UTC | None = None
    end_date_time: _UTC | None = None
    energy_mix: dict[str, Any] | None = None
    tax_included: TaxIncluded | None = None


def decode(data: bytes) -> Tariff:
    """A tariff from its JSON; prices are exactly the digits in it.

    Raises `msgspec.DecodeError` (not JSON) or its child `msgspec.ValidationError` (not a tariff).
    """
    return msgspec.json.decode(data, type=Tariff)


def excluding_vat(tariff: Tariff) -> Tariff:
    """The same tariff as 2.2.1 can say it: prices without VAT, 4 decimals where they do not end."""
    if tariff.tax_included is None:
        return tariff
    replace = msgspec.structs.replace
    if tariff.tax_included is not TaxIncluded.YES:
        return replace(tariff, tax_included=None)
    elements = tuple(
        replace(element, price_components=tuple(
            replace(part, price=net_price(part.price, part.vat)) for part in element.price_components))
        for element in tariff.elements)
    return replace(tariff, elements=elements, tax_included=None)


def net_price(gross: Decimal, vat: Decimal | None) -> Decimal:
    """A price without its VAT, in OCPI's 4 decimals."""
    return round(gross * 100 / (100 + (vat or Decimal(0))), 4)
