"""Keeps an EVSE for a token or a group until a moment of wall time (OCPP 2.0.1 ReserveNow).

Others are refused there meanwhile. It ends at that moment, when its session begins, or when it is
cancelled; it is kept over a restart. Nothing is timed by the wall clock: the moment is turned into one
of the monotonic clock once the wall clock can be trusted. Until then it lasts a day at most.
"""

import msgspec

from edge.controller import kept
from edge.controller.clockwork import parse_ms
from edge.controller.idtoken import Role, TokenRecord
from edge.controller.state import Reservation
from edge.controller.turn import NS, Turn

UNDATED_S = 86_400.0
_MS_NS = NS // 1000


def at(turn: Turn, evse_id: str) -> Reservation | None:
    """The reservation of an EVSE."""
    return next((r for r in turn.site.reservations.values() if r.evse_id == evse_id), None)


def is_for(reservation: Reservation, record: TokenRecord) -> bool:
    """Whether it is this token's or its group's."""
    return reservation.token_ref == record.token.ref or (
        reservation.group_ref is not None and reservation.group_ref == record.group_ref)


def forbids(turn: Turn, evse_id: str, record: TokenRecord) -> bool:
    """Whether an EVSE is kept for somebody else. A technician may try every EVSE."""
    reservation = at(turn, evse_id)
    return (reservation is not None and record.role is not Role.SERVICE
            and not is_for(reservation, record))


def put(turn: Turn, reservation: Reservation) -> None:
    """A new one, or a new form of one that has the same id; kept."""
    reservation = _timed(turn, reservation)
    turn.change(reservations={**turn.site.reservations, reservation.id: reservation})
    turn.emit(kept.keep_reservation(reservation.id, reservation))


def restore(turn: Turn, reservation: Reservation) -> None:
    """One of before this start."""
    if reservation.evse_id in turn.outlets:
        turn.change(reservations={**turn.site.reservations, reservation.id: reservation})


def computer_began(turn: Turn) -> None:
    """Monotonic times of before this start mean nothing any more."""
    turn.change(reservations={key: msgspec.structs.replace(one, until_ns=None, dated=False)
                              for key, one in turn.site.reservations.items()})


def cancel(turn: Turn, reservation_id: str) -> None:
    """It is over, for whatever reason."""
    turn.change(reservations={key: one for key, one in turn.site.reservations.items()
                              if key != reservation_id})
    turn.emit(kept.keep_reservation(reservation_id, None))


def used(turn: Turn, evse_id: str, record: TokenRecord) -> None:
    """A session begins: what was kept for it need be kept no longer."""
    reservation = at(turn, evse_id)
    if reservation is not None and is_for(reservation, record):
        cancel(turn, reservation.id)


def expire(turn: Turn) -> None:
    """End those whose time is over."""
    if turn.site.started_ns is None:
        return  # whose times those of before this start are is not known yet
    for reservation in list(turn.site.reservations.values()):
        timed = _timed(turn, reservation)
        if timed.until_ns is not None and turn.reached(timed.until_ns):
            cancel(turn, timed.id)
        elif timed is not reservation:
            put(turn, timed)


def _timed(turn: Turn, reservation: Reservation) -> Reservation:
    """With its end by the monotonic clock, as well as it can be known now."""
    if reservation.dated:
        return reservation
    until_ms = parse_ms(reservation.until_utc)
    now_ms = parse_ms(turn.at.utc) if turn.at.clock_ok else None
    if until_ms is not None and now_ms is not None:
        left_ms = max(0, until_ms - now_ms)
        return msgspec.structs.replace(
            reservation, until_ns=turn.now_ns + left_ms * _MS_NS, dated=True)
    if reservation.until_ns is not None:
        return reservation
    return msgspec.structs.replace(reservation, until_ns=turn.now_ns + int(UNDATED_S * NS))
