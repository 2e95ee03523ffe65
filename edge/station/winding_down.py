"""An orderly stop of the controller: X1 to every car that may charge, then open what draws no more.

The core goes on meanwhile: what it takes away is taken at once, what it grants is not granted any more,
and what happens is recorded. Sessions stay open and go on after the next start.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from edge.controller.pilot import PilotState
from edge.controller.state import Outlet, Site
from edge.controller.trouble import DeviceError

STOP_OPEN_S = 6.0
"""After X1 the contactor opens whatever the current (IEC 61851-1, as the core's own orderly stop)."""
LIGHT_A = 1.0
LOOK_S = 0.1

log = logging.getLogger(__name__)


class Winds(Protocol):
    """An outlet's driver, as far as it ends."""

    def withdraw(self) -> None: ...

    def make_safe(self) -> None: ...


def is_closed(outlet: Outlet) -> bool:
    """As far as anybody knows."""
    return outlet.relay_on or outlet.pi_mirror_closed is not False


def draws(site: Site, evse_id: str, since_ns: int) -> bool:
    """Whether opening would break a current, as far as anybody knows: unknown counts as yes.

    `since_ns`: when the offer was taken away; what a meter said before that counts for nothing.
    """
    outlet = site.outlets[evse_id]
    if not is_closed(outlet):
        return False
    if outlet.board is None or outlet.board_error is not None:
        return True
    if outlet.board.pilot not in (PilotState.C, PilotState.D):
        return False  # the car has opened its own switch
    meter_id = next(evse.meter_id for evse in site.plan.evses if evse.id == evse_id)
    reading = site.readings.get(meter_id)
    if reading is None or reading.mono_ns < since_ns:
        return True
    known = [a for a in (reading.current_a.L1, reading.current_a.L2, reading.current_a.L3)
             if a is not None]
    return not known or max(known) >= LIGHT_A


async def wind_down(outlets: Mapping[str, Winds], site: Callable[[], Site],
                    clock_ns: Callable[[], int], hurry: asyncio.Event) -> None:
    """Returns when nothing draws any more, 6 s later, or as soon as `hurry` is set; then the relays of
    those that rested are off, and the others' are for the caller to drop at once.
    """
    began_ns = clock_ns()
    left = {evse_id for evse_id in outlets if is_closed(site().outlets[evse_id])}
    for evse_id in left:
        outlets[evse_id].withdraw()
    loop = asyncio.get_running_loop()
    until_s = loop.time() + STOP_OPEN_S
    while left and not hurry.is_set() and loop.time() < until_s:
        for evse_id in [e for e in left if not draws(site(), e, began_ns)]:
            left.discard(evse_id)
            try:
                outlets[evse_id].make_safe()
            except DeviceError as error:  # the others' cars are not cut off for it
                log.error("evse %s: relay could not be dropped: %s", evse_id, error)
        await asyncio.sleep(LOOK_S)
    for evse_id in left:
        log.warning("evse %s: opened under load", evse_id)
