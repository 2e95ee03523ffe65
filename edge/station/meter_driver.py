"""One meter between the core and its line: its turn once a second, and at once when it is asked.

A turn is never queued twice: the next begins when the last has ended. On a line that has less time than
its meters want, each waits for all the others, so all become slower by the same.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from edge.controller.events import Event, MeterLost, ReadingTaken
from edge.controller.reading import Quality, Reading, ReadingContext
from edge.controller.trouble import DeviceError

PERIOD_S = 1.0
LOST_S = 10.0
#: How long a register that the core asked for is tried for, whatever fails. What stands for it if there
#: is none is the core's business; it asks again while it wants one.
BOUND_S = {ReadingContext.TRANSACTION_BEGIN: 2.0, ReadingContext.TRANSACTION_END: 30.0,
           ReadingContext.SAMPLE_PERIODIC: 2.0}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.6  # between two tries; a dead meter must not fill its line

log = logging.getLogger(__name__)


def shares(lines: Sequence[str]) -> tuple[float, ...]:
    """For each meter, given by the line that it is on, its place among the meters of it: 0 to 1."""
    before: Counter[str] = Counter()
    found = []
    for line in lines:
        found.append(before[line] / lines.count(line))
        before[line] += 1
    return tuple(found)


class MeterPort(Protocol):
    """A meter. Both raise `DeviceError`."""

    async def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> Reading: ...

    async def read_energy(self, context: ReadingContext) -> Reading: ...

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None: ...


class MeterDriver:
    """Belongs to one loop. `spawn` starts a task whose failure is the station's failure."""

    def __init__(self, meter_id: str, meter: MeterPort, *, hand_in: Callable[[Event], None],
                 clock_ns: Callable[[], int],
                 spawn: Callable[[Coroutine[None, None, None]], object],
                 period_s: float = PERIOD_S, phase_s: float = 0.0) -> None:
        """`phase_s`: when its first turn is; it spreads the meters of a line over the period."""
        self.meter_id, self.meter = meter_id, meter
        self._period_s, self._phase_s = period_s, phase_s
        self._hand_in, self._clock_ns, self._spawn = hand_in, clock_ns, spawn
        self._well_ns = clock_ns()
        self._told = False
        self._under_way: set[ReadingContext] = set()
        self._pause_s = FIRST_PAUSE_S

    async def run(self) -> None:
        """Read for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._phase_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._take(self.meter.read())
            due = max(due + self._period_s, loop.time())

    def read_now(self, context: ReadingContext) -> None:
        """Hands in `ReadingTaken` with this context as soon as a value is had that can be believed, or
        nothing within `BOUND_S`. Asked again meanwhile, it goes on as it is.
        """
        if context not in self._under_way:
            self._under_way.add(context)
            self._spawn(self._on_demand(context))

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """After a restart: a register value that was believed before; less would be a step back."""
        self.meter.resume(energy_wh, since_ns)

    async def _on_demand(self, context: ReadingContext) -> None:
        try:
            async with asyncio.timeout(BOUND_S[context]):
                while not await self._take(self.meter.read_energy(context)):
                    pause_s = self._pause_s
                    self._pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                    await asyncio.sleep(pause_s)
                self._pause_s = FIRST_PAUSE_S
        except TimeoutError:
            log.info("meter %s: no register for %s within %g s", self.meter_id, context.value,
                     BOUND_S[context])
        finally:
            self._under_way.discard(context)

    async def _take(self, question: Coroutine[None, None, Reading]) -> bool:
        """Whether a register came that can be believed; what else came is handed in too."""
        try:
            reading = await question
        except DeviceError as error:
            self._failed(str(error))
            return False
        self._well_ns, self._told = self._clock_ns(), False
        self._hand_in(ReadingTaken(reading=reading))
        return reading.quality is Quality.GOOD and reading.energy_import_wh is not None

    def _failed(self, error: str) -> None:
        log.debug("meter %s: %s", self.meter_id, error)
        if not self._told and self._clock_ns() - self._well_ns >= LOST_S * 1e9:
            self._told = True
            self._hand_in(MeterLost(meter_id=self.meter_id, error=error))
