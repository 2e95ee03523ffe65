"""The register of faults: which begin and which end with this event, and how often each has come.

Tallies are kept with the rows of a beginning and an end, never more often. After a restart a fault
that stood stands on: a latched one until it is ended as its kind says, any other until its rule had
the time to find its cause again. One that flaps ends when its cause has been gone for a while: each
beginning and end is written, and what comes and goes is not well.

Kinds are data (`catalogue.py`), causes are found by `rules/`. What an EVSE suffers from is a *set*:
one that ends unmasks nothing while another stands (`Turn.stands`).
"""

from typing import TypeVar

import msgspec

from edge.controller import kept, seldom
from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import ClearFault, RaiseFault, Stream
from edge.controller.faults import LATCHING, Fault, FaultTally, Until
from edge.controller.pilot import PilotState
from edge.controller.plug import pilot
from edge.controller.records import EV_FAULT, notify_event
from edge.controller.rules import (
    board,
    circuit,
    contactor,
    contradiction,
    electrical,
    heat,
    life,
    meter,
    station,
    surroundings,
)
from edge.controller.rules.found import Found
from edge.controller.state import Outlet
from edge.controller.turn import Turn, fault_key

_F = TypeVar("_F", Fault, Found)

_FLAPS, _GONE = "flaps:", "gone:"  # in `Site.since`
ACKNOWLEDGED_S = 3.0  # so long an acknowledgement is good

RULES = (board.standing, contactor.standing, life.standing, meter.standing, contradiction.standing,
         electrical.standing, circuit.standing, heat.standing, surroundings.standing, station.standing)
RULES_OF_EVSES = (board.standing, contactor.standing, life.standing, meter.standing,
                  contradiction.standing, electrical.standing, heat.standing)


def update(turn: Turn) -> None:
    """Raise what began, clear what ended by the rule of its kind."""
    standing: dict[str, Found] = {}
    for rule in RULES if turn.few is None else RULES_OF_EVSES:
        for found in rule(turn):
            key = fault_key(found.code, found.where)
            standing[key] = _widened(standing.get(key, found), found)
    for key, fault in turn.withdrawn.items():
        turn.faults[key] = fault
        if key not in standing:
            _end(turn, fault)
    for key, found in standing.items():
        if key not in turn.faults:
            _raise(turn, found)
        else:
            _widen(turn, key, found)
    for key, fault in list(turn.faults.items()):
        gone = key not in standing and _may_clear(turn, fault)
        if _for_long(turn, key, gone=gone):
            _end(turn, fault)


def _for_long(turn: Turn, key: str, *, gone: bool) -> bool:
    """Whether it is gone; of one that flaps: for long enough."""
    if _FLAPS + key not in turn.site.since:
        return gone
    return turn.past(turn.lasting(_GONE + key, gone), seldom.WITHIN_S)


def _reach(fault: Fault | Found) -> set[str]:
    return {*fault.evse_ids, *((fault.evse_id,) if fault.evse_id is not None else ())}


def _widened(what: _F, by: Found) -> _F:
    """Two causes under one name: nobody whom one of them stops is left out."""
    if _reach(by) <= _reach(what):
        return what
    return msgspec.structs.replace(what, evse_ids=tuple(sorted(_reach(what) | _reach(by))))


def _widen(turn: Turn, key: str, by: Found) -> None:
    fault = _widened(turn.faults[key], by)
    if fault is not turn.faults[key]:
        turn.faults[key] = fault


def restore(turn: Turn, tally: FaultTally) -> None:
    """What was known before this start; a fault that stood stands on."""
    key = fault_key(tally.code, tally.where)
    fault = tally.standing
    if fault is not None and fault.evse_id not in (None, *turn.outlets):
        fault = None  # its EVSE left the site file
    if fault is not None:  # an acknowledgement is good for seconds
        fault = turn.faults[key] = msgspec.structs.replace(fault, acknowledged_ns=None)
    turn.change(tallies={**turn.site.tallies, key: msgspec.structs.replace(tally, standing=fault)})


def _raise(turn: Turn, found: Found) -> None:
    turn.reaches_others = True
    board = turn.outlets[found.evse_id].board if found.evse_id is not None else None
    fault = Fault(code=found.code, where=found.where, detail=found.detail, evse_id=found.evse_id,
                  evse_ids=found.evse_ids, since_utc=turn.at.utc if turn.at.clock_ok else None,
                  since_mono_ns=turn.now_ns, boot=turn.at.boot,
                  plug=(board.boot_count, board.plug_seq) if board is not None else None)
    turn.faults[fault_key(found.code, found.where)] = fault
    key = fault_key(fault.code, fault.where)
    begun = seldom.noted(turn, turn.site.begun.get(key, ()))
    turn.change(begun={**turn.site.begun, key: begun})
    if not seldom.may(turn, begun) and CATALOGUE[found.code].until is not Until.TECHNICIAN:
        turn.lasting(_FLAPS + key, True)
    turn.emit(RaiseFault(fault=fault))
    _record(turn, fault, cleared=False)
    _tally(turn, fault, cleared=False)


def _tally(turn: Turn, fault: Fault, *, cleared: bool) -> None:
    key = fault_key(fault.code, fault.where)
    tally = turn.site.tallies.get(key) or FaultTally(code=fault.code, where=fault.where)
    if cleared:
        tally = msgspec.structs.replace(tally, standing=None)
    else:
        if tally.count == 0:
            tally = msgspec.structs.replace(tally, first_utc=fault.since_utc, first_boot=fault.boot,
                                            first_mono_ns=fault.since_mono_ns)
        tally = msgspec.structs.replace(
            tally, count=tally.count + 1, last_utc=fault.since_utc, last_boot=fault.boot,
            last_mono_ns=fault.since_mono_ns, standing=fault)
    turn.change(tallies={**turn.site.tallies, key: tally})
    turn.emit(kept.keep_tally(tally))


def _may_clear(turn: Turn, fault: Fault) -> bool:
    until = CATALOGUE[fault.code].until
    if until not in LATCHING:
        if turn.at.boot == fault.boot:
            return until is Until.GONE
        return turn.past(turn.site.started_ns, turn.timers.meter_lost_s)  # the slowest rule has looked
    if until is Until.UNPLUG and fault.evse_id is not None:
        return _car_left(fault, turn.outlets[fault.evse_id])
    return fault.acknowledged_ns is not None and not turn.past(fault.acknowledged_ns, ACKNOWLEDGED_S)


def _car_left(fault: Fault, outlet: Outlet) -> bool:
    """Nobody there now, or the same board has counted another plug since."""
    if outlet.board is None or outlet.board_error is not None:
        return False
    now = (outlet.board.boot_count, outlet.board.plug_seq)
    return pilot(outlet) is PilotState.A or (
        fault.plug is not None and now[0] == fault.plug[0] and now[1] != fault.plug[1])


def acknowledge(turn: Turn, fault: Fault) -> None:
    """A technician looked. It ends now or with its cause, if that goes within seconds: the board
    needs a poll to say that it let go of what it latched. Otherwise it stands, and he looks again.
    """
    turn.faults[fault_key(fault.code, fault.where)] = msgspec.structs.replace(
        fault, acknowledged_ns=turn.now_ns)


def withdraw(turn: Turn, fault: Fault) -> None:
    """A technician ends it, before the rules have looked in this step. What they find all the same
    stands on as it was: nothing has begun anew, so nothing is told and nothing counted.
    """
    key = fault_key(fault.code, fault.where)
    turn.withdrawn[key] = turn.faults.pop(key)


def _end(turn: Turn, fault: Fault) -> None:
    key = fault_key(fault.code, fault.where)
    del turn.faults[key]
    for flag in (_FLAPS, _GONE):
        turn.lasting(flag + key, False)
    turn.emit(ClearFault(fault=fault))
    _record(turn, fault, cleared=True)
    _tally(turn, fault, cleared=True)


def _record(turn: Turn, fault: Fault, *, cleared: bool) -> None:
    turn.change(event_id=turn.site.event_id + 1)
    evse = turn.evse(fault.evse_id) if fault.evse_id is not None else None
    turn.record(Stream.EV, EV_FAULT, notify_event(
        fault, evse, event_id=turn.site.event_id, utc=turn.at.utc, cleared=cleared))
