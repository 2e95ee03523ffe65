"""The OCPI 2.2.1 CDR of a session (mod_cdrs). Never changed afterwards: a mistake is credited.

Deterministic: everything comes from the session, the site's facts and the tariff; `last_updated` is the
session's end. Energy in whole Wh, hours to 4 decimals (half of that is 0.18 s: the second can be
recovered), the total to the currency's smallest unit, its parts to 4 decimals.
"""

import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import msgspec

from edge.billing.foreign import CdrDimension, ChargingPeriod
from edge.billing.money import half_up
from edge.billing.price import Usage
from edge.billing.sessions import Priced
from edge.billing.tariff import Dimension, Limit, Tariff, excluding_vat
from edge.controller.idtoken import NO_AUTHORIZATION, Source
from edge.controller.session import Session
from edge.controller.struct import Value

_DIGITS = 4
_UID_CHARACTERS = 36
_SPANS_TOLD = 4  # a remark holds 255 characters
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Place(Value):
    """What a CDR says of the site. `location_id` is the site's own id."""

    country_code: str
    party_id: str
    location_id: str
    name: str
    address: str
    city: str
    country: str  # alpha-3
    latitude: str  # degrees with 5 to 7 decimals
    longitude: str
    postal_code: str | None = None


class Connector(Value):
    """What a CDR says of one EVSE of the site."""

    evse_uid: str
    phases: int
    standard: str = "IEC_62196_T2"
    format: str = "SOCKET"
    id: str = "1"


class CdrFacts(Value):
    """What the CDRs of a site need besides a session and its tariff."""

    place: Place
    connectors: tuple[Connector, ...]  # one per EVSE


class Coordinates(Value):
    """OCPI GeoLocation."""

    latitude: str
    longitude: str


class CdrLocation(Value, omit_defaults=True):
    """OCPI CdrLocation: the place with the one EVSE that was used."""

    id: str
    name: str
    address: str
    city: str
    country: str
    coordinates: Coordinates
    evse_uid: str
    evse_id: str
    connector_id: str
    connector_standard: str
    connector_format: str
    connector_power_type: str
    postal_code: str | None = None


class CdrToken(Value):
    """OCPI CdrToken. `uid` is our token reference: the card's own UID never leaves the site. Where
    nobody showed a card (free-vend), it names the session.
    """

    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str


class Cdr(Value, omit_defaults=True):
    """OCPI CDR, the fields that this site fills."""

    country_code: str
    party_id: str
    id: str
    start_date_time: str
    end_date_time: str
    session_id: str
    cdr_token: CdrToken
    auth_method: str
    cdr_location: CdrLocation
    currency: str
    tariffs: tuple[Tariff, ...]
    charging_periods: tuple[ChargingPeriod, ...]
    total_cost: Limit
    total_energy: Decimal
    total_time: Decimal
    last_updated: str
    meter_id: str | None = None
    total_fixed_cost: Limit | None = None
    total_energy_cost: Limit | None = None
    total_time_cost: Limit | None = None
    total_parking_time: Decimal | None = None
    total_parking_cost: Limit | None = None
    remark: str | None = None


def cdr(priced: Priced, facts: CdrFacts) -> msgspec.Raw:
    """The CDR of a finished session, as the exact JSON that is recorded and sent.

    Raises `LookupError` for an EVSE that the facts do not know.
    """
    uid = priced.session.evse_id
    connector = next((c for c in facts.connectors if c.evse_uid == uid), None)
    if connector is None:
        known = ", ".join(c.evse_uid for c in facts.connectors)
        raise LookupError(f"CDR: got evse {uid!r}, expected one of {known}")
    return msgspec.Raw(encode(build(priced, facts.place, connector)))


def build(priced: Priced, place: Place, connector: Connector) -> Cdr:
    """The CDR of a finished session."""
    session, tariff = priced.session, excluding_vat(priced.tariff)
    parking_s = sum((usage.parking_s for usage in priced.usages), Fraction(0))
    return Cdr(
        country_code=place.country_code, party_id=place.party_id, id=session.transaction_id,
        session_id=session.transaction_id, start_date_time=utc_text(priced.began),
        end_date_time=utc_text(priced.ended), last_updated=utc_text(priced.ended),
        cdr_token=_token(session, place),
        auth_method="AUTH_REQUEST" if session.source is Source.CLOUD else "WHITELIST",
        cdr_location=_location(place, connector), meter_id=session.meter_id or None,
        currency=tariff.currency, tariffs=(tariff,),
        charging_periods=tuple(_period(usage, tariff.id) for usage in priced.usages),
        total_cost=Limit(excl_vat=priced.total_excl_vat, incl_vat=priced.total_incl_vat),
        total_energy=_kwh(Fraction(priced.energy_wh)),
        total_time=_hours(Fraction(int((priced.ended - priced.began).total_seconds()))),
        total_parking_time=_hours(parking_s), total_fixed_cost=_cost(priced, Dimension.FLAT),
        total_energy_cost=_cost(priced, Dimension.ENERGY),
        total_time_cost=_cost(priced, Dimension.TIME),
        total_parking_cost=_cost(priced, Dimension.PARKING_TIME), remark=_remark(priced))


def encode(record: Cdr) -> bytes:
    """JSON with numbers as numbers (plain `msgspec.json.encode` would make them texts)."""
    return _ENCODER.encode(record)


def decode(data: bytes) -> Cdr:
    """A CDR of ours. Raises `msgspec.ValidationError` for anything else."""
    return msgspec.json.decode(data, type=Cdr)


def utc_text(moment: datetime) -> str:
    """OCPI DateTime in seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def evse_id(location_id: str, evse_uid: str) -> str:
    """The eMI3 EVSE id: the site's id with the EVSE's own added, as `SE*FCT*E0001*1`."""
    own = re.sub(r"[^A-Z0-9*]", "", evse_uid.upper())
    return f"{location_id}*{own}" if "*" in location_id else f"{location_id}{own}"


def _location(place: Place, connector: Connector) -> CdrLocation:
    return CdrLocation(
        id=place.location_id, name=place.name, address=place.address, city=place.city,
        postal_code=place.postal_code, country=place.country,
        coordinates=Coordinates(latitude=place.latitude, longitude=place.longitude),
        evse_uid=connector.evse_uid, evse_id=evse_id(place.location_id, connector.evse_uid),
        connector_id=connector.id, connector_standard=connector.standard,
        connector_format=connector.format,
        connector_power_type="AC_1_PHASE" if connector.phases == 1 else "AC_3_PHASE")


def _period(usage: Usage, tariff_id: str) -> ChargingPeriod:
    found = [CdrDimension(type="ENERGY", volume=_kwh(usage.energy_wh))]
    for name, seconds in (("TIME", usage.time_s), ("PARKING_TIME", usage.parking_s)):
        if seconds:
            found.append(CdrDimension(type=name, volume=_hours(seconds)))
    return ChargingPeriod(start_date_time=utc_text(usage.start), dimensions=tuple(found),
                          tariff_id=tariff_id)


def _cost(priced: Priced, dimension: Dimension) -> Limit | None:
    """The cost of a dimension, before min_price and max_price; None where it has no price."""
    if not any(line.dimension is dimension for line in priced.bill.lines):
        return None
    excl, incl = priced.bill.cost(dimension)
    return Limit(excl_vat=half_up(excl, _DIGITS), incl_vat=half_up(incl, _DIGITS))


def _token(session: Session, place: Place) -> CdrToken:
    token = session.token
    if token.type == NO_AUTHORIZATION:
        kind, uid = "AD_HOC_USER", session.transaction_id[:_UID_CHARACTERS]
    else:
        kind, uid = "RFID", token.ref
    return CdrToken(country_code=place.country_code, party_id=place.party_id, uid=uid, type=kind,
                    contract_id=token.contract_id or uid)


def _remark(priced: Priced) -> str | None:
    session = priced.session
    parts = [session.stop_reason.value] if session.stop_reason else []
    if session.source is Source.POLICY:
        parts.append("card not known, nobody could be asked")
    if not (session.began.clock_ok and (session.ended is None or session.ended.clock_ok)):
        parts.append("clock not synchronised")
    for name, estimated in zip(("start", "end"), session.estimated, strict=True):
        if estimated:
            parts.append(f"{name} register estimated")
    if session.segments:
        spans = [f"{span.from_wh} to {span.to_wh} Wh" for span in session.spans]
        told = " and ".join(spans) if len(spans) <= _SPANS_TOLD else f"{len(session.segments)} times"
        parts.append(f"meter register began anew: {told}")
    return ", ".join(parts) or None


def _kwh(energy_wh: Fraction) -> Decimal:
    return half_up(energy_wh / 1000, 3)


def _hours(seconds: Fraction) -> Decimal:
    return half_up(seconds / 3600, _DIGITS)
