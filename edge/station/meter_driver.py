"""One meter between the core and its line: its turn once a second, and at once when it is asked."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

from edge.controller.events import Event, MeterLost, ReadingTaken
from edge.controller.reading import Reading, ReadingContext
from edge.controller.trouble import DeviceError

PERIOD_S = 1.0
LOST_S = 10.0

log = logging.getLogger(__name__)


class MeterPort(Protocol):
    """A meter. Both raise `DeviceError`."""

    async def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> Reading: ...

    async def read_energy(self, context: ReadingContext) -> Reading: ...

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None: ...


class MeterDriver:
    """Belongs to one loop."""

    def __init__(self, meter_id: str, meter: MeterPort, *, hand_in: Callable[[Event], None],
                 clock_ns: Callable[[], int],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self.meter_id, self.meter = meter_id, meter
        self._hand_in, self._clock_ns, self._spawn = hand_in, clock_ns, spawn
        self._well_ns = clock_ns()
        self._told = False

    async def run(self, phase_s: float) -> None:
        """Read for ever. `phase_s` spreads the meters of a line over the second."""
        loop = asyncio.get_running_loop()
        due = loop.time() + phase_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._take(self.meter.read())
            due = max(due + PERIOD_S, loop.time())

    def read_now(self, context: ReadingContext) -> None:
        """Hands in `ReadingTaken` with this context, or nothing: the core asks again."""
        self._spawn(self._take(self.meter.read_energy(context)))

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """After a restart: a register value that was believed before; less would be a step back."""
        self.meter.resume(energy_wh, since_ns)

    async def _take(self, question: Coroutine[None, None, Reading]) -> None:
        try:
            reading = await question
        except DeviceError as error:
            self._failed(str(error))
            return
        self._well_ns, self._told = self._clock_ns(), False
        self._hand_in(ReadingTaken(reading=reading))

    def _failed(self, error: str) -> None:
        log.debug("meter %s: %s", self.meter_id, error)
        if not self._told and self._clock_ns() - self._well_ns >= LOST_S * 1e9:
            self._told = True
            self._hand_in(MeterLost(meter_id=self.meter_id, error=error))
