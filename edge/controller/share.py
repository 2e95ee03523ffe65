"""Shares of the fuses: never more than any fuse per phase, 0 or at least 6 A, equal shares.

Every circuit is a fuse per phase with a parent; an EVSE uses the grid phases that it is wired to.
A *budget* leaves less of a fuse for the EVSEs below it than it carries: what a circuit's own meter
showed (`rules/electrical.py`), or what somebody allows at most. Whoever cannot have 6 A waits, the
latest first (IEC 61851-1: 6 A is the least that can be signalled).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from edge.controller.site import PHASES, Circuit, Evse, SitePlan
from edge.controller.struct import Value

MIN_A = 6.0

Fuse = tuple[str, str]  # circuit and phase
Cap = tuple[float, str]  # amperes, and what sets them
Budgets = Mapping[Fuse, Cap]

NO_BUDGETS: Budgets = MappingProxyType({})


class Want(Value):
    """Somebody who asks for current. `cap_a`: what his cable, a temperature or a person allows, None
    where nothing does; `because`: which of them.
    """

    evse_id: str
    began_ns: int
    cap_a: float | None = None
    because: str = "cable"


def tightest(*caps: Cap | None) -> Cap | None:
    """The least of some caps, the first of equals; None: there is none."""
    return min((cap for cap in caps if cap is not None), key=lambda cap: cap[0], default=None)


def circuits_of(plan: SitePlan, evse: Evse) -> tuple[str, ...]:
    """The circuits between an EVSE and the grid, nearest first."""
    return _up({c.id: c.parent for c in plan.circuits}, evse)


def _up(parents: Mapping[str, str | None], evse: Evse) -> tuple[str, ...]:
    path: list[str] = []
    at: str | None = evse.circuit
    while at is not None and at not in path:
        path.append(at)
        at = parents.get(at)
    return tuple(path)


def paths_of(plan: SitePlan) -> dict[str, tuple[Fuse, ...]]:
    """The fuses between each EVSE and the grid, nearest first."""
    return _paths(plan.circuits, plan.evses)


def _paths(circuits: Iterable[Circuit], evses: Iterable[Evse]) -> dict[str, tuple[Fuse, ...]]:
    parents = {c.id: c.parent for c in circuits}
    return {e.id: tuple((c, p) for c in _up(parents, e) for p in e.phases) for e in evses}


def _fuses(circuits: Iterable[Circuit], budgets: Budgets) -> dict[Fuse, Cap]:
    fuses = {(c.id, p): (c.fuse_a, f"circuit:{c.id}") for c in circuits for p in PHASES}
    for fuse, budget in budgets.items():
        if fuse in fuses and budget[0] < fuses[fuse][0]:
            fuses[fuse] = budget
    return fuses


def allocate(plan: SitePlan, wants: Iterable[Want],
             budgets: Budgets = NO_BUDGETS) -> dict[str, tuple[float, str]]:
    """Amperes and the limit that set them, per EVSE that asks; 0 A for those who must wait.

    First come, first served: each in turn joins if everybody with him still gets 6 A. So nobody
    waits who has room, and nobody who charges is put out by somebody who came later.
    """
    asking = tuple(sorted(wants, key=lambda w: (w.began_ns, w.evse_id)))
    if not asking:
        return {}
    return dict(_allocated(plan.circuits, plan.evses, asking, tuple(budgets.items())))


@lru_cache(maxsize=32)
def _allocated(circuits: tuple[Circuit, ...], all_evses: tuple[Evse, ...], asking: tuple[Want, ...],
               budgets: tuple[tuple[Fuse, Cap], ...]) -> Mapping[str, tuple[float, str]]:
    """Remembered, since from one event to the next nearly always the same ones ask for the same."""
    evses, paths = {e.id: e for e in all_evses}, _paths(circuits, all_evses)
    fuses = _fuses(circuits, dict(budgets))

    def equal(some: Iterable[Want]) -> dict[str, tuple[float, str]]:
        return _equal([(w, _own(w, evses[w.evse_id]), paths[w.evse_id]) for w in some], fuses)

    together = equal(asking)
    if all(a >= MIN_A for a, _ in together.values()):
        return together  # as it nearly always is; fewer of them would have no less at the least
    joined: list[Want] = []
    shares: dict[str, tuple[float, str]] = {}
    waiting: dict[str, tuple[float, str]] = {}
    for want in asking:
        tried = equal([*joined, want])
        if all(a >= MIN_A for a, _ in tried.values()):
            joined.append(want)
            shares = tried
        else:
            waiting[want.evse_id] = (0.0, tried[want.evse_id][1])
    return shares | waiting


def _own(want: Want, evse: Evse) -> Cap:
    """What this one may have if he were alone on the site."""
    if want.cap_a is not None and want.cap_a < evse.max_a:
        return (want.cap_a, want.because)
    return (evse.max_a, "evse")


def _equal(asking: list[tuple[Want, Cap, tuple[Fuse, ...]]],
           fuses: Mapping[Fuse, Cap]) -> dict[str, tuple[float, str]]:
    """Water-filling: everybody rises together until a fuse on his path is full."""
    users: dict[Fuse, int] = {}  # not done yet
    for _, _, path in asking:
        for fuse in path:
            users[fuse] = users.get(fuse, 0) + 1
    taken = dict.fromkeys(users, 0.0)
    done: dict[str, tuple[float, str]] = {}
    left = asking
    while left:
        level = [(_limit(own, path, fuses, users, taken), want.evse_id, path)
                 for want, own, path in left]
        (amps, because), evse_id, path = min(level, key=lambda n: (n[0][0], n[1]))
        done[evse_id] = (amps, because)
        for fuse in path:
            users[fuse] -= 1
            taken[fuse] += amps
        left = [one for one in left if one[0].evse_id != evse_id]
    return done


def _limit(own: Cap, path: tuple[Fuse, ...], fuses: Mapping[Fuse, Cap], users: Mapping[Fuse, int],
           taken: Mapping[Fuse, float]) -> tuple[float, str]:
    """What this one may have if the room left on each fuse is split equally among the rest."""
    best = own
    for fuse in path:
        room_a, because = fuses[fuse]
        share = (room_a - taken[fuse]) / users[fuse]
        if share < best[0]:
            best = (share, because)
    return (int(max(best[0], 0.0) * 10) / 10, best[1])


def headroom(plan: SitePlan, evse_id: str, committed: Mapping[str, float],
             budgets: Budgets = NO_BUDGETS) -> float:
    """What an EVSE may be told now, given what all others may still be drawing."""
    fuses, paths = _fuses(plan.circuits, budgets), paths_of(plan)
    room = next(e.max_a for e in plan.evses if e.id == evse_id)
    for fuse in paths[evse_id]:
        used = sum(a for other, a in committed.items() if other != evse_id and fuse in paths[other])
        room = min(room, fuses[fuse][0] - used)
    return int(max(room, 0.0) * 10) / 10
