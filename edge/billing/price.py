"""The price of a session: OCPI 2.2.1 lookup per dimension, step_size, VAT, limits. Exact throughout.

Each dimension is looked up by itself at the start of every usage: the first element that has a
component of it and whose restrictions hold. No such element: that dimension costs nothing then.
Reservations are priced by the elements that name them, and by nothing else.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from edge.billing.restrictions import Moment, Rule, Thresholds
from edge.billing.tariff import Dimension, PriceComponent, Reservation, Tariff, TaxIncluded
from edge.controller.struct import Value

_ZERO = Fraction(0)
_UNIT = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600, Dimension.FLAT: 1}
_SLACK = {Dimension.ENERGY: Fraction(1, 10**6), Dimension.TIME: Fraction(1, 2)}


class Usage(Value):
    """What was used from `start` (UTC) until the next usage: Wh and seconds."""

    start: datetime
    energy_wh: Fraction = _ZERO
    time_s: Fraction = _ZERO
    parking_s: Fraction = _ZERO
    reservation_s: Fraction = _ZERO
    power_kw: Fraction | None = None
    current_a: Fraction | None = None
    tariff_id: str | None = None  # None: the first tariff


class Line(Value):
    """One component's share. `quantity` in Wh, s or times, with `surplus` by step_size on top."""

    tariff_id: str
    dimension: Dimension
    reserved: bool
    price: Decimal
    vat: Decimal | None
    quantity: Fraction
    surplus: Fraction
    excl_vat: Fraction
    incl_vat: Fraction

    @property
    def billed(self) -> Fraction:
        """What is paid for."""
        return self.quantity + self.surplus


class Bill(Value):
    """What a session costs, exactly. `limited` names the limit that set the totals, if one did."""

    currency: str
    lines: tuple[Line, ...] = ()
    excl_vat: Fraction = _ZERO
    incl_vat: Fraction = _ZERO
    limited: str = ""  # "MIN_PRICE" or "MAX_PRICE"

    def cost(self, dimension: Dimension, *, reserved: bool = False) -> tuple[Fraction, Fraction]:
        """Without and with VAT of one dimension, before min_price and max_price."""
        mine = [x for x in self.lines if x.dimension is dimension and x.reserved == reserved]
        return sum((x.excl_vat for x in mine), _ZERO), sum((x.incl_vat for x in mine), _ZERO)

    def billed(self, dimension: Dimension) -> Fraction:
        """Wh, seconds or times that are paid for, step_size included."""
        return sum((x.billed for x in self.lines if x.dimension is dimension), _ZERO)


class Book:
    """One tariff, parsed for a zone once and asked many times."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo) -> None:
        self.tariff, self.zone = tariff, zone
        self.thresholds = Thresholds(tariff, zone)
        self._entries: dict[Dimension, list[tuple[int, Rule, PriceComponent]]] = {
            dimension: [] for dimension in Dimension}
        for index, element in enumerate(tariff.elements):
            rule = Rule(element.restrictions)
            for part in element.price_components:
                self._entries[part.type].append((index, rule, part))

    def moment(self, start: datetime, began: datetime, energy_wh: Fraction,
               power_kw: Fraction | None = None, current_a: Fraction | None = None) -> Moment:
        """What the restrictions see at `start` of a session that began at `began`."""
        local = start.astimezone(self.zone).replace(tzinfo=None)
        elapsed = Fraction((start - began).total_seconds()).limit_denominator(1000)
        return Moment(local=local, energy_wh=energy_wh, elapsed_s=elapsed, power_kw=power_kw,
                      current_a=current_a)

    def component(self, dimension: Dimension, at: Moment,
                  reservation: Reservation | None = None) -> tuple[int, PriceComponent] | None:
        """The element (its index) and component in force for a dimension at a moment."""
        for index, rule, part in self._entries[dimension]:
            if rule.reservation is reservation and rule.holds(at):
                return index, part
        return None

    def selection(self, at: Moment) -> tuple[int | None, ...]:
        """Which element is in force, per dimension: while it stays the same, so do all prices."""
        found = (self.component(dimension, at) for dimension in Dimension)
        return tuple(None if hit is None else hit[0] for hit in found)


class _Tally:
    """Quantities per component while a session is walked, in order of first use."""

    def __init__(self) -> None:
        self.quantity: dict[tuple[str, bool, Dimension, int], Fraction] = {}
        self.surplus: dict[tuple[str, bool, Dimension, int], Fraction] = {}
        self.part: dict[tuple[str, bool, Dimension, int], PriceComponent] = {}
        self.last: dict[tuple[str, bool, Dimension], tuple[str, bool, Dimension, int]] = {}

    def add(self, tariff_id: str, reserved: bool, dimension: Dimension,
            hit: tuple[int, PriceComponent] | None, quantity: Fraction) -> bool:
        """Count a quantity at the component in force; False where none is."""
        if hit is None or quantity <= 0:
            return False
        key = (tariff_id, reserved, dimension, hit[0])
        self.part.setdefault(key, hit[1])
        self.quantity[key] = self.quantity.get(key, _ZERO) + quantity
        self.last[key[:3]] = key
        return True

    def step(self, tariff_id: str, reserved: bool, dimension: Dimension) -> bool:
        """Round a dimension's priced total up to the step of its last component, at its price."""
        key = self.last.get((tariff_id, reserved, dimension))
        if key is None:
            return False
        total = sum((q for k, q in self.quantity.items() if k[:3] == key[:3]), _ZERO)
        size = self.part[key].step_size
        if size > 1 or (size == 1 and dimension is Dimension.ENERGY):
            # volumes of others are decimal hours: what is over by half a second is no step more
            steps = -((-(total - _SLACK.get(dimension, Fraction(1, 2)))) // size)
            self.surplus[key] = max(_ZERO, steps * size - total)
        return True


class Pricer:
    """Prices usages by one tariff, or by the tariffs that they name."""

    def __init__(self, tariffs: Sequence[Tariff], zone: ZoneInfo) -> None:
        if not tariffs:
            raise ValueError("tariffs: got none, expected at least one")
        self.books = {tariff.id: Book(tariff, zone) for tariff in tariffs}
        self.default = self.books[tariffs[0].id]

    def book(self, tariff_id: str | None) -> Book:
        """The tariff of that id; the first one for None or an id that is not known."""
        return self.default if tariff_id is None else self.books.get(tariff_id, self.default)

    def price(self, usages: Iterable[Usage], began: datetime, *,
              reservation_expired: bool = False) -> Bill:
        """The bill of a session whose first moment is `began`."""
        tally = _Tally()
        used_wh, flat_due, reserved_flat_due = _ZERO, True, True
        for usage in usages:
            book = self.book(usage.tariff_id)
            at = book.moment(usage.start, began, used_wh, usage.power_kw, usage.current_a)
            if usage.reservation_s > 0:
                reserved_flat_due &= not self._reserve(tally, book, at, usage, reservation_expired,
                                                       reserved_flat_due)
            if usage.reservation_s == 0 or usage.energy_wh or usage.time_s or usage.parking_s:
                flat_due &= not self._use(tally, book, at, usage, flat_due)
            used_wh += usage.energy_wh
        return self._bill(tally)

    @staticmethod
    def _use(tally: _Tally, book: Book, at: Moment, usage: Usage, flat_due: bool) -> bool:
        amounts = {Dimension.ENERGY: usage.energy_wh, Dimension.TIME: usage.time_s,
                   Dimension.PARKING_TIME: usage.parking_s}
        for dimension, quantity in amounts.items():
            if quantity > 0:
                tally.add(book.tariff.id, False, dimension, book.component(dimension, at), quantity)
        return flat_due and tally.add(book.tariff.id, False, Dimension.FLAT,
                                      book.component(Dimension.FLAT, at), Fraction(1))

    @staticmethod
    def _reserve(tally: _Tally, book: Book, at: Moment, usage: Usage, expired: bool,
                 flat_due: bool) -> bool:
        """An expired reservation: its own elements first, those of reservations for the rest."""
        def hit(dimension: Dimension) -> tuple[int, PriceComponent] | None:
            found = book.component(dimension, at, Reservation.RESERVATION_EXPIRES) if expired else None
            return found or book.component(dimension, at, Reservation.RESERVATION)

        tally.add(book.tariff.id, True, Dimension.TIME, hit(Dimension.TIME), usage.reservation_s)
        return flat_due and tally.add(book.tariff.id, True, Dimension.FLAT, hit(Dimension.FLAT),
                                      Fraction(1))

    def _bill(self, tally: _Tally) -> Bill:
        for tariff_id in self.books:
            tally.step(tariff_id, False, Dimension.ENERGY)
            if not tally.step(tariff_id, False, Dimension.PARKING_TIME):
                tally.step(tariff_id, False, Dimension.TIME)
            tally.step(tariff_id, True, Dimension.TIME)
        lines = tuple(self._line(tally, key) for key in tally.quantity)
        excl, incl, limited = _ZERO, _ZERO, ""
        for tariff_id, book in self.books.items():
            mine = [line for line in lines if line.tariff_id == tariff_id]
            if not mine and book is not self.default:
                continue
            part_excl, part_incl, by = _limit(book.tariff, mine)
            excl, incl, limited = excl + part_excl, incl + part_incl, limited or by
        return Bill(currency=self.default.tariff.currency, lines=lines, excl_vat=excl, incl_vat=incl,
                    limited=limited)

    def _line(self, tally: _Tally, key: tuple[str, bool, Dimension, int]) -> Line:
        part, quantity, surplus = tally.part[key], tally.quantity[key], tally.surplus.get(key, _ZERO)
        amount = Fraction(part.price) * (quantity + surplus) / _UNIT[key[2]]
        factor = vat_factor(part.vat)
        gross = self.books[key[0]].tariff.tax_included is TaxIncluded.YES
        return Line(
            tariff_id=key[0], reserved=key[1], dimension=key[2], price=part.price, vat=part.vat,
            quantity=quantity, surplus=surplus, excl_vat=amount / factor if gross else amount,
            incl_vat=amount if gross else amount * factor)


def vat_factor(vat: Decimal | None) -> Fraction:
    """1.25 for 25 percent."""
    return 1 + Fraction(vat or 0) / 100


def gross_price(tariff: Tariff, part: PriceComponent) -> Fraction:
    """The price of a component with its VAT, per kWh, hour or session."""
    price = Fraction(part.price)
    return price if tariff.tax_included is TaxIncluded.YES else price * vat_factor(part.vat)


def _limit(tariff: Tariff, lines: Sequence[Line]) -> tuple[Fraction, Fraction, str]:
    """Totals under min_price and max_price, which hold for the sums with and without VAT apart.

    A limit without `incl_vat` takes the VAT along in proportion, so that the tax lines add up.
    """
    excl = sum((line.excl_vat for line in lines), _ZERO)
    incl = sum((line.incl_vat for line in lines), _ZERO)
    limited = ""
    for name, limit, nearer in (("MIN_PRICE", tariff.min_price, max),
                                ("MAX_PRICE", tariff.max_price, min)):
        if limit is None:
            continue
        to_excl, to_incl = nearer(excl, Fraction(limit.excl_vat)), incl
        if limit.incl_vat is not None:
            to_incl = nearer(incl, Fraction(limit.incl_vat))
        elif to_excl != excl:
            to_incl = incl * to_excl / excl if excl else to_excl
        if (to_excl, to_incl) != (excl, incl):
            excl, incl, limited = to_excl, to_incl, name
    return excl, incl, limited


def utc(text: str) -> datetime:
    """An OCPI DateTime: UTC, with or without Z and fraction."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
