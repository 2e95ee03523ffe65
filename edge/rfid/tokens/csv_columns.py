"""The columns of a sheet of cards, and what a cell of each may say.

A cell that is empty says nothing. Several values in a cell are separated by `|`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from edge.controller.idtoken import Per, Role
from edge.rfid.tokens.list_entry import Card

_DAYS = {name: number for number, name in enumerate(("mo", "tu", "we", "th", "fr", "sa", "su"), 1)}
_STATUS = {word.lower(): word for word in ("Accepted", "Blocked", "Expired")}
_HOURS = re.compile(r"([a-z0-9,-]+)\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")
_QUOTA = re.compile(r"(\w+)\s+(\d+(?:[.,]\d+)?)\s*(kwh)?")
_WH_PER_KWH = 1000


class CellError(ValueError):
    """What a cell says cannot be understood. The message says what was expected."""


def card_of(cells: Mapping[str, str]) -> Card:
    """The card of a row, by its columns without `uid`. Raises CellError that names the columns."""
    fields: dict[str, Any] = {}
    wrong: list[str] = []
    for column, cell in cells.items():
        if not cell:
            continue
        field, read = COLUMNS[column]
        try:
            value = read(cell)
            msgspec.convert({field: value}, Card)
        except CellError as error:
            wrong.append(f"{column}: {error}")
        except msgspec.ValidationError as error:
            wrong.append(f"{column}: {str(error).partition(' - at')[0]}")
        else:
            fields[field] = value
    if wrong:
        raise CellError("; ".join(wrong))
    card = msgspec.convert(fields, Card)
    if card.valid_from_utc and card.expires_utc and card.expires_utc <= card.valid_from_utc:
        raise CellError("expires: not later than valid_from")
    return card


def _text(cell: str) -> str:
    return cell


def _several(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|") if part.strip()]


def _whole(cell: str) -> int:
    if not re.fullmatch(r"\d{1,9}", cell):
        raise CellError("expected a whole number")
    return int(cell)


def _level(cell: str) -> int:
    level = _whole(cell.upper().removeprefix("L"))
    if level > 4:
        raise CellError("expected a level of 0 to 4")
    return level


def _status(cell: str) -> str:
    if cell.lower() not in _STATUS:
        raise CellError(f"expected {', '.join(_STATUS.values())}")
    return _STATUS[cell.lower()]


def _role(cell: str) -> str:
    if cell.lower() not in {role.value for role in Role}:
        raise CellError(f"expected {', '.join(role.value for role in Role)}")
    return cell.lower()


def utc_text(cell: str) -> str:
    """A date (its first moment) or moment of ISO 8601; without a zone it is UTC. Raises CellError."""
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        raise CellError("expected a date as 2027-01-31 or 2027-01-31T12:00:00Z") from None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wh(cell: str) -> int:
    try:
        energy_wh = Decimal(cell.replace(",", ".")) * _WH_PER_KWH
    except InvalidOperation:
        raise CellError("expected kWh, as 25 or 7.5") from None
    if not energy_wh.is_finite() or energy_wh != int(energy_wh):
        raise CellError("expected kWh with at most three decimals")
    return int(energy_wh)


def _windows(cell: str) -> list[dict[str, Any]]:
    found = []
    for part in _several(cell):
        match = _HOURS.fullmatch(part.lower())
        if match is None:
            raise CellError("expected hours as Mo-Fr 07:00-18:00 | Sa,Su 10:00-16:00")
        from_min, until_min = _minute(match[2], match[3]), _minute(match[4], match[5])
        found.append({"days": _days(match[1]), "from_min": from_min, "until_min": until_min})
    return found


def _minute(hour: str, minute: str) -> int:
    moment = int(hour) * 60 + int(minute)
    if int(minute) > 59 or moment > 1440:
        raise CellError(f"there is no {hour}:{minute} in a day")
    return moment


def _days(text: str) -> list[int]:
    days: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin, end = _day(first), _day(last) if dash else _day(first)
        days += range(begin, end + 1) if begin <= end else [*range(begin, 8), *range(1, end + 1)]
    if len(days) != len(set(days)):
        raise CellError("a day comes twice")
    return days


def _day(text: str) -> int:
    day = _DAYS.get(text) or (int(text) if text.isdecimal() else 0)
    if not 1 <= day <= 7:
        raise CellError("expected days as Mo, Tu, We, Th, Fr, Sa, Su or 1 (Monday) to 7")
    return day


def _quotas(cell: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for part in _several(cell):
        match = _QUOTA.fullmatch(part.lower())
        if match is None or match[1] not in {per.value for per in Per}:
            raise CellError("expected quotas as month 100 kWh | day 250.00 (of the site's money); "
                            f"{', '.join(per.value for per in Per)}")
        key = "energy_wh" if match[3] else "cost"
        share = found.setdefault(match[1], {"per": match[1]})
        if key in share:
            raise CellError(f"two quotas of one kind per {match[1]}")
        share[key] = _wh(match[2]) if match[3] else match[2].replace(",", ".")
    return list(found.values())


#: column: (field of `Card`, what reads a cell)
COLUMNS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "contract": ("contract", _text), "group": ("group", _text), "user": ("user", _text),
    "name": ("name", _text), "role": ("role", _role), "status": ("status", _status),
    "level": ("level", _level), "evses": ("evses", _several), "evse_groups": ("evse_groups", _several),
    "valid_from": ("valid_from_utc", utc_text), "expires": ("expires_utc", utc_text),
    "windows": ("windows", _windows), "quotas": ("quotas", _quotas),
    "concurrent": ("concurrent", _whole), "limit_kwh": ("limit_wh", _wh),
    "language": ("language", _text),
}
