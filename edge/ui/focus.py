"""Which bay a screen shows: the one that somebody touched, or where something just happened. Pure."""

from msgspec.structs import replace

from edge.controller.snapshot import EvseView, Screen, Snapshot
from edge.controller.struct import Value

HOLD_S = 20.0  # a touch keeps its page against other bays for so long
IDLE_S = 60.0  # then the screen goes home


class Focus(Value):
    """What the screen shows. `evse_id` None: the overview. Times are monotonic seconds."""

    evse_id: str | None = None
    touched_s: float = float("-inf")
    active_s: float = float("-inf")
    seen: tuple[tuple[str, Screen, str | None], ...] = ()


def _looks(snapshot: Snapshot) -> tuple[tuple[str, Screen, str | None], ...]:
    return tuple((e.id, e.screen, e.message) for e in snapshot.evses)


def touched(focus: Focus, evse_id: str | None, now_s: float) -> Focus:
    """Somebody chose a bay, or the overview."""
    return replace(focus, evse_id=evse_id, touched_s=now_s, active_s=now_s)


def kept(focus: Focus, now_s: float) -> Focus:
    """Somebody touched the page that is shown."""
    return replace(focus, touched_s=now_s, active_s=now_s)


def followed(focus: Focus, snapshot: Snapshot, now_s: float) -> Focus:
    """What to show after a snapshot: follow the latest change, go home after a quiet minute."""
    looks = _looks(snapshot)
    ids = [e.id for e in snapshot.evses]
    if len(ids) == 1:
        return replace(focus, evse_id=ids[0], seen=looks)
    evse_id = focus.evse_id if focus.evse_id in ids else None
    before = {look[0]: look for look in focus.seen}
    changed = [look for look in looks if look[0] in before and before[look[0]] != look]
    own = any(look[0] == evse_id for look in changed)
    if changed and (own or evse_id is None or now_s - focus.touched_s >= HOLD_S):
        moved = [look[0] for look in changed if before[look[0]][1] is not look[1]]
        if own and (not moved or evse_id in moved):
            shown = evse_id
        else:  # several at once: a card that may start at any of them
            shown = moved[0] if len(moved) == 1 else None
        return replace(focus, evse_id=shown, active_s=now_s, seen=looks)
    if now_s - max(focus.active_s, focus.touched_s) >= IDLE_S:
        evse_id = _home(snapshot.evses)
    return replace(focus, evse_id=evse_id, seen=looks)


def _home(evses: tuple[EvseView, ...]) -> str | None:
    """The only bay that is in use, else the overview: two drivers at once must both see theirs."""
    busy = [e.id for e in evses if e.screen is not Screen.AVAILABLE]
    return busy[0] if len(busy) == 1 else None
