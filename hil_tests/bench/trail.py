"""From the station's trace and the cabinet's moves to how long each part of a tap or a closing took.

All processes share CLOCK_MONOTONIC, so that moments of different ones may be subtracted. Pure.
"""

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# The firmware's rule for entering C (`SETTLE_MS`). Its loop samples every 4 ms, so the real moment is
# up to 8 ms later: "debounced C" is taken too early here rather than too late.
DEBOUNCE_C_NS = 500_000_000
_LOGGER = "edge.station.trace: "


class Incomplete(ValueError):
    """A moment is missing in the trail; the message names it."""


@dataclass(frozen=True)
class Moment:
    """One line: when, what and of what; for a step also the event's stamp and when it was asked for."""

    ns: int
    what: str
    of: tuple[str, ...]
    at_ns: int = 0
    asked_ns: int = 0


def from_trace(lines: Iterable[str]) -> list[Moment]:
    """The lines of a controller's log that belong to `edge.station.trace`."""
    found = []
    for line in lines:
        _, mark, text = line.partition(_LOGGER)
        words = text.split()
        if not mark:
            continue
        if words[1] == "step":
            found.append(Moment(int(words[0]), f"step {words[2]}", tuple(words[5:]),
                                int(words[3]), int(words[4])))
        else:
            found.append(Moment(int(words[0]), words[1], (words[2],), int(words[3])))
    return found


def from_moves(lines: Iterable[str]) -> list[Moment]:
    """The cabinet's file of moves; only what went on (`level` true)."""
    moves = [json.loads(line) for line in lines]
    return [Moment(move["mono_ns"], move["what"], (move["evse"],)) for move in moves if move["level"]]


class Trail:
    """Moments in the order of time."""

    def __init__(self, moments: Iterable[Moment]) -> None:
        self._moments = sorted(moments, key=lambda moment: moment.ns)

    def first(self, since_ns: int, name: str, wanted: Callable[[Moment], bool]) -> Moment:
        """The first one at or after a moment. Raises `Incomplete`."""
        for moment in self._moments:
            if moment.ns >= since_ns and wanted(moment):
                return moment
        raise Incomplete(name)

    def move(self, since_ns: int, what: str, evse: str) -> int:
        """When a mark was made or a part moved."""
        return self.first(since_ns, f"{what} {evse}", lambda m: (m.what, m.of) == (what, (evse,))).ns

    def effect(self, since_ns: int, effect: str) -> Moment:
        """The step that had this effect, as `CloseContactor:1`."""
        return self.first(since_ns, effect, lambda m: m.what.startswith("step ") and effect in m.of)


def tap_parts_ms(trail: Trail, evse: str, held_ns: int) -> dict[str, float]:
    """From a card held to the reader to the first edge of the PWM. Raises `Incomplete`."""
    tag = trail.first(held_ns, "tag", lambda m: m.what == "tag")
    uid_ns = tag.at_ns
    step = trail.effect(uid_ns, f"OfferCurrent:{evse}")
    committed_ns = trail.move(step.ns, "committed", f"OfferCurrent:{evse}")
    # The board drives its pin before it confirms, and the cabinet looks at the pin every 5 ms only.
    edge_ns = min(trail.move(committed_ns, "offered", evse), trail.move(committed_ns, "pwm", evse))
    return _parts([
        ("radio", held_ns), ("uid -> tag at controller", uid_ns), ("look-up", tag.ns),
        ("decision", step.at_ns), ("commit", step.ns), ("bus + firmware", committed_ns), ("", edge_ns),
    ]) | {"total": (edge_ns - uid_ns) / 1e6}


def close_parts_ms(trail: Trail, evse: str, since_ns: int) -> dict[str, float]:
    """From the debounced C to the contactor's main contacts. Raises `Incomplete`."""
    c_ns = trail.move(since_ns, "s2", evse) + DEBOUNCE_C_NS
    step = trail.effect(c_ns, f"CloseContactor:{evse}")
    seen = trail.first(c_ns, "C seen", lambda m: m.what == "step OutletSeen"
                       and (f"ReadMeter:bay-{evse}" in m.of or m is step))
    if seen.ns > step.ns:
        raise Incomplete("poll that saw C before the closing")  # that one belongs to a later reading
    committed_ns = trail.move(step.ns, "committed", f"CloseContactor:{evse}")
    granted_ns = trail.move(committed_ns, "granted", evse)
    coil_ns = trail.move(committed_ns, "coil", evse)
    contact_ns = trail.move(coil_ns, "contact", evse)
    return _parts([
        ("poll wait", c_ns), ("poll frame", max(c_ns, seen.asked_ns)), ("start register", seen.at_ns),
        ("decision", step.at_ns), ("commit", step.ns), ("grant frame", committed_ns),
        ("gpio", granted_ns), ("pull-in", coil_ns), ("", contact_ns),
    ]) | {"to coil": (coil_ns - c_ns) / 1e6, "to contact": (contact_ns - c_ns) / 1e6}


def _parts(moments: list[tuple[str, int]]) -> dict[str, float]:
    """Each part from its own moment to the next one."""
    return {name: (end_ns - start_ns) / 1e6
            for (name, start_ns), (_, end_ns) in itertools.pairwise(moments)}
