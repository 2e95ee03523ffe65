"""The register of faults: which begin and which end with this event, and how often each has come.

Kinds are data (`catalogue.py`), causes are found by `rules/`. What an EVSE suffers from is a *set*:
one that ends unmasks nothing while another stands (`Turn.stands`).
"""

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import ClearFault, RaiseFault, Stream
from edge.controller.faults import Fault, FaultTally, Until
from edge.controller.pilot import PilotState
from edge.controller.records import EV_FAULT, notify_event
from edge.controller.rules import board, contactor, electrical, meter, station, surroundings
from edge.controller.rules.found import Found
from edge.controller.signs import pilot
from edge.controller.turn import Turn, fault_key

ACKNOWLEDGED_S = 3.0  # so long an acknowledgement is good

RULES = (board.standing, contactor.standing, meter.standing, electrical.standing,
         surroundings.standing, station.standing)


def update(turn: Turn) -> None:
    """Raise what began, clear what ended by the rule of its kind."""
    standing: dict[str, Found] = {}
    for rule in RULES:
        for found in rule(turn):
            standing.setdefault(fault_key(found.code, found.where), found)
    for key, found in standing.items():
        if key not in turn.faults:
            _raise(turn, found)
    for key, fault in list(turn.faults.items()):
        if key not in standing and _may_clear(turn, fault):
            clear(turn, fault)


def restore(turn: Turn, tally: FaultTally) -> None:
    """What was known before this start; a fault that latched stands on."""
    key = fault_key(tally.code, tally.where)
    turn.change(tallies={**turn.site.tallies, key: tally})
    if tally.standing is not None:
        turn.faults[key] = tally.standing


def _raise(turn: Turn, found: Found) -> None:
    fault = Fault(code=found.code, where=found.where, since_utc=turn.at.utc, detail=found.detail,
                  since_mono_ns=turn.now_ns, evse_id=found.evse_id, evse_ids=found.evse_ids)
    turn.faults[fault_key(found.code, found.where)] = fault
    turn.emit(RaiseFault(fault=fault))
    _record(turn, fault, cleared=False)


def _may_clear(turn: Turn, fault: Fault) -> bool:
    until = CATALOGUE[fault.code].until
    if until is Until.GONE:
        return True
    if until is Until.UNPLUG and fault.evse_id is not None:
        return pilot(turn.outlets[fault.evse_id]) is PilotState.A
    return fault.acknowledged_ns is not None and not turn.past(fault.acknowledged_ns, ACKNOWLEDGED_S)


def acknowledge(turn: Turn, fault: Fault) -> None:
    """A technician looked. It ends now or with its cause, if that goes within seconds: the board
    needs a poll to say that it let go of what it latched. Otherwise it stands, and he looks again.
    """
    turn.faults[fault_key(fault.code, fault.where)] = msgspec.structs.replace(
        fault, acknowledged_ns=turn.now_ns)


def clear(turn: Turn, fault: Fault) -> None:
    """End a fault; it comes back with the next event if its cause still stands."""
    del turn.faults[fault_key(fault.code, fault.where)]
    turn.emit(ClearFault(fault=fault))
    _record(turn, fault, cleared=True)


def _record(turn: Turn, fault: Fault, *, cleared: bool) -> None:
    turn.change(event_id=turn.site.event_id + 1)
    evse = turn.evse(fault.evse_id) if fault.evse_id is not None else None
    turn.record(Stream.EV, EV_FAULT, notify_event(
        fault, evse, event_id=turn.site.event_id, utc=turn.at.utc, cleared=cleared))
