"""A circuit whose own meter shows too much: what is left of it for the EVSEs below it (F415).

Shares alone never exceed a fuse; what they do not know of is everything else behind it. What is too
much is taken from what the EVSEs really draw, at once. More is given back when the meter has shown
room for a while, and the limit is forgotten when the whole fuse would do.
"""

import math

from edge.controller.caps import budget_key
from edge.controller.closing import is_open
from edge.controller.derate import Held, follow
from edge.controller.faults import FaultCode
from edge.controller.reading import PerPhase, Reading
from edge.controller.rules.found import Found, Standing
from edge.controller.share import circuits_of
from edge.controller.site import PHASES, Circuit, Evse
from edge.controller.turn import NS, Turn

# A miniature circuit breaker carries 1.13 times its rating for an hour (IEC 60898-1), a meter with
# its transformers errs by 2 or 3 %: between the two, so that neither error nor ripple sheds load.
MARGIN = 1.05
_OVER, _CALM = "overload:", "calm:"


def standing(turn: Turn) -> Standing:
    """Faults of every circuit that has a meter of its own."""
    for circuit in turn.plan.circuits:
        if circuit.meter_id is None:
            continue
        reading = turn.site.readings.get(circuit.meter_id)
        if reading is not None and not turn.past(reading.mono_ns, turn.timers.meter_lost_s):
            yield from _of(turn, circuit, reading)
        elif turn.has(FaultCode.CIRCUIT_OVERLOAD, circuit.id):
            yield _found(turn, circuit, "its meter is silent")  # nobody has seen that it ended


def _of(turn: Turn, circuit: Circuit, reading: Reading) -> Standing:
    taken = {phase: amps for phase, amps in _by_phase(reading.current_a).items() if amps is not None}
    over = [phase for phase, amps in taken.items() if amps > circuit.fuse_a * MARGIN]
    stands = turn.has(FaultCode.CIRCUIT_OVERLOAD, circuit.id)
    since = turn.lasting(_OVER + circuit.id, bool(over), reading.mono_ns)
    calm = turn.lasting(_CALM + circuit.id, stands and not over, reading.mono_ns)
    lasted = since is not None and reading.mono_ns - since >= turn.timers.overload_s * NS
    if lasted:
        turn.lasting(_OVER + circuit.id, False)  # cars have 5 s to follow: then it is judged anew
        for phase in over:
            _cut(turn, circuit, phase, taken[phase])
    elif taken and turn.site.overloads:
        for phase in taken:
            _give_back(turn, circuit, phase, taken[phase])
    ended = calm is not None and reading.mono_ns - calm >= turn.timers.derate_hold_s * NS
    if lasted or (stands and not ended):
        shown = " ".join(f"{phase} {amps:.1f}" for phase, amps in taken.items())
        yield _found(turn, circuit, f"{shown} A, fuse {circuit.fuse_a:g} A")


def _found(turn: Turn, circuit: Circuit, detail: str) -> Found:
    return Found(code=FaultCode.CIRCUIT_OVERLOAD, where=circuit.id, detail=detail,
                 evse_ids=tuple(e.id for e in _below(turn, circuit)))


def _by_phase(values: PerPhase) -> dict[str, float | None]:
    return {phase: amps if amps is not None and math.isfinite(amps) else None
            for phase, amps in (("L1", values.L1), ("L2", values.L2), ("L3", values.L3))}


def _below(turn: Turn, circuit: Circuit) -> list[Evse]:
    return [e for e in turn.plan.evses if circuit.id in circuits_of(turn.plan, e)]


def _cut(turn: Turn, circuit: Circuit, phase: str, taken_a: float) -> None:
    left_a = float(max(math.floor(_drawn_a(turn, circuit, phase) - (taken_a - circuit.fuse_a)), 0))
    key = budget_key(circuit.id, phase)
    held = turn.site.overloads.get(key)
    least_a = left_a if held is None else min(left_a, held.current_a)
    turn.change(overloads={**turn.site.overloads, key: Held(current_a=least_a)})


def _give_back(turn: Turn, circuit: Circuit, phase: str, taken_a: float) -> None:
    """In whole amperes, as much as there is room for. Less room takes nothing: an overload does."""
    key = budget_key(circuit.id, phase)
    held = turn.site.overloads.get(key)
    if held is None:
        return
    room_a = float(math.floor(_drawn_a(turn, circuit, phase) + circuit.fuse_a - taken_a))
    target_a = None if room_a >= math.floor(circuit.fuse_a) else max(room_a, held.current_a)
    now = follow(held, target_a, turn.now_ns, turn.timers.derate_hold_s)
    if now is None:
        turn.change(overloads={k: v for k, v in turn.site.overloads.items() if k != key})
    elif now != held:
        turn.change(overloads={**turn.site.overloads, key: now})


def _drawn_a(turn: Turn, circuit: Circuit, phase: str) -> float:
    """What the EVSEs below take of a phase: by their meters, else what they may take at most."""
    drawn_a = 0.0
    for evse in _below(turn, circuit):
        outlet, reading = turn.outlets[evse.id], turn.site.readings.get(evse.meter_id)
        if phase not in evse.phases or is_open(outlet):
            continue
        amps = None
        if reading is not None and not turn.past(reading.mono_ns, turn.timers.meter_lost_s):
            own = PHASES[evse.phases.index(phase)]
            amps = _by_phase(reading.current_a)[own]
        drawn_a += outlet.offer.current_a if amps is None else max(amps, 0.0)
    return drawn_a
