"""Breadth-first exploration of a `Stage`: abstract states, their successors, and how one got there."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from evse_stage import METER, MS, NS, Happening, Stage

from edge.controller.phase import ENERGISED, Phase
from edge.controller.session import Session
from edge.controller.state import Outlet

ALMOST_NS = 5 * MS
#: Deadlines (names of `Timers`, or seconds) that are counted from each moment an outlet remembers.
#: A moment that is not named here is only known or unknown.
DEADLINES: Mapping[str, tuple[str | float, ...]] = {
    "seen_ns": ("board_lost_s",),
    "disagree_ns": ("mirror_agree_s",),
    "stuck_ns": ("mirror_open_s",),
    "fallen_ns": ("mirror_close_s",),
    "fed_ns": ("relay_open_s",),
    "granted_ns": ("mirror_close_s",),
    "x1_ns": ("stop_open_s",),
    "open_ns": (1.0,),
    "opened_at_ns": (1.0, "min_off_s"),
    "since_ns": ("start_read_s", "end_read_s"),
    "began_ns": ("card_dead_s",),
    "fault_open_ns": ("fault_off_s",),
    "replug_ns": ("replug_s",),
    "idle_ns": ("wake_after_s",),
    "over_ns": ("overcurrent_s",),
    "hammer_ns": ("hammer_hold_s",),
}
_UNSEEN = {"renewed_ns", "sampled_ns", "message_until_ns", "receipt_ns", "read_asked_ns", "plugged_ns",
           "closed_ns", "odd_ns", "not_before_ns"}
_MOMENTS = tuple(f for f in Outlet.__struct_fields__ if f.endswith("_ns") and f not in _UNSEEN)


@dataclass
class Found:
    """What an exploration saw. `paths`: how each state was reached first."""

    states: dict[tuple[object, ...], Stage] = field(default_factory=dict)
    depth: dict[tuple[object, ...], int] = field(default_factory=dict)
    transitions: int = 0
    seconds: float = 0.0
    closed: bool = False  # nothing new was left to go on from

    def phases(self) -> set[str]:
        return {stage.outlet.phase.value for stage in self.states.values()}


class Broken(AssertionError):
    """An invariant fell; the message tells the story."""


def deadlines_ns(stage: Stage, *, polled: bool = True, metered: bool = True) -> Iterator[int]:
    """Moments to come at which an abstract state changes by itself, while board and meter do so."""
    outlet = stage.outlet
    for name in _MOMENTS:
        since = getattr(outlet, name)
        if since is not None and _counts(outlet, name) and not (polled and name == "seen_ns"):
            for wait_s in _waits(stage, name):
                yield since + int(wait_s * NS)
    reading = stage.site.readings.get(METER)
    if reading is not None and not metered:
        yield reading.mono_ns + int(stage.plan.timers.meter_lost_s * NS)


def _counts(outlet: Outlet, name: str) -> bool:
    """Some moments matter in some phases only."""
    if name == "since_ns":
        return outlet.phase in (Phase.PREPARING, Phase.ENDING)
    if name == "granted_ns":
        return outlet.phase is Phase.CLOSING
    if name in ("opened_at_ns", "fault_open_ns"):
        return outlet.phase not in ENERGISED | {Phase.VACANT, Phase.FINISHED}
    return name in DEADLINES and (name != "began_ns" or outlet.session is not None)


def _waits(stage: Stage, name: str) -> list[float]:
    return [wait if isinstance(wait, float) else getattr(stage.plan.timers, wait)
            for wait in DEADLINES.get(name, ())]


def _region(stage: Stage, since_ns: int | None, waits_s: list[float]) -> int:
    """Which deadlines have passed: 0 none, then two for each, "almost" and "passed"."""
    if since_ns is None:
        return -1
    age_ns = stage.now_ns - since_ns
    return sum((age_ns >= wait_s * NS - ALMOST_NS) + (age_ns >= wait_s * NS) for wait_s in waits_s)


def key(stage: Stage) -> tuple[object, ...]:
    """The abstract state: everything that a sign can read, with regions in place of moments."""
    outlet, site = stage.outlet, stage.site
    board, reading = outlet.board, site.readings.get(METER)
    seen = None if board is None else (
        board.pilot, board.pwm_on, board.permit, board.mirror_closed, board.diode_ok, board.dark,
        board.testing, board.faults)
    return (
        outlet.phase, seen, outlet.board_error is None, outlet.pi_mirror_closed, outlet.relay_on,
        outlet.closing, outlet.close_error is None, outlet.offer.current_a > 0, outlet.shorts > 3,
        tuple(_region(stage, getattr(outlet, name), _waits(stage, name))
              if _counts(outlet, name) else getattr(outlet, name) is not None for name in _MOMENTS),
        _session(stage, outlet.session), _session(stage, outlet.restored),
        outlet.stop.reason if outlet.stop else None, outlet.card is not None, len(site.cards),
        outlet.paused, outlet.limit, outlet.woken, outlet.operational,
        tuple(sorted((k, f.acknowledged_ns is None) for k, f in site.faults.items())),
        site.journal_error is None, bool(site.suspects), tuple(sorted(site.inputs.items())),
        _region(stage, reading.mono_ns if reading else None, [stage.plan.timers.meter_lost_s]),
        stage.pilot, stage.copper, stage.pwm, stage.quirk, stage.fault, bool(stage.unpriced),
        stage.lost)


def _session(stage: Stage, session: Session | None) -> tuple[object, ...] | None:
    if session is None:
        return None
    return (session.start_reading is not None, session.end_reading is not None, session.stop_reason,
            session.ended is not None, session.charging_state,
            (session.plug_seq, session.board_boot) == (stage.plug_seq, stage.boot_count))


def moments(stage: Stage) -> Iterator[tuple[str, Stage]]:
    """Time passes to just before the next deadline, and to it; with and without board and meter."""
    for polled, metered, name in ((True, True, ""), (False, True, ", board silent"),
                                  (True, False, ", meter silent"), (False, False, ", both silent")):
        ahead = [ns for ns in deadlines_ns(stage, polled=polled, metered=metered) if ns > stage.now_ns]
        to_ns = min(ahead, default=stage.now_ns)
        for early_ns, word in ((MS, "just before"), (0, "at")):
            if to_ns - early_ns > stage.now_ns:
                yield f"{word} the next deadline{name}", _passed(
                    stage.fork(), to_ns - early_ns, polled, metered, f"{word}{name}")


def _passed(stage: Stage, to_ns: int, polled: bool, metered: bool, name: str) -> Stage:
    try:
        stage.let_pass(to_ns, polled=polled, metered=metered)
    except AssertionError as error:
        raise Broken(f"time passes {name}: {error}") from error
    return stage


def successors(stage: Stage, alphabet: Mapping[str, Happening]) -> Iterator[tuple[str, Stage]]:
    """All that may happen next. Raises `Broken`."""
    for name, happen in alphabet.items():
        other = stage.fork()
        other.now_ns += MS
        try:
            happen(other)
        except AssertionError as error:
            raise Broken(f"{name}: {error}") from error
        yield name, other
    yield from moments(stage)


def explore(seeds: Mapping[str, Stage], alphabet: Mapping[str, Happening], *, depth: int,
            found: Found | None = None) -> Found:
    """All successors of every state that is less than `depth` events away from a seed."""
    found = found or Found()
    began_s = time.process_time()
    told: dict[tuple[object, ...], tuple[tuple[object, ...] | None, str]] = {}
    queue: deque[tuple[tuple[object, ...], int]] = deque()
    for name, seed in seeds.items():
        queue.append((key(seed), 0))
        found.states.setdefault(key(seed), seed)
        told.setdefault(key(seed), (None, f"[{name}]"))
    reached = set(told)
    cut = False
    while queue:
        at, level = queue.popleft()
        if level >= depth:
            cut = True
            continue
        try:
            for name, other in successors(found.states[at], alphabet):
                found.transitions += 1
                to = key(other)
                if to not in reached:
                    reached.add(to)
                    told[to] = at, name
                    found.states.setdefault(to, other)
                    found.depth.setdefault(to, level + 1)
                    queue.append((to, level + 1))
        except Broken as error:
            raise Broken(f"{' / '.join(_story(told, at))} / {error}") from error
    found.closed = not cut
    found.seconds += time.process_time() - began_s
    return found


def _story(told: dict[tuple[object, ...], tuple[tuple[object, ...] | None, str]],
           at: tuple[object, ...]) -> list[str]:
    names: list[str] = []
    here: tuple[object, ...] | None = at
    while here is not None:
        here, name = told[here]
        names.insert(0, name)
    return [name for name in names if name]
