"""Numbers, money and times as people of a language write them. Babel does the work.

Babel's non-breaking spaces become plain ones: a terminal cell is a cell.
"""

from datetime import UTC, datetime, tzinfo
from decimal import ROUND_DOWN, Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_time
from babel.numbers import format_currency, format_decimal, get_currency_symbol

# A bare "en" is American to Babel ("2:32 PM"); this is a European product.
_TERRITORY = {"en": "en_GB", "sv": "sv_SE"}
_BIG_KWH = Decimal(1000)


@cache
def locale_of(language: str) -> Locale:
    """The Babel locale of a language tag such as "sv" or "pt-BR"."""
    return Locale.parse(_TERRITORY.get(language, language), sep="-" if "-" in language else "_")


def _plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ").replace("\u2212", "-")


def parse_utc(text: str | None) -> datetime | None:
    """ISO 8601 with Z to an aware UTC time; None stays None.

    Raises ValueError for anything else, a time without a zone included.
    """
    if text is None:
        return None
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return when.astimezone(UTC)


class Formatter:
    """Writes values for one language, one currency and one time zone."""

    def __init__(self, language: str, currency: str, time_zone: str) -> None:
        self._locale = locale_of(language)
        self._currency = currency
        self._zone: tzinfo = ZoneInfo(time_zone)

    def _money(self, amount: Decimal, *, exact: bool) -> str:
        symbol = get_currency_symbol(self._currency, locale=self._locale)
        # "SEK114.70" is unreadable: a currency without a sign of its own stands after the amount.
        pattern = "#,##0.00\xa0¤¤" if symbol == self._currency else None
        return _plain(format_currency(amount, self._currency, pattern, locale=self._locale,
                                      currency_digits=not exact, decimal_quantization=not exact))

    def money(self, amount: str) -> str:
        """A decimal text as money: "114.7" -> "114,70 kr" (sv), "114.70 SEK" (en)."""
        return self._money(Decimal(amount), exact=False)

    def unit_price(self, amount: str) -> str:
        """A price per kWh or minute: never rounded, at least two decimals."""
        return self._money(Decimal(amount), exact=True)

    def number(self, value: Decimal | float, decimals: int) -> str:
        """`value` with exactly `decimals` decimals, cut and not rounded up, without grouping."""
        cut = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)
        pattern = "0" if decimals == 0 else "0." + "0" * decimals
        return _plain(format_decimal(cut, pattern, locale=self._locale))

    def figure_kwh(self, energy_wh: int) -> str:
        """Energy for block digits: four places at most ("0,03", "23,4", "123,4", "1234").

        Cut, never rounded up: the screen shows no energy that the register has not counted.
        """
        kwh = Decimal(energy_wh) / 1000
        if kwh >= _BIG_KWH:
            return self.number(kwh, 0)
        return self.number(kwh, 2 if kwh < 10 else 1)

    def exact_kwh(self, energy_wh: int) -> str:
        """Energy or a register to the Wh: 23412 -> "23,412"."""
        return self.number(Decimal(energy_wh) / 1000, 3)

    def kw(self, power_w: float) -> str:
        """Power with one decimal: 10938.0 -> "10,9"."""
        return self.number(power_w / 1000, 1)

    def ampere(self, current_a: float) -> str:
        """Current in whole amperes where it is one: 16.0 -> "16", 7.5 -> "7,5"."""
        return self.number(current_a, 0 if float(current_a).is_integer() else 1)

    def percent(self, text: str) -> str:
        """A rate as decimal text: "25" -> "25", "8.1" -> "8,1" (the sign is in the message)."""
        return _plain(format_decimal(Decimal(text), "0.##", locale=self._locale))

    def clock(self, when: datetime) -> str:
        """Hours and minutes at the site: "14:32"."""
        return _plain(format_time(when.astimezone(self._zone), "short", locale=self._locale))

    @staticmethod
    def duration(seconds: int) -> str:
        """ "42 s", "8 min", "2 h 08 min": the symbols are SI's and the same in every language."""
        minutes, rest = divmod(max(0, seconds), 60)
        if minutes == 0:
            return f"{rest} s"
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
