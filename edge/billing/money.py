"""Rounding, in the one place where it happens. Amounts are exact (`Fraction`) until then.

Half up: OCPI's own example 3 (5.625 -> 5.63) is met by nothing else.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

_MINOR_DIGITS = {"BIF": 0, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0,
                 "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3}  # ISO 4217, where it is not 2


def minor_digits(currency: str) -> int:
    """Decimals of the currency's smallest unit in electronic payment."""
    return _MINOR_DIGITS.get(currency, 2)


def half_up(amount: Fraction, digits: int) -> Decimal:
    """Round half away from zero; the result shows exactly `digits` decimals."""
    scaled = abs(amount) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-digits)


def spread(amounts: Sequence[Fraction], total: Decimal, digits: int) -> list[Decimal]:
    """Round amounts so that they add up to `total`: no cent is lost.

    Each line is rounded once, half up; what rounding leaves (a few of the smallest unit) is put
    on the largest, where it matters least.
    """
    rounded = [half_up(amount, digits) for amount in amounts]
    if rounded:
        largest = max(range(len(rounded)), key=lambda i: abs(amounts[i]))
        rounded[largest] += total - sum(rounded)
    return rounded
