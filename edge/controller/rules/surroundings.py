"""Faults of the surroundings: door, tilt, water, breaker, earth, emergency stop of the site."""

from edge.controller.faults import FaultCode
from edge.controller.rules.found import Found, Standing
from edge.controller.site import InputKind
from edge.controller.turn import Turn

UNKNOWN_S = 3.0  # as long as a board may be silent

_CODES = {
    InputKind.DOOR: FaultCode.DOOR_OPEN,
    InputKind.TILT: FaultCode.TILTED,
    InputKind.WATER: FaultCode.WATER,
    InputKind.BREAKER: FaultCode.BREAKER_OPEN,
    InputKind.EARTH: FaultCode.EARTH_LOST,
    InputKind.EMERGENCY_STOP: FaultCode.EMERGENCY_STOP,
}


def standing(turn: Turn) -> Standing:
    """Faults that digital inputs show. One that cannot be told keeps what stands, and is one itself."""
    for one in turn.plan.inputs:
        active = turn.site.inputs.get(one.id)
        code = _CODES[one.kind]
        if active or (active is None and turn.has(code, one.id)):
            yield Found(code=code, where=one.id, evse_ids=one.evse_ids, detail=f"input {one.id}")
        unknown = turn.site.started_ns is not None and active is None
        if turn.past(turn.lasting(f"input:{one.id}", unknown), UNKNOWN_S):
            yield Found(code=FaultCode.INPUT_LOST, where=one.id, evse_ids=one.evse_ids,
                        detail=f"the {one.kind} input cannot be told")
