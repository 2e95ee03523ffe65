"""What somebody allows at most: of an EVSE, or of a circuit for all EVSEs below it. Named in `because`
as "limit:<who or why>", put together with the caps of `caps.py`. Less than 6 A is an orderly pause.

Limits are kept across restarts. Where no clock can tell that the time of one is over, it stays: less
current is the safe side.
"""

import msgspec

from edge.controller import caps, kept
from edge.controller.clockwork import parse_ms, text
from edge.controller.share import Budgets, Cap, Fuse, tightest
from edge.controller.site import PHASES
from edge.controller.state import Limit, Outlet
from edge.controller.turn import NS, Turn


def allow(turn: Turn, where: str, current_a: float | None, because: str,
          ttl_s: float | None) -> None:
    """Set a limit of an EVSE or, where no EVSE has that id, of a circuit; None takes it away."""
    limit = None if current_a is None else Limit(
        current_a=current_a, because=f"limit:{because}" if because else "limit",
        until_ns=None if ttl_s is None else turn.now_ns + int(ttl_s * NS),
        until_utc=None if ttl_s is None else _utc_in(turn, ttl_s))
    if limit != _all(turn).get(where):
        _put(turn, where, limit)
        turn.emit(kept.keep_limit(where, limit))


def restore(turn: Turn, where: str, limit: Limit) -> None:
    """What was allowed before this start; nothing, where it was allowed is no more."""
    if where in turn.outlets or any(c.id == where for c in turn.plan.circuits):
        _put(turn, where, limit)


def computer_began(turn: Turn) -> None:
    """Monotonic times of before this start mean nothing any more; wall times do, when trusted."""
    for where, limit in _all(turn).items():
        _put(turn, where, msgspec.structs.replace(limit, until_ns=None))


def expire(turn: Turn) -> None:
    """Forget the limits whose time is over."""
    if turn.site.started_ns is None:
        return  # whose times those of before this start are is not known yet
    for where, limit in _all(turn).items():
        if _over(turn, limit):
            _put(turn, where, None)
            turn.emit(kept.keep_limit(where, None))


def _all(turn: Turn) -> dict[str, Limit]:
    own = {o.evse_id: o.limit for o in turn.outlets.values() if o.limit is not None}
    return {**turn.site.limits, **own} if own else turn.site.limits


def _put(turn: Turn, where: str, limit: Limit | None) -> None:
    if where in turn.outlets:
        turn.set(where, limit=limit)
        return
    others = {k: v for k, v in turn.site.limits.items() if k != where}
    turn.change(limits=others if limit is None else {**others, where: limit})


def _utc_in(turn: Turn, ttl_s: float) -> str | None:
    now_ms = parse_ms(turn.at.utc) if turn.at.clock_ok else None
    return None if now_ms is None else text(now_ms + int(ttl_s * 1000))


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


def by_wall_clock(turn: Turn) -> bool:
    """Whether one of them ends at a moment that only a wall clock can tell."""
    return any(limit.until_ns is None and limit.until_utc is not None for limit in _all(turn).values())


def _over(turn: Turn, limit: Limit) -> bool:
    if limit.until_ns is not None:
        return turn.reached(limit.until_ns)
    until_ms = parse_ms(limit.until_utc) if turn.at.clock_ok else None
    now_ms = None if until_ms is None else parse_ms(turn.at.utc)
    return until_ms is not None and now_ms is not None and now_ms >= until_ms


def _cap(limit: Limit | None) -> Cap | None:
    return None if limit is None else (limit.current_a, limit.because)
