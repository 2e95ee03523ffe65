"""Which faults stand now, and which begin and end with this event. Data is in `faults.py`."""

from collections.abc import Iterator

import msgspec

from edge.controller.effects import ClearFault, RaiseFault, Stream
from edge.controller.faults import CATALOGUE, Fault, FaultCode, Until
from edge.controller.phase import LIVE, Phase
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.records import EV_FAULT, notify_event
from edge.controller.signs import is_open, pilot
from edge.controller.state import Outlet
from edge.controller.turn import NS, Turn, fault_key

ACKNOWLEDGED_S = 3.0  # so long an acknowledgement is good

Standing = Iterator[tuple[FaultCode, str, str | None, str]]  # code, where, EVSE, detail

_BOARD_FAULTS = {
    BoardFault.DIODE: FaultCode.DIODE,
    BoardFault.PILOT_SHORT: FaultCode.PILOT_SHORT,
    BoardFault.RCD: FaultCode.RESIDUAL_CURRENT,
    BoardFault.WELD: FaultCode.CONTACTOR_WELDED,
    BoardFault.BROWN_OUT: FaultCode.BROWN_OUT,
    BoardFault.EMERGENCY_STOP: FaultCode.EMERGENCY_STOP,
    BoardFault.PROXIMITY: FaultCode.PROXIMITY,
    BoardFault.SELF_TEST: FaultCode.SELF_TEST,
    BoardFault.INTERLOCK_STUCK: FaultCode.INTERLOCK_STUCK,
    BoardFault.RELAY_STUCK: FaultCode.RELAY_STUCK,
    BoardFault.NOT_CLOSED: FaultCode.CONTACTOR_NOT_CLOSED,
    BoardFault.TEMPERATURE: FaultCode.TEMPERATURE,
    BoardFault.MEMORY: FaultCode.BOARD_MEMORY,
}  # a lost heartbeat is ours: it ends with our next command, and nobody need come


def note_timers(turn: Turn, outlet: Outlet) -> None:
    """Keep the moments from which disagreement and stuck contacts are counted."""
    board = outlet.board
    mirrors_differ = (board is not None and outlet.board_error is None
                      and board.mirror_closed is not None
                      and outlet.pi_mirror_closed is not None
                      and board.mirror_closed != outlet.pi_mirror_closed)
    off = not outlet.relay_on and not outlet.closing
    stuck = off and outlet.pi_mirror_closed is True
    fallen = (outlet.phase is Phase.CHARGING and outlet.pi_mirror_closed is False
              and board is not None and board.mirror_closed is False)
    fed = off and board is not None and outlet.board_error is None and board.request
    since = {"disagree_ns": mirrors_differ, "stuck_ns": stuck, "fallen_ns": fallen, "fed_ns": fed,
             "open_ns": is_open(outlet)}
    changes = {name: (getattr(outlet, name) or turn.now_ns) if stands else None
               for name, stands in since.items()}
    if any(getattr(outlet, name) != value for name, value in changes.items()):
        turn.set(outlet.evse_id, **changes)


def _of_outlet(turn: Turn, outlet: Outlet) -> Standing:
    evse_id, timers = outlet.evse_id, turn.timers

    def stands(code: FaultCode, detail: str = "") -> tuple[FaultCode, str, str | None, str]:
        return code, evse_id, evse_id, detail

    if outlet.board_error is not None:
        yield stands(FaultCode.BOARD_LOST, outlet.board_error)
    elif turn.past(outlet.seen_ns or turn.site.started_ns, timers.board_lost_s):
        yield stands(FaultCode.BOARD_LOST, f"no valid poll for {timers.board_lost_s:g} s")
    if turn.past(outlet.stuck_ns, timers.mirror_open_s):
        yield stands(FaultCode.CONTACTOR_WELDED, "closed although nothing commands it")
    if turn.past(outlet.disagree_ns, timers.mirror_agree_s):
        yield stands(FaultCode.MIRROR_MISMATCH, "the Pi's and the board's mirror inputs differ")
    if turn.past(outlet.fed_ns, timers.relay_open_s):
        yield stands(FaultCode.RELAY_STUCK, "the Pi's relay is off, and the board senses its supply")
    if outlet.phase is Phase.CLOSING and turn.past(outlet.granted_ns, timers.mirror_close_s):
        yield stands(FaultCode.CONTACTOR_NOT_CLOSED,
                     f"mirror still open {timers.mirror_close_s:g} s after the grant")
    if turn.past(outlet.fallen_ns, timers.mirror_close_s):
        yield stands(FaultCode.CONTACTOR_NOT_CLOSED, "it opened while nothing asked it to")
    if outlet.board is None:
        return
    for bit in outlet.board.faults:  # a board that is lost has not said that they ended
        if bit in _BOARD_FAULTS:
            yield stands(_BOARD_FAULTS[bit], f"board says {bit}")
    if pilot(outlet) is PilotState.E:
        yield stands(FaultCode.PILOT_SHORT, "pilot at 0 V")
    if pilot(outlet) is PilotState.D and outlet.phase in LIVE and not turn.evse(evse_id).ventilation:
        yield stands(FaultCode.VENTILATION, "pilot state D")


def _of_meters(turn: Turn) -> Standing:
    owners = {e.meter_id: e for e in turn.plan.evses}
    for meter_id in (*owners, *turn.plan.site_meters):
        evse = owners.get(meter_id)
        if evse is not None and not evse.meter_on_supply_side:
            outlet = turn.outlets[evse.id]
            known = outlet.phase in LIVE and turn.has(FaultCode.METER_SILENT, meter_id)
            closed = outlet.phase is Phase.CHARGING and turn.past(
                outlet.since_ns, turn.timers.meter_lost_s)
            if not known and not closed:
                continue  # behind an open contactor a meter is dead, and that is no fault
        good = turn.site.readings.get(meter_id)
        since = good.mono_ns if good else turn.site.started_ns
        if not turn.past(since, turn.timers.meter_lost_s):
            continue
        suspect = turn.site.suspects.get(meter_id)
        if suspect is not None and not turn.past(suspect.mono_ns, turn.timers.meter_lost_s):
            yield (FaultCode.METER_IMPLAUSIBLE, meter_id, evse.id if evse else None,
                   f"register reads {suspect.energy_raw}")
        else:
            age_s = (turn.now_ns - (since or 0)) // NS
            yield (FaultCode.METER_SILENT, meter_id, evse.id if evse else None,
                   turn.site.meter_errors.get(meter_id, f"no reading for {age_s} s"))


def _of_site(turn: Turn) -> Standing:
    for reader_id, error in turn.site.reader_errors.items():
        yield FaultCode.READER_LOST, reader_id, None, error
    if turn.site.journal_error is not None:
        yield FaultCode.JOURNAL_STALLED, "journal", None, turn.site.journal_error
    if turn.past(turn.site.cloud_lost_ns, turn.timers.cloud_lost_s):
        yield FaultCode.CLOUD_OFFLINE, "cloud", None, "broker not reached"


def update(turn: Turn) -> None:
    """Raise what began, clear what ended by the rule of its kind."""
    standing: dict[str, tuple[FaultCode, str, str | None, str]] = {}
    for outlet in list(turn.outlets.values()):
        note_timers(turn, outlet)
        for found in _of_outlet(turn, turn.outlets[outlet.evse_id]):
            standing.setdefault(fault_key(found[0], found[1]), found)
    for source in (_of_meters(turn), _of_site(turn)):
        for found in source:
            standing.setdefault(fault_key(found[0], found[1]), found)
    for key, (code, where, evse_id, detail) in standing.items():
        if key not in turn.faults:
            fault = Fault(code=code, where=where, since_utc=turn.at.utc, detail=detail,
                          since_mono_ns=turn.now_ns, evse_id=evse_id)
            turn.faults[key] = fault
            turn.emit(RaiseFault(fault=fault))
            _record(turn, fault, cleared=False)
    for key, fault in list(turn.faults.items()):
        if key not in standing and _may_clear(turn, fault):
            clear(turn, fault)


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
