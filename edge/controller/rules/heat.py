"""Temperatures: less current where it is hot (F407, F417), none where it is too hot (F405, F418) or
where nobody knows (F104). Two kinds of sensors: the Pi's, and one on each pilot board.

The board opens by itself above 71 degrees; its curve here ends below that, so that power is first
taken in order. No value of a board's sensor is no fault: the board says itself if it misses one.
"""

import math

from edge.controller.caps import cap_key
from edge.controller.derate import amperes, follow, is_cool, share_at
from edge.controller.faults import FaultCode
from edge.controller.rules.found import Found, Standing, at_evse
from edge.controller.site import BOARD_PANIC_C, Evse, Sensor, SensorPlace
from edge.controller.state import Outlet
from edge.controller.turn import Turn, fault_key

PANIC_BACK_C = 5.0  # so much below panic, for the hold: then power may come back
BOARD = "temperature:board"


def standing(turn: Turn) -> Standing:
    """Faults that temperatures show; the caps that they set are renewed on the way."""
    for sensor in turn.plan.sensors if turn.few is None else ():
        yield from _of_sensor(turn, sensor)
    for outlet in turn.judged():
        yield from _of_board(turn, turn.evse(outlet.evse_id), outlet)


def _of_sensor(turn: Turn, sensor: Sensor) -> Standing:
    if sensor.id not in turn.site.sensors and not turn.past(
            turn.site.started_ns, turn.timers.sensor_stale_s):
        return  # not read yet: heat takes minutes, and a restart shall not pause anybody
    celsius = _fresh(turn, sensor)
    cable = sensor.place is SensorPlace.CABLE
    hot = FaultCode.CABLE_HOT if cable else FaultCode.HOT
    too_hot = FaultCode.CABLE_TOO_HOT if cable else FaultCode.TEMPERATURE
    evses = [e for e in turn.plan.evses if e.id in sensor.evse_ids]
    share = share_at(sensor.curve, celsius)
    capped = False
    for evse in evses:
        target_a = sensor.fallback_a if share is None else amperes(share, evse.max_a)
        capped |= _cap(turn, f"temperature:{sensor.id}", evse.id, target_a)
    # held after it was lost: that is its fault still, and no heat
    back = capped and turn.has(FaultCode.SENSOR_LOST, sensor.id)
    if share is None or back:
        why = "has no curve" if celsius is not None and share is None else "gives no value"
        yield Found(code=FaultCode.SENSOR_LOST, where=sensor.id, evse_ids=sensor.evse_ids, detail=why)
    if share is not None and capped and (share < 1.0 or not back):
        yield Found(code=hot, where=sensor.id, evse_ids=sensor.evse_ids, detail=_shown(celsius))
    if _panics(turn, too_hot, sensor.id, celsius, sensor.panic_c):
        yield Found(code=too_hot, where=sensor.id, evse_ids=sensor.evse_ids, detail=_shown(celsius))


def _fresh(turn: Turn, sensor: Sensor) -> float | None:
    """What a sensor says now; None: nothing, no number, or nothing new for too long."""
    seen = turn.site.sensors.get(sensor.id)
    if (seen is None or seen.celsius is None or not math.isfinite(seen.celsius)
            or turn.past(seen.mono_ns, turn.timers.sensor_stale_s)):
        return None
    return seen.celsius


def _of_board(turn: Turn, evse: Evse, outlet: Outlet) -> Standing:
    board, key = outlet.board, cap_key(BOARD, evse.id)
    if board is None:
        return
    held = turn.site.caps.get(key)
    celsius = None if outlet.board_error is not None else board.temperature_c
    if held is not None or not is_cool(evse.curve, celsius):
        share = share_at(evse.curve, celsius)
        if share is not None:
            _cap(turn, BOARD, evse.id, amperes(share, evse.max_a))
        elif held is not None:
            _cap(turn, BOARD, evse.id, held.current_a)  # not known any more: as it was
        if key in turn.site.caps:
            yield at_evse(evse.id, FaultCode.HOT, _shown(celsius))
    if _panics(turn, FaultCode.TEMPERATURE, evse.id, celsius, BOARD_PANIC_C):
        yield at_evse(evse.id, FaultCode.TEMPERATURE, _shown(celsius))


def _shown(celsius: float | None) -> str:
    return "no temperature" if celsius is None else f"{celsius:.1f} C"


def _cap(turn: Turn, name: str, evse_id: str, target_a: float | None) -> bool:
    """Renew a cap; whether there is one."""
    key = cap_key(name, evse_id)
    held = turn.site.caps.get(key)
    now = follow(held, target_a, turn.now_ns, turn.timers.derate_hold_s)
    if now is None:
        if held is not None:
            turn.change(caps={k: v for k, v in turn.site.caps.items() if k != key})
    elif now != held:
        turn.change(caps={**turn.site.caps, key: now})
    return now is not None


def _panics(turn: Turn, code: FaultCode, where: str, celsius: float | None, panic_c: float) -> bool:
    """From `panic_c` on; then until well below it for the hold. Unknown ends nothing."""
    hot = celsius is not None and celsius >= panic_c
    if not hot and not turn.site.since:
        return False  # as it nearly always is
    key = fault_key(code, where)
    panic, cool = f"panic:{key}", f"cool:{key}"
    stands = hot or panic in turn.site.since
    well = celsius is not None and celsius < panic_c - PANIC_BACK_C
    ended = turn.past(turn.lasting(cool, stands and well), turn.timers.derate_hold_s)
    if ended:
        turn.lasting(cool, False)
    return turn.lasting(panic, stands and not ended) is not None
