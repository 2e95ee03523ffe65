"""The flight recorder as the station sees it: every step of the core, kept for hours, told again later.

On the loop it gathers references (all of it is immutable); a second's worth goes to the writer's
thread. If that cannot keep up, whole blocks are dropped and counted, and a new segment begins with the
whole state: what is there can always be replayed.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from edge.controller.events import Header, Stamped
from edge.controller.state import Site
from edge.controller.struct import Value
from edge.recorder.codec import Outcome
from edge.recorder.pins import Cause, Pins, notes_in
from edge.recorder.ring import FOLDER, Ring, segments_in
from edge.recorder.segment import Head
from edge.recorder.writer import Begin, Leave, Limits, Pin, Write, Writer, causes_in, failure

SEGMENT_NS = 60_000_000_000
SEGMENTS_PER_HOUR = 60
RETRY_NS = 10_000_000_000  # after a loss: a disk that is too slow gets no keyframe with every block
BLOCK_NS = 1_000_000_000
BLOCK_STEPS = 500
JOBS = 32  # that wait for the thread, most of them a second's steps
LOOK_S, LOOKS = 0.005, 400  # two seconds for the rest at the end
MOST_WAITING = 100  # pins, while the disk takes nothing
MB = 1_000_000

log = logging.getLogger(__name__)


class Bounds(Value):
    """How much is kept: `hours`, and of each of ring and pins no more than `max_mb` (10^6 bytes)."""

    hours: float
    max_mb: int
    pins: int


class RecorderStatus(Value):
    """`oldest`: name of the oldest segment; None: nothing is recorded. `pins`: their names, the oldest
    first. `dropped`: steps since the start that could not be written. `error`: why, if it still fails.
    """

    segments: int
    bytes: int
    oldest: str | None
    pins: tuple[str, ...]
    dropped: int
    error: str | None


class Recorder:
    """Belongs to one loop, except `status`, which reads the disk and may be called from any thread."""

    def __init__(self, state_dir: Path, *, software: str, site_id: str, epoch: str, bounds: Bounds,
                 free_bytes: Callable[[], int], low_bytes: int = 0, full_bytes: int = 0,
                 most_jobs: int = JOBS) -> None:
        """Keeps in `state_dir`/flight. `free_bytes` runs in the thread and may raise `OSError`."""
        self.folder = state_dir / FOLDER
        most_bytes = bounds.max_mb * MB
        ring = Ring(self.folder, most=max(int(bounds.hours * SEGMENTS_PER_HOUR), 1),
                    most_bytes=most_bytes)
        self._pins = Pins(ring, most=bounds.pins, most_bytes=most_bytes)
        self._writer = Writer(ring, self._pins, Limits(free_bytes, low_bytes, full_bytes),
                              most_jobs)
        self._software, self._site_id, self._epoch = software, site_id, epoch
        self._steps: list[tuple[Stamped, Outcome]] = []
        self._last: tuple[Site, Header] | None = None
        self._whole = False  # nothing was lost since the segment began
        self._begun_ns = self._block_ns = 0
        self._lost = self._dropped = 0
        self._waiting: list[Pin] = []

    def start(self) -> None:
        """Begin to record; nothing is read or written here."""
        self._writer.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs; a supervisor feeds its watchdog only then."""
        return self._writer.alive

    def took(self, before: Site, after: Site, stamped: Stamped, outcome: Outcome) -> None:
        """A step of the core. Returns at once, whatever the disk does, and never raises."""
        now_ns = stamped.at.mono_ns
        due_ns = SEGMENT_NS if self._whole else RETRY_NS
        if self._last is None or now_ns - self._begun_ns >= due_ns:
            self._hand_over()
            self._begin(before, stamped.at)
        if not self._steps:
            self._block_ns = now_ns
        self._steps.append((stamped, outcome))
        self._last = (after, stamped.at)
        if now_ns - self._block_ns >= BLOCK_NS or len(self._steps) >= BLOCK_STEPS:
            self._hand_over()

    def failed(self, error: BaseException) -> None:
        """The station ends by this: what led to it is kept."""
        self.pin(failure(error))

    def pin(self, cause: Cause) -> None:
        """Keep the minutes around now. Nothing without a step that was taken."""
        if self._last is not None and len(self._waiting) < MOST_WAITING:
            self._waiting.append(Pin(cause, self._last[1]))
            self._hand_over()

    async def close(self) -> None:
        """Write the rest, if the disk does so within two seconds."""
        self._hand_over()
        if self._last is not None:
            site, at = self._last
            leave, left = Leave(site if self._whole else None, at), False
            for _ in range(LOOKS):
                left = left or self._writer.offer(leave)
                if not self._writer.alive:
                    return
                await asyncio.sleep(LOOK_S)
            log.warning("flight recorder: not all is written, what is left is dropped")

    def status(self) -> RecorderStatus:
        """What is kept. Raises `OSError`."""
        found = segments_in(self.folder)
        return RecorderStatus(
            segments=len(found), bytes=sum(kept.size for kept in found),
            oldest=found[0].path.name if found else None, pins=tuple(notes_in(self._pins.folder)),
            dropped=self._dropped + self._writer.dropped, error=self._writer.error)

    def _begin(self, site: Site, at: Header) -> None:
        head = Head(software=self._software, site_id=self._site_id, epoch=self._epoch, boot=at.boot,
                    number=0, mono_ns=at.mono_ns, utc=at.utc, follows=self._whole, lost=self._lost)
        self._begun_ns, self._whole = at.mono_ns, self._writer.offer(Begin(head, site, at))
        if self._whole:
            self._lost = 0

    def _hand_over(self) -> None:
        steps, self._steps = self._steps, []
        if steps and not (self._whole and self._writer.offer(Write(steps))):
            self._whole = False
            self._lost += len(steps)
            self._dropped += len(steps)
            self._waiting += (Pin(cause, at) for cause, at in causes_in(steps))
            del self._waiting[MOST_WAITING:]
        while self._waiting and self._writer.offer(self._waiting[0]):
            del self._waiting[0]
