"""The one owner of a line: a queue in order of class, one frame in flight, statistics."""

import asyncio
import bisect
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from edge.bus.frame import expect
from edge.bus.link import Link
from edge.bus.pdu import EXCEPTION_BIT
from edge.bus.port import BusClass
from edge.bus.stats import LineStats, UnitStats
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout, LineDown

_FIRST_REOPEN_S, _LONGEST_REOPEN_S = 0.25, 5.0
# An outlet's revoke must not wait a second for a ghost: a unit whose worst answer is known
# is given this many times that long, at least _SHORTEST_LATE_S, to send what it still owes.
_LATE_FACTOR, _SHORTEST_LATE_S = 4, 0.1
_AGED_S = 0.3  # a meter waits for boards so long at most, give or take their turn


class _Job:
    """One request in the queue. `not_before_s`: an answer to an earlier one may still come."""

    def __init__(self, order: tuple[int, int], unit: int, pdu: bytes, timeout_s: float | None,
                 since_s: float, done: asyncio.Future[bytes]) -> None:
        self.order, self.unit, self.pdu, self.timeout_s = order, unit, pdu, timeout_s
        self.since_s, self.done = since_s, done
        self.head = expect(unit, pdu).head

    @property
    def klass(self) -> BusClass:
        return BusClass(self.order[0])

    def rank(self, now_s: float) -> tuple[int, int]:
        """A meter that has waited counts as a board: boards that fill a line would starve it."""
        meter = BusClass.METER_FAST <= self.klass <= BusClass.METER_SLOW
        aged = meter and now_s - self.since_s > _AGED_S
        return (BusClass.BOARD if aged else self.order[0]), self.order[1]


class Pulse(NamedTuple):
    """Signs of life of an owner. `stuck_s`: how long work has waited without any frame ending; 0.0
    when nothing waits. `frame_age_s`: since the last frame that ended, well or not; None: none did.
    """

    alive: bool
    stuck_s: float
    frame_age_s: float | None
    errors: int


class LineOwner:
    """A `Bus`. All methods belong to the loop that called `start`.

    `on_failed` hears what the owner dies of, if it does: an exception that nobody expected.
    """

    def __init__(self, link: Link) -> None:
        self.stats = LineStats()
        self.on_failed: Callable[[BaseException], None] = lambda _: None
        self._link = link
        self._queue: list[_Job] = []
        self._count = itertools.count()
        self._wake = asyncio.Event()
        self._down: str | None = "not started"
        self._owed: dict[bytes, float] = {}  # head of an unanswered request -> loop time it expires
        self._task: asyncio.Task[None] | None = None
        self._asked_s: float | None = None  # since when the request in flight has waited
        self._ended_s: float | None = None  # when the last exchange ended
        link.on_lost = self._wake.set

    @property
    def where(self) -> str:
        """For messages: the port or the address."""
        return self._link.where

    @property
    def down(self) -> str | None:
        """Why the line cannot be used now; `None`: it can."""
        return self._down

    def pulse(self) -> Pulse:
        """For a supervisor."""
        now_s = asyncio.get_running_loop().time()
        ended_s = self._ended_s
        waiting = [job.since_s for job in self._queue if not job.done.done()]
        waiting += [] if self._asked_s is None else [self._asked_s]
        since_s = max(min(waiting), -1.0 if ended_s is None else ended_s) if waiting else now_s
        return Pulse(alive=self._task is not None and not self._task.done(), stuck_s=now_s - since_s,
                     frame_age_s=None if ended_s is None else now_s - ended_s,
                     errors=self.stats.timeouts + self.stats.bad + self.stats.downs)

    async def start(self) -> None:
        """Open the line (or begin to try, at most 5 s apart) and serve."""
        if self._task is not None:
            return
        await self._try_open()
        self._task = asyncio.create_task(self._serve_forever(), name=f"line {self.where}")
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop serving; whoever waits gets `LineDown`. Raises what the owner died of, if it did."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await task
        finally:
            await self._link.close()

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `edge.bus.port.Bus`."""
        if self._down is not None:
            raise self._line_down(self._down)
        loop = asyncio.get_running_loop()
        job = _Job((int(klass), next(self._count)), unit, pdu, timeout_s, loop.time(),
                   loop.create_future())
        if timeout_s is None and self.stats.unit(unit).resting(klass, loop.time()):
            raise DeviceTimeout("unit not asked", where=f"unit {unit} on {self.where}",
                                got=f"{self.stats.unit(unit).in_a_row} timeouts in a row",
                                expected="an answer to the next probe")
        bisect.insort(self._queue, job, key=lambda waiting: waiting.order)
        self._wake.set()
        return await job.done

    async def _serve_forever(self) -> None:
        pause_s = _FIRST_REOPEN_S
        while True:
            self._wake.clear()
            if not self._link.is_open and not await self._try_open():
                self._fail_all(self._down or "gone")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_REOPEN_S)
                continue
            pause_s = _FIRST_REOPEN_S
            now_s = asyncio.get_running_loop().time()
            job, wait_s = self._next(now_s)
            if job is not None:
                await self._serve(job, now_s)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    def _next(self, now_s: float) -> tuple[_Job | None, float | None]:
        """The first job that may go now, taken from the queue; else how long until one may."""
        waiting = [job for job in self._queue if not job.done.done()]
        self.stats.skipped += len(self._queue) - len(waiting)
        self._queue = waiting
        for head in [head for head, until_s in self._owed.items() if until_s <= now_s]:
            del self._owed[head]
        for job in sorted(waiting, key=lambda job: job.rank(now_s)):
            if job.head not in self._owed:
                self._queue.remove(job)
                return job, None
        return None, min((self._owed[job.head] - now_s for job in waiting), default=None)

    async def _serve(self, job: _Job, now_s: float) -> None:
        """One exchange, to its end, whatever became of the one who asked."""
        loop, unit = asyncio.get_running_loop(), self.stats.unit(job.unit)
        waited = self.stats.worst_wait_s
        waited[job.klass] = max(waited.get(job.klass, 0.0), now_s - job.since_s)
        self.stats.requests += 1
        self._asked_s = job.since_s
        try:
            outcome = await self._exchange(job, unit)
            self._ended_s = end_s = loop.time()
            self.stats.busy_s += end_s - now_s
            self._account(job, unit, outcome, end_s)
            if isinstance(outcome, bytes) and outcome[0] & EXCEPTION_BIT:
                outcome = self._refused(job, outcome)
            _settle(job, outcome)
        finally:
            self._asked_s = None
            if not job.done.done():  # only if we are cancelled, or failed
                _settle(job, self._line_down("closed"))

    async def _exchange(self, job: _Job, unit: UnitStats) -> bytes | DeviceError:
        try:
            answer, turnaround_s = await self._link.exchange(
                job.unit, job.pdu, unit.timeout_s if job.timeout_s is None else job.timeout_s)
        except DeviceError as trouble:
            return trouble
        unit.answered(turnaround_s)
        return answer

    def _account(self, job: _Job, unit: UnitStats, outcome: bytes | DeviceError, end_s: float) -> None:
        if isinstance(outcome, LineDown):
            self.stats.downs += 1
            self._down = outcome.got
        elif isinstance(outcome, BadAnswer):
            self.stats.bad += 1
            unit.bad += 1
            self._owed[job.head] = end_s + self._late_s(job.klass, unit)
        elif isinstance(outcome, DeviceTimeout):
            self.stats.timeouts += 1
            unit.stayed_silent(end_s)
            self._owed[job.head] = end_s + self._late_s(job.klass, unit)
        elif isinstance(outcome, bytes) and outcome[0] & EXCEPTION_BIT:
            self.stats.refusals += 1
            unit.refusals += 1
        else:
            self.stats.answers += 1
            unit.answers += 1

    def _late_s(self, klass: BusClass, unit: UnitStats) -> float:
        """How long a question of the same shape must wait, so that a ghost cannot answer it."""
        if klass >= BusClass.METER_FAST or not unit.answers:
            return self._link.late_s
        return min(self._link.late_s, max(_SHORTEST_LATE_S, _LATE_FACTOR * unit.worst_turnaround_s))

    async def _try_open(self) -> bool:
        try:
            await self._link.open()
        except LineDown as trouble:
            self._down = trouble.got
            return False
        self._down = None
        self._owed.clear()
        return True

    def _fail_all(self, why: str) -> None:
        self._down = why
        queue, self._queue = self._queue, []
        for job in queue:
            _settle(job, self._line_down(why))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """However the owner ended: nobody may wait for it any longer."""
        error = None if task.cancelled() else task.exception()
        self._fail_all("closed" if error is None else "owner failed")
        if error is not None:
            self.on_failed(error)

    def _refused(self, job: _Job, answer: bytes) -> DeviceRefused:
        return DeviceRefused("request refused", where=f"unit {job.unit} on {self.where}",
                             got=f"exception {answer[1]} ({_EXCEPTIONS.get(answer[1], 'unknown')})",
                             expected=f"an answer to {job.pdu.hex(' ')}", code=answer[1])

    def _line_down(self, why: str) -> LineDown:
        return LineDown("line", where=self.where, got=why, expected="an open line")


# Modbus Application Protocol v1.1b3, 7
_EXCEPTIONS = {1: "illegal function", 2: "illegal data address", 3: "illegal data value",
               4: "device failure", 5: "acknowledge", 6: "device busy", 8: "memory parity error",
               10: "gateway path unavailable", 11: "gateway target failed to respond"}


def _settle(job: _Job, outcome: bytes | DeviceError) -> None:
    if job.done.done():
        return  # the one who asked went away
    if isinstance(outcome, DeviceError):
        job.done.set_exception(outcome)
    else:
        job.done.set_result(outcome)
