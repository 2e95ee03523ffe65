"""The recorder's thread: all that touches the disk, and all encoding. The loop never waits for it.

What cannot be written is dropped, up to the next segment, and counted; nothing here ends the station.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import RaiseFault
from edge.controller.events import Header, Stamped
from edge.controller.faults import Severity
from edge.controller.state import Site
from edge.recorder.codec import Outcome
from edge.recorder.pins import Cause, Pins
from edge.recorder.ring import Ring
from edge.recorder.segment import Head, Packer

LOW_SEGMENTS = 10  # so many stay where the disk is low

#: A disk that fails, and a value that cannot be encoded (an integer of more than 64 bits, half a
#: surrogate): the recording has a gap then, and nothing else happens.
CANNOT = (OSError, ValueError, TypeError, OverflowError)

log = logging.getLogger(__name__)

Steps = Sequence[tuple[Stamped, Outcome]]


class Begin(NamedTuple):
    """A new segment. `site`: before its first step. `head.number` is the writer's to say."""

    head: Head
    site: Site
    at: Header


class Write(NamedTuple):
    """Steps of the segment that was begun last."""

    steps: Steps


class Pin(NamedTuple):
    """Something to keep."""

    cause: Cause
    at: Header


class Leave(NamedTuple):
    """The last job. `site`: the state now; None: steps are missing before it."""

    site: Site | None
    at: Header


Job = Begin | Write | Pin | Leave


class Limits(NamedTuple):
    """`free_bytes`: what is left on the disk, or None; below `low_bytes` the ring shrinks to minutes,
    below `full_bytes` nothing is written at all: room is for the journal.
    """

    free_bytes: Callable[[], int]
    low_bytes: int
    full_bytes: int


class Writer:
    """`start`, then `offer` jobs in order from one thread. `error`: why the last try failed, or None.
    """

    def __init__(self, ring: Ring, pins: Pins, limits: Limits, most_jobs: int) -> None:
        self.ring, self.pins, self._limits = ring, pins, limits
        self._jobs: queue.Queue[Job] = queue.Queue(most_jobs)
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self.error: str | None = None
        self.dropped = 0  # steps that could not be written
        self._number = 0
        self._loaded = False
        self._lost = 0  # of `dropped`, those since the last segment
        self._fd: int | None = None
        self._packer = Packer()
        self._steps = self._size = 0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def offer(self, job: Job) -> bool:
        """Take a job, or not: never wait. One that is refused was not begun."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    @property
    def alive(self) -> bool:
        """Whether it still works: until `Leave` is done."""
        return self._thread.is_alive()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                self._do(job)
            except CANNOT as error:
                self._failed(error)
                self._close()
                if isinstance(job, Write):
                    self._lose(len(job.steps))
            if isinstance(job, Leave):
                return

    def _failed(self, error: Exception) -> None:
        if self.error is None:
            log.error("flight recorder: %s: %s", type(error).__name__, error)
        self.error = f"{type(error).__name__}: {error}"

    def _lose(self, steps: int) -> None:
        self._lost += steps
        self.dropped += steps

    def _do(self, job: Job) -> None:
        match job:
            case Begin():
                self._end(job.site if job.head.follows else None)
                self._begin(job)
            case Write():
                self._write(job.steps)
            case Pin():
                self._pin(job.cause, job.at)
            case Leave():
                self._end(job.site)
                if self._loaded:
                    self.pins.ended(job.at)

    def _begin(self, job: Begin) -> None:
        self.error = None
        if not self._loaded:
            self._load(job.at)
        free = self._limits.free_bytes()
        if free < self._limits.full_bytes:
            raise OSError(f"{free / 1e6:.0f} MB free, {self._limits.full_bytes / 1e6:.0f} MB wanted:"
                          " nothing is recorded")
        self._number += 1
        path, self._fd = self.ring.create(self._number, job.head.boot)
        self.ring.trim(LOW_SEGMENTS if free < self._limits.low_bytes else None)
        self._packer, self._steps, self._size = Packer(), 0, 0
        head = job.head
        self._put(self._packer.begin(Head(
            software=head.software, site_id=head.site_id, epoch=head.epoch, boot=head.boot,
            number=self._number, mono_ns=head.mono_ns, utc=head.utc, lost=head.lost + self._lost,
            follows=head.follows and not self._lost), job.site))
        self._lost = 0
        try:
            self.pins.began(path, job.at)
        except OSError as error:
            self._failed(error)

    def _load(self, at: Header) -> None:
        self.ring.load()
        self.pins.load(at)
        self._number = max((kept.number for kept in self.ring), default=0)
        self._number = max(self._number, self.pins.newest_segment())
        self._loaded = True

    def _write(self, steps: Steps) -> None:
        causes = [*causes_in(steps)]  # first: what cannot be encoded is pinned all the same
        if self._fd is None:
            self._lose(len(steps))
        else:
            self._put(self._packer.steps(steps))
            self._steps += len(steps)
        for cause, at in causes:
            self._pin(cause, at)

    def _pin(self, cause: Cause, at: Header) -> None:
        """In the newest segment that there is, also where nothing can be written any more."""
        if self._loaded and len(self.ring):
            try:
                self.pins.pin(cause, at, [*self.ring][-1])
            except OSError as error:  # the recording goes on without
                self._failed(error)

    def _put(self, data: bytes) -> None:
        assert self._fd is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest):]
        self._size += len(data)
        self.ring.grew(self._size)

    def _end(self, site: Site | None) -> None:
        """Of the segment under way, if there is one. `site`: after its last step; None: who knows."""
        if self._fd is None:
            return
        if site is not None:
            self._put(self._packer.end(self._steps, site))
        if self.pins.open:
            os.fsync(self._fd)
        self._close()

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


def causes_in(steps: Iterable[tuple[Stamped, Outcome]]) -> Iterator[tuple[Cause, Header]]:
    """What of these steps is worth pinning: dangers and failures that began, and the core's own."""
    for stamped, outcome in steps:
        if isinstance(outcome, BaseException):
            yield failure(outcome), stamped.at
            continue
        for effect in outcome:
            if isinstance(effect, RaiseFault):
                kind = CATALOGUE[effect.fault.code]
                if kind.severity is not Severity.NOTICE:
                    yield Cause(kind=effect.fault.code.value, where=effect.fault.where,
                                words=f"{kind.name} at {effect.fault.where}"), stamped.at


def failure(error: BaseException) -> Cause:
    """An exception that nobody expected."""
    return Cause(kind="exception", where=type(error).__name__, words=f"{type(error).__name__}: {error}")
