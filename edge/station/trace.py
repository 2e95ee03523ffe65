"""What happened when: one line a step on the logger of this module, at DEBUG. Off: one comparison.

For the benchmark (`make bench`) and for whoever hunts a delay in the field. Each line begins with
the monotonic clock in ns, which all processes of a machine share; no line holds a card's number.
"""

import logging
import time

from edge.controller.effects import Effect
from edge.controller.events import OutletSeen, ReadingTaken, Stamped

log = logging.getLogger(__name__)


def mark(what: str, of: str, since_ns: int = 0) -> None:
    """`what` happened just now to a device or an EVSE; `since_ns`: when its cause was seen."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%d %s %s %d", time.monotonic_ns(), what, of, since_ns)


def step(stamped: Stamped, effects: tuple[Effect, ...]) -> None:
    """A step of the core that had effects, when they were carried out or on their way."""
    if effects and log.isEnabledFor(logging.DEBUG):
        event, asked_ns = stamped.event, 0
        if isinstance(event, OutletSeen):
            asked_ns = event.board.mono_ns
        elif isinstance(event, ReadingTaken):
            asked_ns = event.reading.mono_ns
        log.debug("%d step %s %d %d %s", time.monotonic_ns(), type(event).__name__,
                  stamped.at.mono_ns, asked_ns, " ".join(_named(effect) for effect in effects))


def _named(effect: Effect) -> str:
    return f"{type(effect).__name__}:{getattr(effect, 'evse_id', getattr(effect, 'meter_id', ''))}"
