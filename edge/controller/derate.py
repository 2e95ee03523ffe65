"""How much less may flow: the curve of a temperature, and a limit that falls at once and rises late.

Pure values and arithmetic. `rules/heat.py` feeds it with temperatures, `rules/circuit.py` with what a
circuit's own meter shows; `caps.py` puts the result into words that `share.py` takes.
"""

import math
from collections.abc import Iterable

from edge.controller.site import CurvePoint
from edge.controller.struct import Value

NS = 1_000_000_000
_ALMOST = 1e-6  # 32 A times a share is a float: 31.999999999 is no reason to take an ampere away


class Held(Value):
    """A limit in force. `rise_ns`: since then more would do, and never less than `rise_a`."""

    current_a: float
    rise_ns: int | None = None
    rise_a: float = 0.0


def share_at(curve: Iterable[CurvePoint], celsius: float | None) -> float | None:
    """The share (0 to 1) that a curve allows: straight lines between its points, in any order, and
    level beyond them; of two points at one temperature the lower counts. None: no temperature is
    known (None, NaN, infinite), or the curve has no point.
    """
    if celsius is None or not math.isfinite(celsius):
        return None
    least: dict[float, float] = {}
    for point in curve:
        if math.isfinite(point.celsius) and math.isfinite(point.share):
            least[point.celsius] = min(point.share, least.get(point.celsius, point.share))
    if not least:
        return None
    cool, hot = (max((c for c in least if c <= celsius), default=None),
                 min((c for c in least if c > celsius), default=None))
    if cool is None or hot is None:
        share = least[min(least) if cool is None else cool]
    else:
        share = least[cool] + (least[hot] - least[cool]) * (celsius - cool) / (hot - cool)
    return min(max(share, 0.0), 1.0)


def is_cool(curve: tuple[CurvePoint, ...], celsius: float | None) -> bool:
    """A quick look, as nearly always enough: not even the first point is reached, and it allows all."""
    return (celsius is not None and bool(curve) and curve[0].share >= 1.0
            and all(celsius <= p.celsius for p in curve))


def amperes(share: float, max_a: float) -> float | None:
    """A share of `max_a` in whole amperes, rounded down; None: all of it.

    Whole, because a sensor's last digit would else tell the car another current at every reading.
    """
    return None if share >= 1.0 else float(math.floor(share * max_a + _ALMOST))


def follow(held: Held | None, target_a: float | None, now_ns: int, hold_s: float) -> Held | None:
    """The limit after a new target (None: no limit): down at once, up only after `hold_s` in which
    more would have done all the time, and then to the least of what would have done.
    """
    if target_a is None:
        target_a = math.inf
    if held is None or target_a < held.current_a:
        return None if target_a == math.inf else Held(current_a=target_a)
    if target_a == held.current_a:
        return held if held.rise_ns is None else Held(current_a=target_a)
    if held.rise_ns is None:
        return Held(current_a=held.current_a, rise_ns=now_ns, rise_a=target_a)
    least_a = min(held.rise_a, target_a)
    if now_ns - held.rise_ns < hold_s * NS:
        return held if least_a == held.rise_a else Held(
            current_a=held.current_a, rise_ns=held.rise_ns, rise_a=least_a)
    if least_a == math.inf:
        return None
    return Held(current_a=least_a, rise_ns=now_ns, rise_a=target_a) if target_a > least_a else Held(
        current_a=least_a)
