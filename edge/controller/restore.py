"""A session that the journal held open when the controller started: resumed or closed, exactly once.

It is the same car if the board has not restarted and has seen no new plug (`plug_seq`). Then the
session goes on, with the contactor left as it is if everything about it is as it was when charging.
Otherwise it ends with reason PowerLoss at the last register value.
"""

import msgspec

from edge.controller.moves import make
from edge.controller.phase import Do, Phase, Sign
from edge.controller.session import ChargingState, Session, StopReason
from edge.controller.signs import PLUGGED_IN, asks, is_open, pilot
from edge.controller.state import Offer, Outlet, Stop
from edge.controller.turn import Turn


def resolve(turn: Turn, outlet: Outlet) -> bool:
    """Decide about `outlet.restored`. False: the board has not been seen yet, so wait for it."""
    session, board = outlet.restored, outlet.board
    if session is None:
        return True
    if board is None or outlet.board_error is not None or outlet.seen_ns is None:
        return False
    same_car = board.plug_seq == session.plug_seq and board.boot_count == session.board_boot
    began_ns = min(session.began.mono_ns, turn.now_ns)  # of an earlier boot it may be any number
    outlet = turn.set(outlet.evse_id, restored=None, session=session, began_ns=began_ns,
                      sampled_ns=turn.now_ns, stop=_stop_under_way(session), offer=Offer(
                          current_a=board.offered_a, told_ns=board.mono_ns, raised_ns=turn.now_ns))
    if session.ended is None and same_car and pilot(outlet) in PLUGGED_IN:
        _resume(turn, outlet, session)
    else:
        _close(turn, outlet, session)
    return True


def _resume(turn: Turn, outlet: Outlet, session: Session) -> None:
    board = outlet.board
    charging = (board is not None and board.permit and outlet.relay_on and board.mirror_closed is True
                and outlet.pi_mirror_closed is True and asks(turn, outlet)
                and session.start_reading is not None and board.pwm_on)
    if charging:
        turn.set(outlet.evse_id, phase=Phase.CHARGING, since_ns=turn.now_ns, closing=True,
                 granted_ns=turn.now_ns, renewed_ns=0)
        return
    if not is_open(outlet):
        make(turn, outlet.evse_id, Sign.PERMIT_LOST, Phase.READY, Do.OPEN)
        return
    if session.charging_state is ChargingState.CHARGING:
        make(turn, outlet.evse_id, Sign.FREE, Phase.READY, Do.RESUME)
        return
    turn.set(outlet.evse_id, phase=Phase.READY, since_ns=turn.now_ns)


def _stop_under_way(session: Session) -> Stop | None:
    """The stop that was asked for keeps its reason."""
    if session.stop_reason is None:
        return None
    return Stop(reason=session.stop_reason, trigger="StopAuthorized"
                if session.stop_reason is StopReason.LOCAL else "AbnormalCondition")


def _close(turn: Turn, outlet: Outlet, session: Session) -> None:
    """Power was lost, or the car has left. Nobody knows when: it is billed as long as it was seen."""
    if session.ended is None:
        session = msgspec.structs.replace(session, ended=session.saved or session.began)
    stop = outlet.stop or Stop(reason=StopReason.POWER_LOSS, trigger="AbnormalCondition")
    turn.set(outlet.evse_id, session=session, stop=stop)
    make(turn, outlet.evse_id, Sign.STOP_ASKED, Phase.ENDING, Do.OPEN_ENDING)
