"""Taking the outlets' lines at the start, and letting every relay drop at the end."""

import contextlib
import logging
from collections.abc import Mapping
from typing import Protocol

from edge.bus.port import Bus
from edge.controller.events import OutletFound
from edge.controller.trouble import DeviceError
from edge.outlet.board import PilotBoard
from edge.outlet.contactor import Contactor
from edge.outlet.gpio import Gpio
from edge.station.config import board_settings
from edge.station.config_sections import Site
from edge.station.outlet_driver import OutletDriver
from edge.station.relays import relays_off
from edge.station.station import Station

log = logging.getLogger(__name__)


class Line(Bus, Protocol):
    """A line with its owner's life."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


def make_safe(outlets: Mapping[str, OutletDriver]) -> None:
    """Every relay off, each whatever became of the others."""
    for outlet in outlets.values():
        try:
            outlet.make_safe()
        except Exception:
            log.exception("evse %s: relay could not be dropped", outlet.evse_id)


def claim_outlets(site: Site, lines: Mapping[str, Line], gpio: Gpio,
                  station: Station) -> tuple[dict[str, OutletDriver], list[OutletFound]]:
    """Each outlet's lines, claimed at the level that they had, and what they said before that.

    Raises `DeviceError` if a line cannot be had. Whatever is raised, every relay is off.
    """
    outlets: dict[str, OutletDriver] = {}
    looks: list[OutletFound] = []
    troubles: list[DeviceError] = []
    for evse in site.evses:
        contactor = Contactor(gpio, evse.contactor.coil_gpio, evse.contactor.mirror_gpio)
        board = PilotBoard(lines[evse.board.bus], evse.board.unit, station.clock.mono_ns)
        outlets[evse.id] = OutletDriver(
            evse.id, board, contactor, settings=board_settings(evse), hand_in=station.hand_in,
            clock_ns=station.clock.mono_ns, utc_s=station.clock.utc_s, spawn=station.spawn)
        try:
            looks.append(_look(evse.id, contactor))
        except DeviceError as error:
            troubles.append(error)
            with contextlib.suppress(DeviceError):  # it may be the mirror's line alone
                gpio.claim_output(evse.contactor.coil_gpio, False)
        except BaseException:
            relays_off(site, lambda: gpio)
            raise
    if troubles:
        make_safe(outlets)
        raise troubles[0]
    return outlets, looks


def _look(evse_id: str, contactor: Contactor) -> OutletFound:
    look = OutletFound(evse_id=evse_id, relay_on=contactor.claim(),
                       pi_mirror_closed=contactor.mirror_closed())
    log.info("evse %s: relay found %s, contactor %s", evse_id, "on" if look.relay_on else "off",
             "closed" if look.pi_mirror_closed else "open")
    return look
