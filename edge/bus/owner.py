"""The one owner of a line: a queue in order of class, one frame in flight, statistics."""

import asyncio
import bisect
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from edge.bus.figures import LineFigures, line_figures
from edge.bus.job import Job
from edge.bus.link import Link, OnFrame
from edge.bus.pdu import EXCEPTION_BIT
from edge.bus.port import BusClass
from edge.bus.stats import LineStats, UnitStats
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout, LineDown

# With the longest that an attempt to connect takes (2.5 s), a line is back within 5 s.
_FIRST_REOPEN_S, _LONGEST_REOPEN_S = 0.25, 2.0
_CLOSE_S = 3.0  # longer than any exchange that is not stuck
# An outlet's revoke must not wait a second for a ghost: a unit whose worst answer is known
# is given this many times that long, at least _SHORTEST_LATE_S, to send what it still owes.
_LATE_FACTOR, _SHORTEST_LATE_S = 4, 0.1


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
        self._queue: list[Job] = []
        self._count = itertools.count()
        self._wake = asyncio.Event()
        self._down: str | None = "not started"
        self._owed: dict[bytes, float] = {}  # head of an unanswered request -> loop time it expires
        self._task: asyncio.Task[None] | None = None
        self._asked_s: float | None = None  # since when the request in flight has waited
        self._ended_s: float | None = None  # when the last exchange ended
        self._spoke: int | None = None  # whose exchange it was
        self._closing = False
        link.on_lost = self._wake.set

    @property
    def where(self) -> str:
        """For messages: the port or the address."""
        return self._link.where

    @property
    def down(self) -> str | None:
        """Why the line cannot be used now; `None`: it can."""
        return self._down

    @property
    def on_frame(self) -> OnFrame | None:
        """A tap that hears every byte both ways, for recordings; it must not raise."""
        return self._link.on_frame

    @on_frame.setter
    def on_frame(self, tap: OnFrame | None) -> None:
        self._link.on_frame = tap

    def turnaround_s(self, unit: int) -> float | None:
        """See `edge.bus.port.Bus`."""
        known = self.stats.units.get(unit)
        return None if known is None else known.turnaround_s

    def figures(self) -> LineFigures:
        """Everything counted and learned, as of now."""
        return line_figures(self.where, self._down, self.stats, self._link.counts,
                            asyncio.get_running_loop().time())

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
        """Open the line (or begin to try, at most 2 s apart) and serve."""
        if self._task is not None:
            return
        await self._try_open()
        self._task = asyncio.create_task(self._serve_forever(), name=f"line {self.where}")
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop serving; whoever waits gets `LineDown`. Raises what the owner died of, if it did.

        What is in flight ends first: a command to an outlet is not left half asked.
        """
        task, self._task = self._task, None
        if task is None:
            return
        self._closing = True
        try:
            if self._asked_s is not None:
                await asyncio.wait({task}, timeout=_CLOSE_S)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        finally:
            await self._link.close()

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `edge.bus.port.Bus`."""
        if self._down is not None or self._closing:
            raise self._line_down(self._down or "closed")
        loop = asyncio.get_running_loop()
        job = Job((int(klass), next(self._count)), unit, pdu, timeout_s, loop.time(),
                   loop.create_future())
        if timeout_s is None and self.stats.rests(unit, klass, loop.time()):
            raise DeviceTimeout("unit not asked", where=f"unit {unit} on {self.where}",
                                got=f"{self.stats.unit(unit).in_a_row} failures in a row",
                                expected="an answer to the next probe")
        bisect.insort(self._queue, job, key=lambda waiting: waiting.order)
        self._wake.set()
        return await job.done

    async def _serve_forever(self) -> None:
        pause_s = _FIRST_REOPEN_S
        while not self._closing:
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

    def _next(self, now_s: float) -> tuple[Job | None, float | None]:
        """The first job that may go now, taken from the queue; else how long until one may."""
        waiting = [job for job in self._queue if not job.done.done()]
        self.stats.skipped += len(self._queue) - len(waiting)
        self._queue = waiting
        for head in [head for head, until_s in self._owed.items() if until_s <= now_s]:
            del self._owed[head]
        for job in sorted(waiting, key=lambda job: job.rank(now_s)):
            if job.head not in self._owed:
                gap_s = self._gap_left_s(job, now_s)
                if gap_s > 0:  # whoever is more urgent and comes meanwhile goes first
                    return None, gap_s
                self._queue.remove(job)
                return job, None
        return None, min((self._owed[job.head] - now_s for job in waiting), default=None)

    def _gap_left_s(self, job: Job, now_s: float) -> float:
        """How much longer a unit that needs it is left in peace after another unit's frame."""
        if self._ended_s is None or self._spoke in (None, job.unit):
            return 0.0
        return self._ended_s + self.stats.unit(job.unit).gap.before_s(job.klass) - now_s

    async def _serve(self, job: Job, now_s: float) -> None:
        """One exchange, to its end, whatever became of the one who asked."""
        loop, unit = asyncio.get_running_loop(), self.stats.unit(job.unit)
        waited = self.stats.worst_wait_s
        waited[job.klass] = max(waited.get(job.klass, 0.0), now_s - job.since_s)
        self.stats.requests += 1
        self._asked_s = job.since_s
        after_another = self._spoke not in (None, job.unit)
        counts = self._link.counts
        crc_errors, noise_bytes = counts.crc_errors, counts.noise_bytes
        try:
            outcome, turnaround_s = await self._exchange(job, unit)
            self._ended_s = end_s = loop.time()
            self._spoke = job.unit
            self.stats.busy_s += end_s - now_s
            unit.crc_errors += counts.crc_errors - crc_errors
            unit.noise_bytes += counts.noise_bytes - noise_bytes
            if isinstance(outcome, DeviceTimeout | BadAnswer):
                self._owed[job.head] = end_s + self._late_s(job.klass, unit)
            self._account(unit, outcome, turnaround_s, end_s, after_another=after_another)
            job.settle(outcome)
        finally:
            self._asked_s = None
            if not job.done.done():  # only if we are cancelled, or failed
                job.settle(self._line_down("closed"))

    async def _exchange(self, job: Job, unit: UnitStats) -> tuple[bytes | DeviceError, float]:
        try:
            answer, turnaround_s = await self._link.exchange(
                job.unit, job.pdu, unit.timeout_s if job.timeout_s is None else job.timeout_s)
        except DeviceError as trouble:
            return trouble, 0.0
        if answer[0] & EXCEPTION_BIT:
            return job.exception(answer, self.where), turnaround_s
        return answer, turnaround_s

    def _account(self, unit: UnitStats, outcome: bytes | DeviceError, turnaround_s: float, end_s: float,
                 *, after_another: bool) -> None:
        if isinstance(outcome, BadAnswer):
            self.stats.bad += 1
            unit.answered_badly(end_s, after_another=after_another)
        elif isinstance(outcome, DeviceTimeout):
            self.stats.timeouts += 1
            unit.stayed_silent(end_s, after_another=after_another)
        elif isinstance(outcome, DeviceRefused):
            self.stats.refusals += 1
            unit.refusals += 1
            unit.answered(turnaround_s, after_another=after_another)
        elif isinstance(outcome, bytes):
            self.stats.answers += 1
            unit.answers += 1
            unit.answered(turnaround_s, after_another=after_another)
        else:
            self.stats.downs += 1
            self._down = outcome.got

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
        if self._down is not None:  # not after a connection that was only left for a bad answer
            for unit in self.stats.units.values():
                unit.wake()
        self._down = None
        self._spoke = None
        return True

    def _fail_all(self, why: str) -> None:
        self._down = why
        queue, self._queue = self._queue, []
        for job in queue:
            job.settle(self._line_down(why))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """However the owner ended: nobody may wait for it any longer."""
        error = None if task.cancelled() else task.exception()
        self._fail_all("closed" if error is None else "owner failed")
        if error is not None:
            self.on_failed(error)

    def _line_down(self, why: str) -> LineDown:
        return LineDown("line", where=self.where, got=why, expected="an open line")

