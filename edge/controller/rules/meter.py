"""Faults of meters: silent, implausible, standing still while current flows.

Whether a register may be believed, judged by elapsed time and the most that can flow, is the energy
acceptor's business (`edge/meter/acceptor.py`): what it refused comes in as suspect. Here what it does
not look at: powers and currents that cannot be, and a register that never moves.
"""

import math

import msgspec

from edge.controller.closing import is_open
from edge.controller.faults import FaultCode
from edge.controller.phase import LIVE, Phase
from edge.controller.reading import Reading
from edge.controller.rules.found import Found, Standing
from edge.controller.site import Evse
from edge.controller.state import Stillness
from edge.controller.turn import NS, Turn, fault_key

FLOWS_A = 2.0
STEPS = 2  # of a register, before its standing still says anything
PHYSICS = 4  # times what an outlet may offer on a phase: a breaker has opened long before
# Nothing charged by these sites gives power back; less than this is the noise of an idle meter, more
# is a meter that is wired the wrong way round.
BACKWARD_W = -100.0
BACKWARD_A = -1.0
_NO_REGISTER = "it tells no register"


def standing(turn: Turn) -> Standing:
    """Faults of the meters that bill, and of those that watch a circuit."""
    owners = {e.meter_id: e for e in turn.plan.evses}
    for outlet in turn.judged():
        evse = turn.evse(outlet.evse_id)
        if owners[evse.meter_id] is evse:
            yield from _of(turn, evse.meter_id, evse)
    for meter_id in turn.plan.site_meters if turn.few is None else ():
        yield from _of(turn, meter_id, owners.get(meter_id))


def _of(turn: Turn, meter_id: str, evse: Evse | None) -> Standing:
    good = turn.site.readings.get(meter_id)
    if evse is not None and good is not None and _frozen(turn, evse, good):
        yield Found(code=FaultCode.METER_IMPLAUSIBLE, where=meter_id, evse_id=evse.id,
                    detail=_frozen_at(good.energy_import_wh))
        return
    since = turn.site.started_ns
    if good is not None:  # no bill may rest on an old register, whatever the currents say
        since = good.mono_ns if evse is None else good.energy_ns
    if not turn.past(since, turn.timers.meter_lost_s) or _rests(turn, evse):
        return
    suspect = turn.site.suspects.get(meter_id)
    age_s = (turn.now_ns - (since or 0)) // NS
    silent = turn.site.meter_errors.get(meter_id, f"no reading for {age_s} s")
    if evse is None:
        yield Found(code=FaultCode.SITE_METER, where=meter_id, detail=silent)
    elif suspect is not None and not turn.past(suspect.mono_ns, turn.timers.meter_lost_s):
        register = f"register reads {suspect.energy_raw}" if suspect.energy_raw else _NO_REGISTER
        why = implausible(evse, suspect) or register
        yield Found(code=FaultCode.METER_IMPLAUSIBLE, where=meter_id, evse_id=evse.id, detail=why)
    else:
        yield Found(code=FaultCode.METER_SILENT, where=meter_id, evse_id=evse.id, detail=silent)


def doubt(turn: Turn, reading: Reading) -> str | None:
    """Why a reading that its register's acceptor believed is not believed; None: it is."""
    evse = next((e for e in turn.plan.evses if e.meter_id == reading.meter_id), None)
    if evse is not None and reading.energy_import_wh is None:
        return _NO_REGISTER  # it bills nobody, however well it measures currents
    return implausible(evse, reading)


def implausible(evse: Evse | None, reading: Reading) -> str | None:
    """What of power and currents cannot be; None: nothing. A circuit's meter may run backward (sun)."""
    amps = reading.current_a
    values = [v for v in (reading.power_w, amps.L1, amps.L2, amps.L3) if v is not None]
    if not all(math.isfinite(v) for v in values):
        return "power or current is no number"
    if evse is None:
        return None
    currents = [a for a in (amps.L1, amps.L2, amps.L3) if a is not None]
    if reading.power_w is not None and reading.power_w < BACKWARD_W:
        return f"power {reading.power_w:.0f} W, backward"
    if min(currents, default=0.0) < BACKWARD_A:
        return f"current {min(currents):.1f} A, backward"
    if max(currents, default=0.0) > PHYSICS * evse.max_a:
        return f"current {max(currents):.0f} A, beyond what can flow"
    return None


def _frozen(turn: Turn, evse: Evse, reading: Reading) -> bool:
    """By its own power the register should have moved by more than some of its steps, and has not.

    It stands until the register moves or a technician clears it; then it is counted from nothing.
    """
    wh, known = reading.energy_import_wh, turn.site.registers.get(evse.meter_id)
    if known is None or (wh is not None and wh != known.energy_wh):
        if wh is None:
            return False
        stood = known is None and _stood(turn, evse.meter_id, wh)
        _note(turn, evse.meter_id, Stillness(
            energy_wh=wh, seen_ns=reading.mono_ns, told=stood,
            flow_s=turn.timers.frozen_s if stood else 0.0,
            flow_wh=(STEPS + 1) * evse.meter_step_wh if stood else 0.0))
        return stood
    if reading.mono_ns > known.seen_ns:
        known = _flow(turn, evse, reading, known)
        _note(turn, evse.meter_id, known)
    if known.flow_s < turn.timers.frozen_s or known.flow_wh <= STEPS * evse.meter_step_wh:
        return False
    if known.told and not turn.has(FaultCode.METER_IMPLAUSIBLE, evse.meter_id):
        _note(turn, evse.meter_id, Stillness(energy_wh=known.energy_wh, seen_ns=known.seen_ns))
        return False
    if not known.told:
        _note(turn, evse.meter_id, msgspec.structs.replace(known, told=True))
    return True


def _frozen_at(wh: int | None) -> str:
    return f"register stands at {wh} Wh while current flows"


def _stood(turn: Turn, meter_id: str, wh: int) -> bool:
    """It was found to stand before this start, and it still does: nobody charges unbilled till then."""
    fault = turn.faults.get(fault_key(FaultCode.METER_IMPLAUSIBLE, meter_id))
    return fault is not None and fault.boot != turn.at.boot and fault.detail == _frozen_at(wh)


def _flow(turn: Turn, evse: Evse, reading: Reading, known: Stillness) -> Stillness:
    """What flowed since the reading before; of a gap no more counts than a meter may be silent for."""
    amps = [a for a in (reading.current_a.L1, reading.current_a.L2, reading.current_a.L3) if a]
    flows = max(amps, default=0.0) >= FLOWS_A and not is_open(turn.outlets[evse.id])
    gap_s = min((reading.mono_ns - known.seen_ns) / NS, turn.timers.meter_lost_s)
    if not flows or reading.power_w is None:
        gap_s = 0.0
    return msgspec.structs.replace(
        known, seen_ns=reading.mono_ns, flow_s=known.flow_s + gap_s,
        flow_wh=known.flow_wh + max(reading.power_w or 0.0, 0.0) * gap_s / 3600)


def _note(turn: Turn, meter_id: str, known: Stillness) -> None:
    turn.change(registers={**turn.site.registers, meter_id: known})


def _rests(turn: Turn, evse: Evse | None) -> bool:
    """Behind an open contactor a meter is dead, and that is no fault."""
    if evse is None or evse.meter_on_supply_side:
        return False
    outlet = turn.outlets[evse.id]
    known = outlet.phase in LIVE and turn.has(FaultCode.METER_SILENT, evse.meter_id)
    closed = outlet.phase is Phase.CHARGING and turn.past(outlet.since_ns, turn.timers.meter_lost_s)
    return not known and not closed
