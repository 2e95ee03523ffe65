"""What somebody allows at most: of an EVSE, or of a circuit for all EVSEs below it. Named in `because`
as "limit:<who or why>", put together with the caps of `caps.py`. Less than 6 A is an orderly pause.
"""

from edge.controller import caps
from edge.controller.share import Budgets, Cap, Fuse, tightest
from edge.controller.state import Limit, Outlet
from edge.controller.turn import NS, Turn

PHASES = ("L1", "L2", "L3")


def allow(turn: Turn, where: str, current_a: float | None, because: str,
          ttl_s: float | None) -> None:
    """Set a limit of an EVSE or, where no EVSE has that id, of a circuit; None takes it away."""
    limit = None if current_a is None else Limit(
        current_a=current_a, because=f"limit:{because}" if because else "limit",
        until_ns=None if ttl_s is None else turn.now_ns + int(ttl_s * NS))
    if where in turn.outlets:
        turn.set(where, limit=limit)
        return
    others = {k: v for k, v in turn.site.limits.items() if k != where}
    turn.change(limits=others if limit is None else {**others, where: limit})


def expire(turn: Turn) -> None:
    """Forget the limits whose time is over."""
    for outlet in list(turn.outlets.values()):
        if outlet.limit is not None and _over(turn, outlet.limit):
            turn.set(outlet.evse_id, limit=None)
    if any(_over(turn, limit) for limit in turn.site.limits.values()):
        turn.change(limits={k: v for k, v in turn.site.limits.items() if not _over(turn, v)})


def cap_of(turn: Turn, outlet: Outlet) -> Cap | None:
    """The least that this EVSE's cable, temperatures and limit leave it, and its name."""
    return tightest(_cap(outlet.limit), caps.cap_of(turn.site, outlet))


def budgets_of(turn: Turn) -> Budgets:
    """What overloads and limits leave of each fuse."""
    measured = caps.budgets_of(turn.site)
    if not turn.site.limits:
        return measured
    found: dict[Fuse, Cap] = dict(measured)
    for circuit_id, limit in turn.site.limits.items():
        for phase in PHASES:
            fuse = (circuit_id, phase)
            cap = tightest(_cap(limit), found.get(fuse))
            if cap is not None:
                found[fuse] = cap
    return found


def _over(turn: Turn, limit: Limit) -> bool:
    return limit.until_ns is not None and turn.now_ns >= limit.until_ns


def _cap(limit: Limit | None) -> Cap | None:
    return None if limit is None else (limit.current_a, limit.because)
