"""Faults of meters: silent, implausible."""

from edge.controller.faults import FaultCode
from edge.controller.phase import LIVE, Phase
from edge.controller.rules.found import Found, Standing
from edge.controller.site import Evse
from edge.controller.turn import NS, Turn


def standing(turn: Turn) -> Standing:
    """Faults of the meters that bill, and of those that watch a circuit."""
    owners = {e.meter_id: e for e in turn.plan.evses}
    for meter_id in (*owners, *turn.plan.site_meters):
        evse = owners.get(meter_id)
        good = turn.site.readings.get(meter_id)
        since = good.mono_ns if good else turn.site.started_ns
        if not turn.past(since, turn.timers.meter_lost_s) or _rests(turn, evse):
            continue
        suspect = turn.site.suspects.get(meter_id)
        age_s = (turn.now_ns - (since or 0)) // NS
        silent = turn.site.meter_errors.get(meter_id, f"no reading for {age_s} s")
        if evse is None:
            yield Found(code=FaultCode.SITE_METER, where=meter_id, detail=silent)
        elif suspect is not None and not turn.past(suspect.mono_ns, turn.timers.meter_lost_s):
            yield Found(code=FaultCode.METER_IMPLAUSIBLE, where=meter_id, evse_id=evse.id,
                        detail=f"register reads {suspect.energy_raw}")
        else:
            yield Found(code=FaultCode.METER_SILENT, where=meter_id, evse_id=evse.id, detail=silent)


def _rests(turn: Turn, evse: Evse | None) -> bool:
    """Behind an open contactor a meter is dead, and that is no fault."""
    if evse is None or evse.meter_on_supply_side:
        return False
    outlet = turn.outlets[evse.id]
    known = outlet.phase in LIVE and turn.has(FaultCode.METER_SILENT, evse.meter_id)
    closed = outlet.phase is Phase.CHARGING and turn.past(outlet.since_ns, turn.timers.meter_lost_s)
    return not known and not closed
