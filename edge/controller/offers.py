"""Turns shares into offers: lowers at once, raises slowly and only into room that is proven free."""

import msgspec

from edge.controller import limits
from edge.controller.closing import is_open, rested
from edge.controller.effects import LowerCurrent, OfferCurrent
from edge.controller.faults import Stops
from edge.controller.moves import withdraw_offer
from edge.controller.phase import ENERGISED, LIVE, OFFERING
from edge.controller.plug import PLUGGED_IN, pilot
from edge.controller.share import MIN_A, Want, allocate, headroom
from edge.controller.state import Offer, Outlet
from edge.controller.turn import Turn

SLACK_A = 0.3  # what the duty cycle's resolution may add
RETELL_S = 2.0  # a board that says otherwise is told again (it was reset, or a frame was lost)


def share_out(turn: Turn) -> None:
    """Compute the shares of everybody with a live transaction and nothing that stops it."""
    if turn.few is not None:  # who wants what he wanted has the share that he had
        if any(_want(turn, outlet) != turn.wants.get(outlet.evse_id) for outlet in turn.judged()):
            turn.reaches_others = True
        return
    wants = [want for outlet in turn.outlets.values() if (want := _want(turn, outlet)) is not None]
    turn.wants = {want.evse_id: want for want in wants}
    turn.budgets = limits.budgets_of(turn)
    turn.shares = allocate(turn.plan, wants, turn.budgets)


def _want(turn: Turn, outlet: Outlet) -> Want | None:
    asks = outlet.phase in LIVE or (outlet.card is not None and pilot(outlet) in PLUGGED_IN)
    if not asks or turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.CUT, Stops.PAUSE):
        return None
    began_ns = outlet.began_ns if outlet.phase in LIVE else turn.now_ns
    cap = None if outlet.paused else limits.cap_of(turn, outlet)
    cap_a, because = (0.0, "request") if outlet.paused else cap or (None, "")
    return Want(evse_id=outlet.evse_id, began_ns=began_ns, cap_a=cap_a, because=because)


def committed_a(turn: Turn, outlet: Outlet) -> float:
    """The most that this outlet may be drawing: told, still shown, or behind a closed contactor."""
    offer, board, evse = outlet.offer, outlet.board, turn.evse(outlet.evse_id)
    if offer.current_a == 0 and not outlet.closing and is_open(outlet):
        return 0.0
    if board is None:
        return evse.max_a  # never seen in this boot: it may be charging on an earlier grant
    known = outlet.board_error is None and board.mono_ns > offer.told_ns
    if known and offer.current_a > 0 and board.offered_a <= offer.current_a + SLACK_A:
        return offer.current_a
    return max(offer.current_a, offer.before_a, board.offered_a, evse.failsafe_a)


def settle(turn: Turn) -> None:
    """Bring every offer to its share. All that lower go first."""
    before = list(turn.outlets.values())
    for outlet in turn.judged():
        target, because = turn.shares.get(outlet.evse_id, (0.0, ""))
        if not _may_offer(turn, outlet) or target < MIN_A:
            _keep_x1(turn, outlet, because if target < MIN_A else _waits(turn, outlet))
        elif target < outlet.offer.current_a:
            _tell(turn, outlet, target, because, raised=False)
    committed: dict[str, float] = {}
    for outlet in turn.judged():
        if _may_offer(turn, outlet):
            _raise(turn, outlet, before, committed)


def _may_offer(turn: Turn, outlet: Outlet) -> bool:
    """Behind an open contactor only where it may close: until then the car had better not ask."""
    return outlet.phase in OFFERING and (outlet.phase in ENERGISED or rested(turn, outlet))


def _waits(turn: Turn, outlet: Outlet) -> str:
    """Why nothing is offered although there is a share."""
    if outlet.phase not in OFFERING:
        return ""
    staggered = not turn.reached(outlet.not_before_ns) and not outlet.woken
    return "stagger" if staggered else "rest"


def _keep_x1(turn: Turn, outlet: Outlet, because: str) -> None:
    if outlet.offer.because != because and outlet.offer.current_a == 0:
        outlet = turn.set(outlet.evse_id, offer=msgspec.structs.replace(
            outlet.offer, because=because))
    board, offer = outlet.board, outlet.offer
    if offer.current_a > 0 or (board is not None and board.pwm_on and board.mono_ns > offer.told_ns
          and turn.past(offer.told_ns, RETELL_S)):
        withdraw_offer(turn, outlet, because)


def _raise(turn: Turn, outlet: Outlet, before: list[Outlet], committed: dict[str, float]) -> None:
    """`committed` is filled from what was `before` any offer moved, if anybody needs it."""
    offer, board = outlet.offer, outlet.board
    if board is None or outlet.board_error is not None:
        return
    differs = board.mono_ns > offer.told_ns and turn.past(offer.told_ns, RETELL_S)
    if differs and 0 < offer.current_a < board.offered_a - SLACK_A:
        _tell(turn, outlet, offer.current_a, offer.because, raised=False)  # it did not follow
        return
    target, because = turn.shares.get(outlet.evse_id, (0.0, ""))
    behind = differs and board.offered_a < offer.current_a - SLACK_A
    if target <= offer.current_a and not behind:
        return  # nothing to raise: as with nearly every event, so the room is not even looked for
    turn.reaches_others = True  # what they let go of may be what this one waits for
    if not committed:
        committed |= {o.evse_id: committed_a(turn, o) for o in before}
    target = min(target, headroom(turn.plan, outlet.evse_id, committed, turn.budgets))
    if target < MIN_A:
        return
    forgotten = (behind and offer.current_a == target
                 and turn.site.journal_error is None)  # else it only waits for the disk, not twice
    may_raise = offer.raised_ns is None or turn.past(offer.raised_ns, turn.timers.raise_s)
    first = offer.current_a == 0
    if (target > offer.current_a and (first or may_raise)) or forgotten:
        outlet = _tell(turn, outlet, target, because, raised=True)
        committed[outlet.evse_id] = max(target, committed_a(turn, outlet))


def _tell(turn: Turn, outlet: Outlet, current_a: float, because: str, *, raised: bool) -> Outlet:
    offer = outlet.offer
    if raised:
        turn.emit(OfferCurrent(evse_id=outlet.evse_id, current_a=current_a, because=because,
                               from_a=offer.current_a))
    else:
        turn.emit(LowerCurrent(evse_id=outlet.evse_id, current_a=current_a, because=because))
    return turn.set(outlet.evse_id, offer=Offer(
        current_a=current_a, because=because, told_ns=turn.now_ns, before_a=offer.current_a,
        raised_ns=turn.now_ns if raised else offer.raised_ns))
