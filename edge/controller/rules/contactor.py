"""Faults of relay, interlock, contactor and mirror contact."""

from edge.controller.closing import is_open
from edge.controller.faults import FaultCode
from edge.controller.phase import Phase
from edge.controller.pilot import PilotState
from edge.controller.rules.found import Standing, at_evse
from edge.controller.signs import is_closed
from edge.controller.state import Outlet
from edge.controller.turn import NS, Turn


def note_timers(turn: Turn, outlet: Outlet) -> None:
    """Keep the moments from which disagreement and stuck contacts are counted."""
    board = outlet.board
    mirrors_differ = (board is not None and outlet.board_error is None
                      and board.mirror_closed is not None
                      and board.mirror_closed != outlet.pi_mirror_closed)  # unknown is a difference
    off = not outlet.relay_on and not outlet.closing
    stuck = off and outlet.pi_mirror_closed is True
    fallen = (outlet.phase is Phase.CHARGING and outlet.pi_mirror_closed is False
              and board is not None and board.mirror_closed is False)
    _note_mirrors(turn, outlet, differ=mirrors_differ)
    fed = off and board is not None and outlet.board_error is None and board.request
    changes: dict[str, int | None] = {}
    for name, since_ns, stands in (
            ("stuck_ns", outlet.stuck_ns, stuck), ("fallen_ns", outlet.fallen_ns, fallen),
            ("fed_ns", outlet.fed_ns, fed), ("open_ns", outlet.open_ns, is_open(outlet)),
            ("odd_ns", outlet.odd_ns, _is_odd(outlet))):
        if stands is (since_ns is None):
            changes[name] = turn.now_ns if stands else None
    if changes:
        turn.set(outlet.evse_id, **changes)
    _note_hammering(turn, outlet)


def _note_mirrors(turn: Turn, outlet: Outlet, *, differ: bool) -> None:
    """A contact that chatters agrees by chance now and then: only to agree for a while is to agree."""
    if differ:
        if outlet.disagree_ns is None or outlet.agree_ns is not None:
            turn.set(outlet.evse_id, disagree_ns=outlet.disagree_ns or turn.now_ns, agree_ns=None)
    elif outlet.disagree_ns is not None:
        agree_ns = outlet.agree_ns or turn.now_ns
        calm = turn.past(agree_ns, turn.timers.mirror_agree_s / 2)
        turn.set(outlet.evse_id, disagree_ns=None if calm else outlet.disagree_ns,
                 agree_ns=None if calm else agree_ns)


def _is_odd(outlet: Outlet) -> bool:
    """The pilot is at no known level by the car's or the cable's doing.

    F is the board's own word after a fault and in the pulse that wakes a car, and nothing is known of
    the pilot while it tests itself.
    """
    board = outlet.board
    return (board is not None and outlet.board_error is None
            and board.pilot in (PilotState.F, PilotState.UNKNOWN)
            and not board.faults and not board.waking and not board.testing)


def _note_hammering(turn: Turn, outlet: Outlet) -> None:
    """More re-closings in a short time than a contactor should bear: it is held off for a while."""
    timers = turn.timers
    if turn.past(outlet.hammer_ns, timers.hammer_hold_s):
        turn.set(outlet.evse_id, hammer_ns=None, closings=())
    elif outlet.hammer_ns is None and len(outlet.closings) > timers.hammer_count:
        recent = [ns for ns in outlet.closings if not turn.past(ns, timers.hammer_window_s)]
        if len(recent) > timers.hammer_count:
            turn.set(outlet.evse_id, hammer_ns=turn.now_ns)


def standing(turn: Turn) -> Standing:
    """Faults that mirrors, relay and the board's sense of it show."""
    for outlet in turn.judged():
        note_timers(turn, outlet)
        yield from _of(turn, turn.outlets[outlet.evse_id])


def _of(turn: Turn, outlet: Outlet) -> Standing:
    evse_id, timers = outlet.evse_id, turn.timers
    if turn.past(outlet.stuck_ns, timers.mirror_open_s):
        yield at_evse(evse_id, FaultCode.CONTACTOR_WELDED, "closed although nothing commands it")
    if outlet.agree_ns is None and turn.past(outlet.disagree_ns, timers.mirror_agree_s):
        yield at_evse(evse_id, FaultCode.MIRROR_MISMATCH,
                      "the Pi's mirror input cannot be read" if outlet.pi_mirror_closed is None
                      else "the Pi's and the board's mirror inputs differ")
    if turn.past(outlet.fed_ns, timers.relay_open_s):
        yield at_evse(evse_id, FaultCode.RELAY_STUCK,
                      "the Pi's relay is off, and the board senses its supply")
    if outlet.hammer_ns is not None:
        yield at_evse(evse_id, FaultCode.HAMMERING, f"closed {timers.hammer_count + 1} times within"
                      f" {timers.hammer_window_s:g} s, held off for {timers.hammer_hold_s:g} s")
    if (outlet.phase is Phase.CLOSING and not is_closed(outlet)
            and _looked_since(outlet, timers.mirror_close_s)):
        yield at_evse(evse_id, FaultCode.CONTACTOR_NOT_CLOSED,
                      f"mirror still open {timers.mirror_close_s:g} s after the grant")
    if turn.past(outlet.fallen_ns, timers.mirror_close_s):
        yield at_evse(evse_id, FaultCode.CONTACTOR_NOT_CLOSED, "it opened while nothing asked it to")


def _looked_since(outlet: Outlet, wait_s: float) -> bool:
    """Whether a poll left so long after the grant: a line that others keep busy proves nothing, and one
    that stays silent is a fault of its own.
    """
    return (outlet.granted_ns is not None and outlet.board is not None
            and outlet.board.mono_ns - outlet.granted_ns >= wait_s * NS)
