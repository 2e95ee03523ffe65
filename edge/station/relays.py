"""Every relay off without a controller: needs nothing but the site's file and the lines."""

import logging
from collections.abc import Callable

from edge.controller.trouble import DeviceError
from edge.outlet.gpio import Gpio, RpiGpio
from edge.station.config_sections import Site

log = logging.getLogger(__name__)


def relays_off(site: Site, gpio: Callable[[], Gpio] = RpiGpio) -> bool:
    """Every relay of the site off, whoever left it on; for a controller that fails before or after its
    outlets are its own. Whether every line obeyed; raises nothing.
    """
    try:
        lines = gpio()
    except DeviceError as error:
        log.error("no relay could be dropped: %s", error)
        return False
    off = True
    for evse in site.evses:
        try:
            lines.claim_output(evse.contactor.coil_gpio, False)
        except DeviceError as error:
            log.error("evse %s: relay could not be dropped: %s", evse.id, error)
            off = False
    return off
