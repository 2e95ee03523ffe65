"""Faults that currents and voltages show: soft overcurrent, over- and undervoltage.

They are judged from reading to reading: what shall last 7 s must be seen in two readings that are as
far apart, and in none between them the opposite. So neither one odd sample nor a meter that falls
silent ends a session. What is None or no number says nothing.
"""

import math

from edge.controller.closing import is_open
from edge.controller.faults import FaultCode
from edge.controller.reading import PerPhase, Reading
from edge.controller.rules.found import Standing, at_evse
from edge.controller.site import Evse
from edge.controller.state import Outlet
from edge.controller.turn import NS, Turn, fault_key

# EVerest's rule for a car that takes more than it is offered.
SLACK_A = 0.5
SLACK = 1.10
_OVER, _UNDER, _BACK = str(FaultCode.OVERVOLTAGE), str(FaultCode.UNDERVOLTAGE), "back:"


def standing(turn: Turn) -> Standing:
    """Faults of every car's current and of every outlet's supply."""
    volts_matter = any(key.startswith((_OVER, _UNDER, _BACK))
                       for keys in (turn.site.since, turn.faults) for key in keys)
    for outlet in turn.judged():
        evse = turn.evse(outlet.evse_id)
        reading = turn.site.readings.get(evse.meter_id)
        if reading is None:
            continue
        yield from _overcurrent(turn, evse, outlet, reading)
        if volts_matter or not _well(turn, evse, reading):
            yield from _voltage(turn, evse, outlet, reading)


def known(values: PerPhase, count: int = 3) -> list[float]:
    """What is a number of a meter's first phases."""
    return [v for v in (values.L1, values.L2, values.L3)[:count] if v is not None and math.isfinite(v)]


def _overcurrent(turn: Turn, evse: Evse, outlet: Outlet, reading: Reading) -> Standing:
    """A phase takes more than (signalled + 0.5 A) x 1.10. An offer that just fell gives the car its
    5 s inside the 7, because a reading is judged by what the board shows now.
    """
    board, taken = outlet.board, known(reading.current_a)
    if not taken and outlet.over_ns is not None and not is_open(outlet):
        return  # nothing new
    offered_a = 0.0 if board is None else board.offered_a
    limit_a = (offered_a + SLACK_A) * SLACK
    over = bool(taken) and max(taken) > limit_a
    if over and (board is None or outlet.board_error is not None or is_open(outlet)):
        over = False  # no board, no offer: that is a fault of its own, and opens
    if not over:
        if outlet.over_ns is not None:
            turn.set(evse.id, over_ns=None)
    elif outlet.over_ns is None:
        turn.set(evse.id, over_ns=turn.now_ns)
    elif reading.mono_ns - outlet.over_ns >= turn.timers.overcurrent_s * NS:
        yield at_evse(evse.id, FaultCode.OVERCURRENT,
                      f"{max(taken):.1f} A taken, {offered_a:.1f} A offered")


def _range(turn: Turn, evse: Evse) -> tuple[float, float]:
    return evse.nominal_v * turn.plan.undervoltage, evse.nominal_v * turn.plan.overvoltage


def _well(turn: Turn, evse: Evse, reading: Reading) -> bool:
    """Nothing against it: in range, or not known."""
    low_v, high_v = _range(turn, evse)
    return all(low_v <= v <= high_v for v in known(reading.voltage_v, len(evse.phases)))


def _voltage(turn: Turn, evse: Evse, outlet: Outlet, reading: Reading) -> Standing:
    """The phases that the outlet is wired to; a meter's own order is the outlet's."""
    low_v, high_v = _range(turn, evse)
    volts, at_ns = known(reading.voltage_v, len(evse.phases)), reading.energy_ns
    dead = not evse.meter_on_supply_side and is_open(outlet)
    if turn.past(reading.energy_ns, turn.timers.meter_lost_s):
        volts = []
    if dead:  # nobody can measure: tried again after the time that a good supply would have to last
        volts, at_ns = [], turn.now_ns
    for code, bad in ((FaultCode.UNDERVOLTAGE, bool(volts) and min(volts) < low_v),
                      (FaultCode.OVERVOLTAGE, bool(volts) and max(volts) > high_v)):
        good = dead or (bool(volts) and not bad)
        if _lasts(turn, fault_key(code, evse.id), bad=bad, good=good, at_ns=at_ns):
            shown = " ".join(f"{v:.0f}" for v in volts)
            yield at_evse(evse.id, code, f"{shown} V, {evse.nominal_v:.0f} V expected")


def _lasts(turn: Turn, key: str, *, bad: bool, good: bool, at_ns: int) -> bool:
    """Whether a fault stands: bad for so long, and then until good for so long."""
    stands = key in turn.faults
    began = turn.lasting(key, bad and not stands, at_ns)
    calm = turn.lasting(_BACK + key, good and stands, at_ns)
    if stands:
        return calm is None or at_ns - calm < turn.timers.voltage_back_s * NS
    return began is not None and at_ns - began >= turn.timers.voltage_s * NS
