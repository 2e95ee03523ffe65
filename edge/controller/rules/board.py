"""Faults that the pilot board reports, and its silence."""

from edge.controller.faults import FaultCode
from edge.controller.phase import LIVE, Phase
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.plug import pilot
from edge.controller.rules.found import Standing, at_evse
from edge.controller.state import Outlet
from edge.controller.turn import Turn

ODD_S = 1.0  # a plug that is being pushed in shows odd levels for a moment

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
    BoardFault.PILOT_LOW: FaultCode.PILOT_ODD,
}  # a lost heartbeat is ours: it ends with our next command, and nobody need come


def standing(turn: Turn) -> Standing:
    """Faults of every board, its car and its cable."""
    for outlet in turn.judged():
        yield from _of(turn, outlet)


def _of(turn: Turn, outlet: Outlet) -> Standing:
    evse_id, lost_s = outlet.evse_id, turn.timers.board_lost_s
    if outlet.board_error is not None:
        yield at_evse(evse_id, FaultCode.BOARD_LOST, outlet.board_error)
    elif turn.past(outlet.seen_ns or turn.site.started_ns, lost_s):
        yield at_evse(evse_id, FaultCode.BOARD_LOST, f"no valid poll for {lost_s:g} s")
    if outlet.board is None:
        return
    for bit in outlet.board.faults:  # a board that is lost has not said that they ended
        if bit in _BOARD_FAULTS:
            yield at_evse(evse_id, _BOARD_FAULTS[bit], f"board says {bit}")
    if pilot(outlet) is PilotState.E:
        yield at_evse(evse_id, FaultCode.PILOT_SHORT, "pilot at 0 V")
    if pilot(outlet) is PilotState.D and outlet.phase in LIVE | {Phase.STOPPING} and (
            not turn.evse(evse_id).ventilation):
        yield at_evse(evse_id, FaultCode.VENTILATION, "pilot state D")
    if turn.past(outlet.odd_ns, ODD_S):
        yield at_evse(evse_id, FaultCode.PILOT_ODD, f"pilot state {outlet.board.pilot}")
    if outlet.board.dark and outlet.board_error is None:
        yield at_evse(evse_id, FaultCode.CAR_MODE, "it asked before PWM was on")
    if (outlet.phase is Phase.AWAITING_CARD and outlet.card is None
            and turn.timers.auth_timeout_s > 0
            and turn.past(outlet.since_ns, turn.timers.auth_timeout_s)):
        yield at_evse(evse_id, FaultCode.AUTH_TIMEOUT,
                      f"no card for {turn.timers.auth_timeout_s:g} s after the plug")
