"""Whether some JSON is a valid OCPI 2.2.1 CDR: presence, types, lengths, enums (mod_cdrs 10.3, 10.4).

Written from the specification's tables, apart from the structs that build our CDRs, so that it can
disagree with them. Unknown fields are allowed, as OCPI wants.
"""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

Check = Callable[[Any, str], Iterator[str]]
Fields = dict[str, tuple[str, Check]]  # name -> (cardinality "1", "?", "+" or "*", check)

_DATE_TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,3})?Z?")


def problems(data: bytes | str) -> list[str]:
    """Everything that is wrong with a CDR; empty for a valid one."""
    try:
        cdr = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        return [f"not JSON: {error}"]
    found = list(_object(_CDR)(cdr, "cdr"))
    return found or list(_sense(cdr))


def _sense(cdr: dict[str, Any]) -> Iterator[str]:
    """What the text of the specification asks beyond its tables."""
    if cdr.get("credit") and "credit_reference_id" not in cdr:
        yield "cdr.credit_reference_id: missing in a credit CDR"
    if not cdr.get("credit") and len(cdr["id"]) > 36:
        yield "cdr.id: longer than 36, which only a credit CDR may be"
    starts = [period["start_date_time"] for period in cdr["charging_periods"]]
    if starts != sorted(starts):
        yield "cdr.charging_periods: not in order of time"
    if not cdr["start_date_time"] <= starts[0] <= starts[-1] <= cdr["end_date_time"]:
        yield "cdr.charging_periods: outside of the session"
    named = {period.get("tariff_id") for period in cdr["charging_periods"]} - {None}
    if not named <= {tariff["id"] for tariff in cdr.get("tariffs", ())}:
        yield "cdr.charging_periods: name a tariff that the CDR does not hold"
    energy = sum(
        d["volume"]
        for period in cdr["charging_periods"]
        for d in period["dimensions"]
        if d["type"] == "ENERGY"
    )
    if abs(energy - cdr["total_energy"]) > Decimal("0.001"):
        yield f"cdr.total_energy: {cdr['total_energy']}, but its periods hold {energy}"


def _text(most: int, *, pattern: str = "", ascii_only: bool = False) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{where}: {value!r} is not a string"
        elif len(value) > most or not value:
            yield f"{where}: {len(value)} characters, expected 1 to {most}"
        elif ascii_only and not all(" " <= c <= "~" for c in value):
            yield f"{where}: {value!r} is not printable ASCII (CiString)"
        elif pattern and not re.fullmatch(pattern, value):
            yield f"{where}: {value!r} does not match {pattern}"

    return check


def _ci(most: int, pattern: str = "") -> Check:
    return _text(most, pattern=pattern, ascii_only=True)


def _one_of(*values: str) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if value not in values:
            yield f"{where}: {value!r} is none of {', '.join(values)}"

    return check


def _number(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        yield f"{where}: {value!r} is not a JSON number"


def _positive(value: Any, where: str) -> Iterator[str]:
    yield from _number(value, where)
    if isinstance(value, int | Decimal) and value < 0:
        yield f"{where}: {value} is negative"


def _integer(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield f"{where}: {value!r} is not an integer"


def _boolean(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{where}: {value!r} is not a boolean"


def _date_time(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str) or len(value) > 25 or not _DATE_TIME.fullmatch(value):
        yield f"{where}: {value!r} is not an OCPI DateTime in UTC"


def _anything(_value: Any, _where: str) -> Iterator[str]:
    yield from ()


def _object(fields: Fields) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is not an object"
            return
        for name, (cardinality, part) in fields.items():
            here = f"{where}.{name}"
            if name not in value or value[name] is None:
                if cardinality in ("1", "+"):
                    yield f"{here}: missing"
            elif cardinality in ("+", "*"):
                yield from _list(value[name], here, part, least=1 if cardinality == "+" else 0)
            else:
                yield from part(value[name], here)

    return check


def _list(value: Any, where: str, part: Check, *, least: int) -> Iterator[str]:
    if not isinstance(value, list) or len(value) < least:
        yield f"{where}: not a list of {least} or more"
        return
    for index, entry in enumerate(value):
        yield from part(entry, f"{where}[{index}]")


_PRICE = _object({"excl_vat": ("1", _number), "incl_vat": ("?", _number)})
_CLOCK = _text(5, pattern=r"([01]\d|2[0-3]):[0-5]\d")
_DAY = _text(10, pattern=r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_RESTRICTIONS = _object(
    {
        "start_time": ("?", _CLOCK),
        "end_time": ("?", _CLOCK),
        "start_date": ("?", _DAY),
        "end_date": ("?", _DAY),
        "min_kwh": ("?", _number),
        "max_kwh": ("?", _number),
        "min_current": ("?", _number),
        "max_current": ("?", _number),
        "min_power": ("?", _number),
        "max_power": ("?", _number),
        "min_duration": ("?", _integer),
        "max_duration": ("?", _integer),
        "day_of_week": (
            "*",
            _one_of("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
        ),
        "reservation": ("?", _one_of("RESERVATION", "RESERVATION_EXPIRES")),
    }
)
_COMPONENT = _object(
    {
        "type": ("1", _one_of("ENERGY", "FLAT", "PARKING_TIME", "TIME")),
        "price": ("1", _number),
        "vat": ("?", _number),
        "step_size": ("1", _integer),
    }
)
_TARIFF = _object(
    {
        "country_code": ("1", _ci(2, "[A-Z]{2}")),
        "party_id": ("1", _ci(3)),
        "id": ("1", _ci(36)),
        "currency": ("1", _text(3, pattern="[A-Z]{3}")),
        "type": (
            "?",
            _one_of("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"),
        ),
        "tariff_alt_text": ("*", _object({"language": ("1", _text(2)), "text": ("1", _text(512))})),
        "tariff_alt_url": ("?", _text(255)),
        "min_price": ("?", _PRICE),
        "max_price": ("?", _PRICE),
        "elements": (
            "+",
            _object({"price_components": ("+", _COMPONENT), "restrictions": ("?", _RESTRICTIONS)}),
        ),
        "start_date_time": ("?", _date_time),
        "end_date_time": ("?", _date_time),
        "energy_mix": ("?", _anything),
        "last_updated": ("1", _date_time),
    }
)
_TOKEN = _object(
    {
        "country_code": ("1", _ci(2, "[A-Z]{2}")),
        "party_id": ("1", _ci(3)),
        "uid": ("1", _ci(36)),
        "type": ("1", _one_of("AD_HOC_USER", "APP_USER", "OTHER", "RFID")),
        "contract_id": ("1", _ci(36)),
    }
)
_CONNECTOR_TYPES = (
    "CHADEMO",
    "CHAOJI",
    *(f"DOMESTIC_{c}" for c in "ABCDEFGHIJKLMNO"),
    "GBT_AC",
    "GBT_DC",
    "IEC_60309_2_single_16",
    "IEC_60309_2_three_16",
    "IEC_60309_2_three_32",
    "IEC_60309_2_three_64",
    "IEC_62196_T1",
    "IEC_62196_T1_COMBO",
    "IEC_62196_T2",
    "IEC_62196_T2_COMBO",
    "IEC_62196_T3A",
    "IEC_62196_T3C",
    "NEMA_5_20",
    "NEMA_6_30",
    "NEMA_6_50",
    "NEMA_10_30",
    "NEMA_10_50",
    "NEMA_14_30",
    "NEMA_14_50",
    "PANTOGRAPH_BOTTOM_UP",
    "PANTOGRAPH_TOP_DOWN",
    "TESLA_R",
    "TESLA_S",
)
_LOCATION = _object(
    {
        "id": ("1", _ci(36)),
        "name": ("?", _text(255)),
        "address": ("1", _text(45)),
        "city": ("1", _text(45)),
        "postal_code": ("?", _text(10)),
        "state": ("?", _text(20)),
        "country": ("1", _text(3, pattern="[A-Z]{3}")),
        "coordinates": (
            "1",
            _object(
                {
                    "latitude": ("1", _text(10, pattern=r"-?[0-9]{1,2}\.[0-9]{5,7}")),
                    "longitude": ("1", _text(11, pattern=r"-?[0-9]{1,3}\.[0-9]{5,7}")),
                }
            ),
        ),
        "evse_uid": ("1", _ci(36)),
        "evse_id": ("1", _ci(48, r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}")),
        "connector_id": ("1", _ci(36)),
        "connector_standard": ("1", _one_of(*_CONNECTOR_TYPES)),
        "connector_format": ("1", _one_of("SOCKET", "CABLE")),
        "connector_power_type": (
            "1",
            _one_of("AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"),
        ),
    }
)
_DIMENSION = _object(
    {
        "type": (
            "1",
            _one_of(
                "CURRENT",
                "ENERGY",
                "ENERGY_EXPORT",
                "ENERGY_IMPORT",
                "MAX_CURRENT",
                "MIN_CURRENT",
                "MAX_POWER",
                "MIN_POWER",
                "PARKING_TIME",
                "POWER",
                "RESERVATION_TIME",
                "STATE_OF_CHARGE",
                "TIME",
            ),
        ),
        "volume": ("1", _number),
    }
)
_PERIOD = _object(
    {"start_date_time": ("1", _date_time), "dimensions": ("+", _DIMENSION), "tariff_id": ("?", _ci(36))}
)
_SIGNED = _object(
    {
        "encoding_method": ("1", _ci(36)),
        "encoding_method_version": ("?", _integer),
        "public_key": ("?", _text(512)),
        "url": ("?", _text(512)),
        "signed_values": (
            "+",
            _object(
                {
                    "nature": ("1", _ci(32)),
                    "plain_data": ("1", _text(512)),
                    "signed_data": ("1", _text(5000)),
                }
            ),
        ),
    }
)
_CDR: Fields = {
    "country_code": ("1", _ci(2, "[A-Z]{2}")),
    "party_id": ("1", _ci(3)),
    "id": ("1", _ci(39)),
    "start_date_time": ("1", _date_time),
    "end_date_time": ("1", _date_time),
    "session_id": ("?", _ci(36)),
    "cdr_token": ("1", _TOKEN),
    "auth_method": ("1", _one_of("AUTH_REQUEST", "COMMAND", "WHITELIST")),
    "authorization_reference": ("?", _ci(36)),
    "cdr_location": ("1", _LOCATION),
    "meter_id": ("?", _text(255)),
    "currency": ("1", _text(3, pattern="[A-Z]{3}")),
    "tariffs": ("*", _TARIFF),
    "charging_periods": ("+", _PERIOD),
    "signed_data": ("?", _SIGNED),
    "total_cost": ("1", _PRICE),
    "total_fixed_cost": ("?", _PRICE),
    "total_energy": ("1", _positive),
    "total_energy_cost": ("?", _PRICE),
    "total_time": ("1", _positive),
    "total_time_cost": ("?", _PRICE),
    "total_parking_time": ("?", _positive),
    "total_parking_cost": ("?", _PRICE),
    "total_reservation_cost": ("?", _PRICE),
    "remark": ("?", _text(255)),
    "invoice_reference_id": ("?", _ci(39)),
    "credit": ("?", _boolean),
    "credit_reference_id": ("?", _ci(39)),
    "home_charging_compensation": ("?", _boolean),
    "last_updated": ("1", _date_time),
}
