"""What outlives a restart beside the sessions: how each value is named, written and read again."""

import msgspec

from edge.controller.authorisation.usage import Usage
from edge.controller.effects import Keep
from edge.controller.events import (
    AvailabilityRestored,
    ContactRestored,
    LimitRestored,
    ReservationRestored,
    TallyRestored,
    UnknownRestored,
    UsageRestored,
    WearRestored,
)
from edge.controller.faults import FaultTally
from edge.controller.state import Limit, Reservation
from edge.controller.struct import Value
from edge.controller.wear import ContactorWear

Restored = (WearRestored | TallyRestored | AvailabilityRestored | LimitRestored | UsageRestored
            | ContactRestored | ReservationRestored | UnknownRestored)


def keep_wear(wear: ContactorWear) -> Keep:
    """`wear:<evse>`: what a contactor has done."""
    return Keep(key=f"wear:{wear.evse_id}", data=_raw(wear))


def keep_tally(tally: FaultTally) -> Keep:
    """`tally:<code>@<where>`: how often a fault has come, and whether it stands."""
    return Keep(key=f"tally:{tally.code}@{tally.where}", data=_raw(tally))


def keep_availability(evse_id: str, *, operational: bool) -> Keep:
    """`available:<evse>`: only what is out of service is kept."""
    return Keep(key=f"available:{evse_id}", data=None if operational else msgspec.Raw(b"false"))


def keep_limit(where: str, limit: Limit | None) -> Keep:
    """`limit:<EVSE or circuit>`: what somebody allows there at most."""
    return Keep(key=f"limit:{where}", data=None if limit is None else _raw(limit))


def keep_usage(account: str, usage: Usage | None) -> Keep:
    """`usage:<account>`: what an account has taken of its quotas."""
    return Keep(key=f"usage:{account}", data=None if usage is None else _raw(usage))


def keep_contact(utc: str) -> Keep:
    """`cards:contact`: when the cloud was last there, which the age of the list counts from."""
    return Keep(key="cards:contact", data=msgspec.Raw(msgspec.json.encode(utc)))


def keep_reservation(reservation_id: str, reservation: Reservation | None) -> Keep:
    """`reservation:<id>`: an EVSE that is kept for somebody."""
    return Keep(key=f"reservation:{reservation_id}",
                data=None if reservation is None else _raw(reservation))


def keep_unknown(taken: tuple[str, ...]) -> Keep:
    """`cards:unknown`: when unknown cards were let in lately."""
    return Keep(key="cards:unknown", data=msgspec.Raw(msgspec.json.encode(taken)))


def restored(key: str, body: bytes) -> Restored | None:
    """The event that hands a kept value in; None for a key that is somebody else's.

    Raises `msgspec.MsgspecError` for what cannot be read: another version may have written it.
    """
    kind, _, name = key.partition(":")
    if kind == "wear":
        return WearRestored(wear=msgspec.json.decode(body, type=ContactorWear))
    if kind == "tally":
        return TallyRestored(tally=msgspec.json.decode(body, type=FaultTally))
    if kind == "available":
        return AvailabilityRestored(evse_id=name, operational=msgspec.json.decode(body, type=bool))
    if kind == "limit":
        return LimitRestored(where=name, limit=msgspec.json.decode(body, type=Limit))
    if kind == "usage":
        return UsageRestored(usage=msgspec.json.decode(body, type=Usage))
    if kind == "reservation":
        return ReservationRestored(reservation=msgspec.json.decode(body, type=Reservation))
    if key == "cards:unknown":
        return UnknownRestored(taken=msgspec.json.decode(body, type=tuple[str, ...]))
    if key == "cards:contact":
        return ContactRestored(utc=msgspec.json.decode(body, type=str))
    return None


def assumed(key: str) -> Restored | None:
    """What is safe to believe of a kept value that cannot be read: what was out of service or limited
    is so until somebody says otherwise. None: nothing follows. (A quota begins anew: nobody could say
    when it would end to be used up.)
    """
    kind, _, name = key.partition(":")
    if kind == "available":
        return AvailabilityRestored(evse_id=name, operational=False)
    if kind == "limit":
        return LimitRestored(where=name, limit=Limit(current_a=0.0, because="limit"))
    return None


def _raw(value: Value) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
