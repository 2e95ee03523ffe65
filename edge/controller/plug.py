"""Whose plug is in: what the pilot and the board's count of plugs say of a session's car. Pure.

A plug that bounces (half pushed in, a car that shakes it) leaves for a moment and comes back. In a
young session that ends nothing: the contactor opens at once, the board looks at cable and diode anew,
and who is back in time goes on. The count of plugs (+1 at each A to B) tells a plug that was never
away from one that was, also where no poll saw it leave.
"""

from edge.controller.phase import LIVE, Phase
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.state import Outlet
from edge.controller.turn import Turn

PLUGGED_IN = frozenset({PilotState.B, PilotState.C, PilotState.D})


def pilot(outlet: Outlet) -> PilotState:
    """The pilot as last seen; unknown while the board is lost."""
    return PilotState.UNKNOWN if outlet.board is None or outlet.board_error else outlet.board.pilot


def same_board(outlet: Outlet) -> bool:
    """Whether the board has run since the session began, so that its plug count means something."""
    return (outlet.session is not None and outlet.board is not None
            and outlet.board.boot_count == outlet.session.board_boot)


def left_ns(turn: Turn, outlet: Outlet, board: BoardStatus) -> int | None:
    """When the session's plug left, for a new poll of an outlet as it was; None: it is in.

    Where no poll saw it leave, it is the last one before: it may have left right after that.
    """
    session, here = outlet.session, board.pilot in PLUGGED_IN
    if session is None or (here and board.plug_seq == session.plug_seq):
        return None
    if outlet.replug_ns is not None or not (here or board.pilot is PilotState.A):
        return outlet.replug_ns
    return outlet.seen_ns if here or outlet.board_error is not None else turn.now_ns


def bounced(turn: Turn, outlet: Outlet) -> bool:
    """The plug left a young session, and not for longer than a bounce takes."""
    return (outlet.phase in LIVE and outlet.board_error is None and same_board(outlet)
            and outlet.replug_ns is not None
            and not turn.past(outlet.replug_ns, turn.timers.replug_s)
            and not turn.past(outlet.began_ns, turn.timers.replug_young_s))


def unplugged(turn: Turn, outlet: Outlet) -> bool:
    """Pilot A now, or a board (that we lost for a while) cannot say that A never was."""
    if outlet.phase is Phase.REPLUG:
        return turn.past(outlet.replug_ns, turn.timers.replug_s) or not same_board(outlet)
    if pilot(outlet) is PilotState.A:
        return True
    if (outlet.session is None or outlet.board is None or outlet.board_error is not None
            or outlet.phase not in LIVE | {Phase.STOPPING}):
        return False
    return not same_board(outlet) or outlet.board.plug_seq != outlet.session.plug_seq


def back(outlet: Outlet) -> bool:
    """A plug is in again; that it is in time is that `unplugged` was not true before."""
    return pilot(outlet) in PLUGGED_IN and same_board(outlet)
