"""One temperature sensor of the Pi between the core and its file: every two seconds, off the loop."""

import asyncio
import logging
from collections.abc import Callable

from edge.controller.events import Event, SensorSeen
from edge.controller.trouble import DeviceError
from edge.station.blocking import BlockingCall

PERIOD_S = 2.0
PATIENCE_S = 5.0  # a 1-Wire sensor takes 0.8 s, and several share one wire

log = logging.getLogger(__name__)


class SensorDriver:
    """Belongs to one loop. The age of a value is that of its event: what hangs hands in None."""

    def __init__(self, sensor_id: str, read: Callable[[], float], *, hand_in: Callable[[Event], None],
                 period_s: float = PERIOD_S, patience_s: float = PATIENCE_S) -> None:
        """`read` gives degrees Celsius or raises `DeviceError`; it may block, in a thread."""
        self.sensor_id, self._hand_in = sensor_id, hand_in
        self._reading = BlockingCall(read, f"sensor {sensor_id}")
        self._period_s, self._patience_s = period_s, patience_s
        self._error: str | None = None

    async def run(self, phase_s: float = 0.0) -> None:
        """Read for ever. `phase_s` spreads sensors that share a wire."""
        loop = asyncio.get_running_loop()
        due = loop.time() + phase_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.look()
            due = max(due + self._period_s, loop.time())

    async def look(self) -> None:
        """Read once and hand in what was found."""
        try:
            celsius = await self._reading.result(self._patience_s)
        except (DeviceError, TimeoutError) as error:
            self._tell(str(error))
            self._hand_in(SensorSeen(sensor_id=self.sensor_id, celsius=None))
            return
        self._tell(None)
        self._hand_in(SensorSeen(sensor_id=self.sensor_id, celsius=celsius))

    def _tell(self, error: str | None) -> None:
        """To the log, once for each trouble."""
        if error != self._error:
            log.warning("sensor %s: %s", self.sensor_id, error or "gives a value again")
        self._error = error
