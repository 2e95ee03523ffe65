"""A register that began anew: reset, full, or that of another meter. The acceptor believed it.

A session that is open keeps what was metered up to the last value that was believed, and goes on from
the new one. Nothing between the two is billed: nobody metered it.
"""

import msgspec

from edge.controller.effects import SaveSession, Stream
from edge.controller.reading import Quality, Reading
from edge.controller.records import EV_METER, meter_event
from edge.controller.session import Session
from edge.controller.turn import Turn


def of_before(turn: Turn, reading: Reading) -> bool:
    """Whether its energy is that of a register that has begun anew since."""
    since_ns = turn.site.rebased.get(reading.meter_id)
    return since_ns is not None and reading.energy_ns < since_ns


def note(turn: Turn, reading: Reading) -> None:
    """Take a register that began anew in, once."""
    to_wh, known_ns = reading.energy_import_wh, turn.site.rebased.get(reading.meter_id)
    if (reading.rebased_from_wh is None or to_wh is None or reading.quality is Quality.SUSPECT
            or (known_ns is not None and reading.energy_ns <= known_ns)):
        return
    site, meter_id = turn.site, reading.meter_id
    turn.change(rebased={**site.rebased, meter_id: reading.energy_ns},
                readings={m: r for m, r in site.readings.items() if m != meter_id})
    sessions = [_carry(turn, evse_id, meter_id, to_wh) for evse_id in turn.outlets]
    turn.change(event_id=turn.site.event_id + 1)
    turn.record(Stream.EV, EV_METER, meter_event(
        reading, next((e for e in turn.plan.evses if e.meter_id == meter_id), None),
        event_id=turn.site.event_id, utc=turn.at.utc,
        transaction_id=next((s.transaction_id for s in sessions if s is not None), None)))


def _carry(turn: Turn, evse_id: str, meter_id: str, to_wh: int) -> Session | None:
    """The open session that this meter bills, moved on to the register that began anew."""
    outlet = turn.outlets[evse_id]
    session = outlet.session or outlet.restored
    if session is None or session.meter_id != meter_id:
        return None
    if session.base_wh is None or session.end_reading is not None:
        return session
    session = msgspec.structs.replace(
        session, segments=session.spans, anew_wh=to_wh, last_wh=to_wh)
    turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
    turn.set(evse_id, down_from_wh=None,
             **{"restored" if outlet.session is None else "session": session})
    return session
