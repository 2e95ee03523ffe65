"""Counts what each contactor does, by the Pi's mirror contact.

A closing counts as a cycle when it is seen; an opening adds its seconds and, with a current of 1 A or
more or one that nobody knows, a load break. The current is looked at when opening is asked for, since
what the meter says after that is less. Kept with each of the two, unless they come too often, and
once an hour in between.
"""

import msgspec

from edge.controller import kept, seldom
from edge.controller.effects import OpenContactor
from edge.controller.faults import FaultCode
from edge.controller.signs import LOW_CURRENT_A
from edge.controller.state import Outlet
from edge.controller.turn import NS, Turn, fault_key
from edge.controller.wear import ContactorWear

CURRENT_GOOD_S = 2.0
KEEP_S = 3600.0


def run(turn: Turn) -> None:
    """After everything of this event was decided."""
    told = {effect.evse_id for effect in turn.effects if isinstance(effect, OpenContactor)}
    for outlet in turn.judged():
        if outlet.pi_mirror_closed is None or turn.site.started_ns is None:
            continue
        if outlet.pi_mirror_closed:
            _closed(turn, outlet, told=outlet.evse_id in told)
        else:
            _open(turn, outlet)
        _write(turn, turn.outlets[outlet.evse_id])


def replaced(turn: Turn, evse_id: str) -> None:
    """A technician put a new contactor in: it begins at nothing, and the warning ends."""
    outlet = turn.outlets[evse_id]
    closed = outlet.worn_ns is not None
    _keep(turn, outlet, ContactorWear(evse_id=evse_id, closed=closed))
    key = fault_key(FaultCode.CONTACTOR_WORN, evse_id)
    if key in turn.faults:
        turn.faults[key] = msgspec.structs.replace(turn.faults[key], acknowledged_ns=turn.now_ns)


def _closed(turn: Turn, outlet: Outlet, *, told: bool) -> None:
    wear = _wear(outlet)
    if outlet.worn_ns is None:
        cycles = wear.cycles if wear.closed else wear.cycles + 1  # it was counted before this start
        outlet = turn.set(outlet.evse_id, worn_ns=turn.now_ns)
        _keep(turn, outlet, msgspec.structs.replace(wear, cycles=cycles, closed=True))
    elif turn.past(outlet.worn_ns, KEEP_S):
        _keep(turn, outlet, _counted(turn, outlet))
    if told and outlet.under_load is None:
        turn.set(outlet.evse_id, under_load=_under_load(turn, outlet))


def _open(turn: Turn, outlet: Outlet) -> None:
    wear = _wear(outlet)
    if outlet.worn_ns is None and not wear.closed:
        return
    unseen = outlet.worn_ns is None  # while no controller ran: nobody knows the current
    asked = outlet.under_load
    loaded = unseen or (_under_load(turn, outlet) if asked is None else asked)
    wear = _counted(turn, outlet)
    outlet = turn.set(outlet.evse_id, worn_ns=None, under_load=None)
    _keep(turn, outlet, msgspec.structs.replace(
        wear, closed=False, load_breaks=wear.load_breaks + int(loaded)))


def _wear(outlet: Outlet) -> ContactorWear:
    return outlet.wear or ContactorWear(evse_id=outlet.evse_id)


def _counted(turn: Turn, outlet: Outlet) -> ContactorWear:
    """With the whole seconds since it was last counted; what is left of one is counted later."""
    wear = _wear(outlet)
    if outlet.worn_ns is None:
        return wear
    seconds = max(0, turn.now_ns - outlet.worn_ns) // NS
    turn.set(outlet.evse_id, worn_ns=outlet.worn_ns + seconds * NS)
    return msgspec.structs.replace(wear, closed_s=wear.closed_s + seconds)


def _under_load(turn: Turn, outlet: Outlet) -> bool:
    reading = turn.site.readings.get(turn.evse(outlet.evse_id).meter_id)
    if reading is None or turn.past(reading.mono_ns, CURRENT_GOOD_S):
        return outlet.session is not None or outlet.restored is not None
    amperes = reading.current_a
    known = [a for a in (amperes.L1, amperes.L2, amperes.L3) if a is not None]
    return any(a >= LOW_CURRENT_A for a in known) if known else outlet.session is not None


def _keep(turn: Turn, outlet: Outlet, wear: ContactorWear) -> None:
    turn.set(outlet.evse_id, wear=wear, wear_due=True)


def _write(turn: Turn, outlet: Outlet) -> None:
    if outlet.wear_due and outlet.wear is not None and seldom.may(turn, outlet.wear_kept):
        turn.set(outlet.evse_id, wear_due=False, wear_kept=seldom.noted(turn, outlet.wear_kept))
        turn.emit(kept.keep_wear(outlet.wear))
