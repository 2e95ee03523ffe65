"""The imperative shell: the loop around the core. Wiring of concrete devices is in `wiring.py`.

Everything runs on one loop. An adapter hands an event in; it is stamped, the core steps, the runner
obeys. Whatever goes wrong in any task ends the station, and the last thing that it does is to drop
every relay.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine

from edge.controller.authorisation.cards import may_stop
from edge.controller.core import step
from edge.controller.effects import Effect
from edge.controller.events import (
    CardPresented,
    Event,
    Header,
    JournalStalled,
    JournalWell,
    Stamped,
    Tick,
)
from edge.controller.site import SitePlan
from edge.controller.state import Site, initial
from edge.recorder.codec import Outcome
from edge.station import trace
from edge.station.clock import Clock
from edge.station.scribe import Scribe

TICK_S = 0.25
STALLED_S = 1.0

log = logging.getLogger(__name__)


class Station:
    """`run_effects` and `changed` are set by the wiring before the first event; `make_safe`, which
    drops every relay, as soon as there is one to drop. `recorded` is told of each step (state before
    and after it), `failing` of the station's end; `pin` keeps the minutes around now,
    with the reason in words. None of them may raise or wait.
    """

    def __init__(self, plan: SitePlan, clock: Clock, scribe: Scribe) -> None:
        self.site: Site = initial(plan)
        self.clock, self._scribe = clock, scribe
        self.run_effects: Callable[[Header, tuple[Effect, ...]], None] = lambda _at, _effects: None
        self.changed: Callable[[], None] = lambda: None
        self.recorded: Callable[[Site, Site, Stamped, Outcome], None] = lambda *_: None
        self.failing: Callable[[BaseException], None] = lambda _: None
        self.pin: Callable[[str], None] = lambda _: None
        self.make_safe: Callable[[], None] = lambda: None
        self.grant_no_more: Callable[[], None] = lambda: None
        self._inbox: deque[Stamped] = deque()
        self._ending = False
        self._busy = False
        self._stalled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def hand_in(self, event: Event) -> None:
        """Take an event in, and do what follows from it, before this returns."""
        if self._ending and isinstance(event, CardPresented) and not self._stops(event):
            log.info("reader %s: a card, while the controller ends", event.reader_id)
            return  # nobody is to find himself charging when the next one starts, hours later
        self._inbox.append(Stamped(at=self.clock.header(), event=event))
        if self._busy:
            return  # it came out of an effect: its turn is next
        self._busy, well = True, False
        try:
            while self._inbox:
                stamped = self._inbox.popleft()
                effects = self._step(stamped)
                self.run_effects(stamped.at, effects)
                trace.step(stamped, effects)
            well = True
        finally:
            self._busy = False
            if not well:  # whoever handed it in: half a step is no state to go on from
                self.fail(sys.exception() or RuntimeError("a step did not end"))
        self.changed()

    def wind_down(self) -> None:
        """From now on nothing is granted, and a card only stops what is its own."""
        self._ending = True
        self.grant_no_more()

    def _stops(self, card: CardPresented) -> bool:
        return any(may_stop(self.site.outlets[evse_id], card) for evse_id in card.evse_ids
                   if evse_id in self.site.outlets)

    def _step(self, stamped: Stamped) -> tuple[Effect, ...]:
        """What the core says; recorded, also where it fails."""
        before = self.site
        try:
            self.site, effects = step(before, stamped)
        except BaseException as error:
            self.recorded(before, before, stamped, error)
            raise
        self.recorded(before, self.site, stamped, effects)
        return effects

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a task whose failure is the station's."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The first failure ends the station. Before anything else every relay drops."""
        self.make_safe()
        if not self.failure.done():
            self.failing(error)
            self.failure.set_result(error)

    async def tick(self) -> None:
        """Time, for ever; and a look at the disk."""
        while True:
            await asyncio.sleep(TICK_S)
            self._watch_journal()
            self.hand_in(Tick())

    def _watch_journal(self) -> None:
        since_ns = self._scribe.stalled_since_ns()
        waiting_s = 0.0 if since_ns is None else (self.clock.mono_ns() - since_ns) / 1e9
        stalled = self._scribe.error is not None or waiting_s > STALLED_S
        if stalled and not self._stalled:
            self.hand_in(JournalStalled(
                error=self._scribe.error or f"a commit takes longer than {STALLED_S:g} s"))
        elif self._stalled and not stalled:
            self.hand_in(JournalWell())
        self._stalled = stalled

    async def stop(self) -> None:
        """Cancel what runs; collects the tasks' ends."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
