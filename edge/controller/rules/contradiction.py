"""A billing meter whose own numbers cannot be true together (`crosscheck.py`)."""

from edge.controller.faults import FaultCode
from edge.controller.rules.found import Found, Standing
from edge.controller.turn import Turn


def standing(turn: Turn) -> Standing:
    """Meters that a reading proved wrong; what stands then is ended by a technician only."""
    for outlet in turn.judged():
        evse, check = turn.evse(outlet.evse_id), outlet.check
        if check is not None and check.found:
            yield Found(code=FaultCode.METER_CONTRADICTS, where=evse.meter_id, evse_id=evse.id,
                        detail=check.found)
