"""The lines of a receipt. Amounts with VAT add up to the total, to the cent; VAT is named per rate."""

from decimal import Decimal
from fractions import Fraction

from edge.billing.money import half_up, minor_digits, spread
from edge.billing.price import Bill, Line, vat_factor
from edge.billing.sessions import Priced
from edge.billing.tariff import Dimension
from edge.controller.struct import Value

_UNITS = {Dimension.ENERGY: ("kWh", 1000, 3), Dimension.TIME: ("min", 60, 2),
          Dimension.PARKING_TIME: ("min", 60, 2), Dimension.FLAT: ("", 1, 0)}


class Item(Value):
    """Quantity x unit price (with VAT) = amount. `quantity` is what is billed, after step_size."""

    dimension: str  # "ENERGY", "TIME", "PARKING_TIME", "FLAT", or "MIN_PRICE", "MAX_PRICE"
    quantity: str = ""
    unit: str = ""
    unit_price_incl_vat: str = ""
    amount_incl_vat: str = ""


def lines(priced: Priced) -> tuple[tuple[str, str], ...]:
    """(key, amount with VAT) per dimension, then MIN_PRICE or MAX_PRICE where a limit changed the sum.

    These add up to the total. After them ("VAT 25", amount) per rate: how much of the total is tax.
    """
    bill = priced.bill
    names, amounts = _amounts(bill)
    return tuple(zip(names, (f"{amount:f}" for amount in amounts), strict=True)) + tuple(
        (f"VAT {_plain(rate)}", f"{amount:f}") for rate, amount in vat(bill).items())


def items(priced: Priced) -> tuple[Item, ...]:
    """Every price that was in force, with its quantity; what a printed receipt shows."""
    bill = priced.bill
    digits = minor_digits(bill.currency)
    exact = [line.incl_vat for line in bill.lines]
    total = half_up(bill.incl_vat, digits)
    if bill.limited:
        exact.append(bill.incl_vat - sum(exact, Fraction(0)))
    amounts = spread(exact, total, digits)
    found = [_item(line, amount) for line, amount in zip(bill.lines, amounts, strict=False)]
    if bill.limited:
        found.append(Item(dimension=bill.limited, amount_incl_vat=f"{amounts[-1]:f}"))
    return tuple(found)


def vat(bill: Bill) -> dict[Decimal, Decimal]:
    """Tax by rate in percent, highest rate first; it adds up to the total's tax."""
    bases: dict[Decimal, Fraction] = {}
    for line in bill.lines:
        rate = line.vat or Decimal(0)
        bases[rate] = bases.get(rate, Fraction(0)) + line.excl_vat * (vat_factor(rate) - 1)
    rates = sorted((rate for rate in bases if rate), reverse=True)
    digits = minor_digits(bill.currency)
    tax = half_up(bill.incl_vat, digits) - half_up(bill.excl_vat, digits)
    plain = sum((bases[rate] for rate in rates), Fraction(0))
    scale = (bill.incl_vat - bill.excl_vat) / plain if plain else Fraction(0)
    return dict(zip(rates, spread([bases[rate] * scale for rate in rates], tax, digits), strict=True))


def _amounts(bill: Bill) -> tuple[list[str], list[Decimal]]:
    digits = minor_digits(bill.currency)
    sums: dict[str, Fraction] = {}
    for dimension in Dimension:
        for reserved in (False, True):
            if any(x.dimension is dimension and x.reserved == reserved for x in bill.lines):
                name = f"RESERVATION_{dimension}" if reserved else str(dimension)
                sums[name] = bill.cost(dimension, reserved=reserved)[1]
    if bill.limited:
        sums[bill.limited] = bill.incl_vat - sum(sums.values(), Fraction(0))
    return list(sums), spread(list(sums.values()), half_up(bill.incl_vat, digits), digits)


def _item(line: Line, amount: Decimal) -> Item:
    unit, scale, places = _UNITS[line.dimension]
    price = line.incl_vat / line.billed * scale
    return Item(
        dimension=line.dimension, unit=unit, amount_incl_vat=f"{amount:f}",
        quantity=f"{half_up(line.billed / scale, places):f}",
        unit_price_incl_vat=_plain(half_up(price, 4)))


def _plain(number: Decimal) -> str:
    """Without trailing zeros, and never as 1E+2."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
