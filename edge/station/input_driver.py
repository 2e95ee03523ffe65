"""The Pi's digital inputs between the core and their lines: polled, since edges may be lost.

Two equal reads in a row count, at 20 Hz: a spark of a relay is shorter. What changed is handed in at
once, everything once a second. A line that cannot be read is an input of which nothing is known, and
so is one that never rests: on a broken wire the mains hum, and 50 Hz looked at 20 times a second are
another level at each look.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from edge.controller.events import Event, InputSeen
from edge.controller.trouble import DeviceError

POLL_S = 0.05
READS_THAT_COUNT = 2  # equal, in a row
REPORT_S = 1.0
RESTLESS_READS = 20  # in a row, each unlike the one before

log = logging.getLogger(__name__)


class InputPort(Protocol):
    """A digital input. Raises `DeviceError`."""

    def active(self) -> bool: ...


class InputDriver:
    """All inputs of a site. Belongs to one loop; a read takes microseconds."""

    def __init__(self, inputs: Mapping[str, InputPort], *, hand_in: Callable[[Event], None],
                 clock_ns: Callable[[], int]) -> None:
        """`inputs`: by id, their lines claimed."""
        self._watched = {input_id: _Watched(port) for input_id, port in inputs.items()}
        self._hand_in, self._clock_ns = hand_in, clock_ns

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(POLL_S)

    def look(self) -> None:
        """Read every input once; hand in what changed or is due."""
        for input_id, watched in self._watched.items():
            level = watched.read(input_id)
            watched.changes = 0 if watched.seen and level is watched.last else watched.changes + 1
            watched.last, watched.seen = level, True
            if watched.changes >= RESTLESS_READS:
                level = None
            elif watched.changes:
                continue  # seen once
            now_ns = self._clock_ns()
            due = watched.told_ns is None or now_ns - watched.told_ns >= REPORT_S * 1e9
            if due or level is not watched.told:
                watched.told, watched.told_ns = level, now_ns
                self._hand_in(InputSeen(input_id=input_id, active=level))


class _Watched:
    """One input: the last level that was read, and the last that was told."""

    def __init__(self, port: InputPort) -> None:
        self.port = port
        self.last: bool | None = None
        self.seen = False  # it was read at all
        self.changes = 0  # reads in a row that were unlike the one before
        self.told: bool | None = None
        self.told_ns: int | None = None
        self._failing = False

    def read(self, input_id: str) -> bool | None:
        """None: it cannot be told."""
        try:
            level = self.port.active()
        except DeviceError as error:
            if not self._failing:
                log.warning("input %s: %s", input_id, error)
            self._failing = True
            return None
        self._failing = False
        return level
