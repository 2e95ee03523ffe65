"""Which EVSEs an event leaves at rest, so that nearly every step judges one instead of all. Pure.

An EVSE is at rest when judging it has changed nothing. As long as no fact that it is judged by is
another one, judging it again changes nothing either, until the first moment that it waited for
(`Turn.past` and `Turn.reached` note them) has come. So only those are judged that the event tells
something new of, that are not at rest, or whose moment has come. What belongs to no EVSE alone
(circuits, sensors, inputs, the station) has a moment of its own, and once a second everything is
judged anyway. While a fault stands nobody rests: when one ends hangs on more than the EVSE it is at.

Whatever reaches further than the EVSE it began at (a move, a fault, another share) is taken in anew by
a step that judges everything: `core.step` gives the same state and effects either way.
"""

from edge.controller import limits
from edge.controller.authorisation import quotas
from edge.controller.derate import is_cool
from edge.controller.events import (
    CloudSeen,
    InputSeen,
    OutletSeen,
    ReadingTaken,
    SensorSeen,
    Stamped,
    Tick,
)
from edge.controller.state import Outlet, Rest, Site
from edge.controller.turn import NEVER_NS, NS, SITE, Turn

_NEWS = frozenset({"clock", "readings", "sensors", "pending", "ack_age_s"})  # of few, or of nobody
_KINDS = OutletSeen | ReadingTaken | InputSeen | SensorSeen | CloudSeen | Tick
_OWN = frozenset({"telemetry_ns", "event_id", "registers"})  # that change no judgement made anew


def few(before: Site, turn: Turn, stamped: Stamped) -> tuple[str, ...] | None:
    """The EVSEs that need to be judged after an event was taken in; None: everything does."""
    rest, at, event = before.rest, stamped.at, stamped.event
    if (rest is None or not rest.at_ns <= at.mono_ns < rest.until_ns.get(SITE, 0)
            or at.mono_ns - rest.whole_ns >= turn.timers.whole_s * NS
            or (at.boot, at.clock_ok) != (rest.boot, rest.clock_ok)
            or not isinstance(event, _KINDS)
            or any(getattr(turn.site, name) != getattr(before, name) for name in turn.changed - _NEWS)
            or ("sensors" in turn.changed and not _cool(before, turn))):
        return None
    told = event.reading.meter_id if isinstance(event, ReadingTaken) else ""
    if told and (all(evse.meter_id != told for evse in turn.plan.evses)
                 or any(circuit.meter_id == told for circuit in turn.plan.circuits)):
        return None  # of a circuit, whose meter may be that of its only EVSE
    found = tuple([
        evse_id for evse_id, outlet in turn.outlets.items()
        if outlet is not before.outlets[evse_id] or rest.until_ns.get(evse_id, 0) <= at.mono_ns
        or (told and turn.evse(evse_id).meter_id == told)])
    found += quotas.partners(turn.outlets, found)
    return found if len(found) < max(len(turn.outlets), 2) else None


def _cool(before: Site, turn: Turn) -> bool:
    """Whether all sensors that are told of were and are far from what anybody waits for."""
    for sensor in turn.plan.sensors:
        was, now = before.sensors.get(sensor.id), turn.site.sensors.get(sensor.id)
        if was is not now and not all(
                one is not None and is_cool(sensor.curve, one.celsius)
                and (one.celsius or 0.0) < sensor.panic_c for one in (was, now)):
            return False
    return True


def noted(turn: Turn, before: Rest | None, taken_in: dict[str, Outlet]) -> Rest:
    """Who is at rest after a step. `taken_in`: the outlets before any of them was judged."""
    whole_ns, moments = turn.now_ns, {}
    if turn.few is not None and before is not None:
        whole_ns, moments = before.whole_ns, dict(before.until_ns)
    calm = turn.changed <= _OWN and not turn.reaches_others
    for evse_id in turn.outlets if turn.few is None else turn.few:
        outlet = turn.outlets[evse_id]
        if calm and outlet is taken_in[evse_id]:
            moments[evse_id] = turn.until_ns.get(evse_id, NEVER_NS)
        else:
            moments.pop(evse_id, None)
    if turn.few is None and calm and not _restless(turn):
        moments[SITE] = turn.until_ns.get(SITE, NEVER_NS)
    return Rest(at_ns=turn.now_ns, whole_ns=whole_ns, boot=turn.at.boot, clock_ok=turn.at.clock_ok,
                until_ns=moments, wants=turn.wants, shares=turn.shares)


def _restless(turn: Turn) -> bool:
    """What is rare, and whose waits are not all noted: faults, heat, overloads."""
    site = turn.site
    return bool(turn.faults or site.caps or site.overloads or limits.by_wall_clock(turn))
