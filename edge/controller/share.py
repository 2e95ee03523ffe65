"""Shares of the fuses: never more than any fuse per phase, 0 or at least 6 A, equal shares.

First form: equal static shares (no measured house load). Every circuit is a fuse per phase with a
parent; an EVSE uses the grid phases that it is wired to. Whoever cannot have 6 A waits, the
latest first (IEC 61851-1: 6 A is the least that can be signalled).
"""

from collections.abc import Iterable, Mapping

from edge.controller.site import Evse, SitePlan
from edge.controller.struct import Value

MIN_A = 6.0


class Want(Value):
    """Somebody who asks for current. `cap_a` of the cable, None where not known."""

    evse_id: str
    began_ns: int
    cap_a: float | None = None


def circuits_of(plan: SitePlan, evse: Evse) -> tuple[str, ...]:
    """The circuits between an EVSE and the grid, nearest first."""
    parents = {c.id: c.parent for c in plan.circuits}
    path: list[str] = []
    at: str | None = evse.circuit
    while at is not None and at not in path:
        path.append(at)
        at = parents.get(at)
    return tuple(path)


def allocate(plan: SitePlan, wants: Iterable[Want]) -> dict[str, tuple[float, str]]:
    """Amperes and the limit that set them, per EVSE that asks; 0 A for those who must wait.

    First come, first served: each in turn joins if everybody with him still gets 6 A. So nobody
    waits who has room, and nobody who charges is put out by somebody who came later.
    """
    joined: list[Want] = []
    shares: dict[str, tuple[float, str]] = {}
    waiting: dict[str, tuple[float, str]] = {}
    asking = sorted(wants, key=lambda w: (w.began_ns, w.evse_id))
    together = _equal(plan, asking)
    if all(a >= MIN_A for a, _ in together.values()):
        return together  # as it nearly always is; fewer of them would have no less at the least
    for want in asking:
        tried = _equal(plan, [*joined, want])
        if all(a >= MIN_A for a, _ in tried.values()):
            joined.append(want)
            shares = tried
        else:
            waiting[want.evse_id] = (0.0, tried[want.evse_id][1])
    return shares | waiting


def _equal(plan: SitePlan, asking: list[Want]) -> dict[str, tuple[float, str]]:
    """Water-filling: everybody rises together until a fuse on his path is full."""
    evses = {e.id: e for e in plan.evses}
    fuses = {(c.id, p): c.fuse_a for c in plan.circuits for p in ("L1", "L2", "L3")}
    paths = {w.evse_id: [(c, p) for c in circuits_of(plan, evses[w.evse_id])
                         for p in evses[w.evse_id].phases] for w in asking}
    done: dict[str, tuple[float, str]] = {}
    while len(done) < len(asking):
        level: dict[str, tuple[float, str]] = {}
        for want in asking:
            if want.evse_id not in done:
                level[want.evse_id] = _limit(want, evses[want.evse_id], paths, fuses, done)
        evse_id = min(level, key=lambda e: (level[e][0], e))
        done[evse_id] = level[evse_id]
    return done


def _limit(want: Want, evse: Evse, paths: Mapping[str, list[tuple[str, str]]],
           fuses: Mapping[tuple[str, str], float],
           done: Mapping[str, tuple[float, str]]) -> tuple[float, str]:
    """What this one may have if the room left on each fuse is split equally among the rest."""
    best = (evse.max_a, "evse")
    if want.cap_a is not None and want.cap_a < best[0]:
        best = (want.cap_a, "cable")
    for fuse in paths[want.evse_id]:
        users = [e for e, path in paths.items() if fuse in path]
        room = fuses[fuse] - sum(done[e][0] for e in users if e in done)
        share = room / sum(1 for e in users if e not in done)
        if share < best[0]:
            best = (max(share, 0.0), f"circuit:{fuse[0]}")
    return (int(best[0] * 10) / 10, best[1])


def headroom(plan: SitePlan, evse_id: str, committed: Mapping[str, float]) -> float:
    """What an EVSE may be told now, given what all others may still be drawing."""
    evses = {e.id: e for e in plan.evses}
    fuses = {c.id: c.fuse_a for c in plan.circuits}
    mine = evses[evse_id]
    room = mine.max_a
    for circuit in circuits_of(plan, mine):
        for phase in mine.phases:
            used = sum(a for other, a in committed.items()
                       if other != evse_id and phase in evses[other].phases
                       and circuit in circuits_of(plan, evses[other]))
            room = min(room, fuses[circuit] - used)
    return int(max(room, 0.0) * 10) / 10
