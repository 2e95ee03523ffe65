"""Every relay off without a controller: needs nothing but the site's file and the lines."""

import logging
import threading
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge.controller.trouble import DeviceError
from edge.journal.errors import JournalInUse
from edge.journal.lock import OneOwner
from edge.outlet.gpio import Gpio, RpiGpio
from edge.station.config_sections import PathsSection, Site

START_S = 10.0
"""So long a start may leave relays as it found them: boards keep a session for 5 s at its current, and
for a minute at 6 A. Who takes longer hangs, or mends a journal, and sees none of its inputs meanwhile.
"""
LOCK = "controller"

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


class StartLimit:
    """Drops the relays that a killed predecessor left on, by a thread of its own, unless `over` is told
    within `limit_s`: whatever the start hangs in. `lock`: while somebody claims lines.
    """

    def __init__(self, drop: Callable[[], object], limit_s: float = START_S) -> None:
        """The time runs from now on."""
        self.lock = threading.Lock()
        self.passed = False
        self._drop, self._limit_s = drop, limit_s
        self._timer = threading.Timer(limit_s, self._pass)
        self._timer.daemon = True
        self._timer.start()

    def over(self) -> None:
        """What drops relays is there now."""
        self._timer.cancel()
        with self.lock:
            self._drop = _nothing

    def _pass(self) -> None:
        with self.lock:
            if self._drop is not _nothing:
                log.critical("the start takes longer than %g s: relays that were on are dropped",
                             self._limit_s)
                self.passed = True
                self._drop()


def _nothing() -> None:
    """There is nothing left to do."""


def is_buried_alive(lock: Path) -> bool:
    """Whether who holds the lock file has ended, but for a thread that hangs in a dead disk and cannot
    even be killed (state Z of proc(5)): it drives no line any more, and never lets go.
    """
    try:
        stat = Path(f"/proc/{int(lock.read_text())}/stat").read_text()
    except (OSError, ValueError):
        return False
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def left_on(path: Path, gpio: Callable[[], Gpio] = RpiGpio) -> None:
    """The site's file at `path` is wrong, and no controller will be started with it: what it calls a
    coil's line is dropped if somebody left it on. Touches no other line; raises nothing.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        paths = table.get("paths")
        told = paths.get("state") if isinstance(paths, dict) else None
        state = path.absolute().parent / (told if isinstance(told, str) else PathsSection().state)
        if not state.is_dir():
            return  # no controller was ever here
        owner = OneOwner(state / LOCK)
    except (OSError, ValueError, JournalInUse):
        return  # nothing is known, or a controller is at work
    try:
        _drop_found(gpio(), _coils(table.get("evse")))
    except DeviceError as error:
        log.error("what was left on could not be dropped: %s", error)
    finally:
        owner.release()


def _drop_found(lines: Gpio, pins: Iterable[int]) -> None:
    for pin in pins:
        try:
            if lines.found_output(pin):
                lines.claim_output(pin, False)
                log.warning("GPIO%d was left on: dropped", pin)
        except DeviceError as error:
            log.error("what was left on could not be dropped: %s", error)


def _coils(evses: Any) -> Iterable[int]:
    for evse in evses if isinstance(evses, list) else ():
        contactor = evse.get("contactor") if isinstance(evse, dict) else None
        pin = contactor.get("coil_gpio") if isinstance(contactor, dict) else None
        if isinstance(pin, int) and 2 <= pin <= 27:
            yield pin
