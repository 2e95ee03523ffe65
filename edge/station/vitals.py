"""What must be alive for the watchdog to be fed: the loop, the owner of each line, some threads.

Judging is pure: `beat` is told the time and asks each part for its sign of life. A disk that stands
still is no death: its thread lives, a fault refuses every grant, and what runs goes on.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from edge.bus.owner import Pulse
from edge.link.health import SupervisionHealth, VitalHealth

BEAT_S = 0.25
LATE_S = 3.0
"""A loop that is so late does not feed: a board's grant lives 5 s."""
STUCK_S = 5.0
"""Work waits on a line for so long and no frame ends: its owner hangs. A connection may take 3 s."""
STUCK_BEATS = 8
"""In so many beats in a row: right after the loop itself has hung, each line looks stuck once."""


class Beat(NamedTuple):
    """What one look found. `dead`: what will not come back by itself, in words."""

    late: bool
    dead: tuple[str, ...]


class Vitals:
    """Belongs to one loop. `threads`: whether each lives. `restarts`: failed ones, lately."""

    def __init__(self, *, clock_ns: Callable[[], int], lines: Mapping[str, Callable[[], Pulse]],
                 threads: Mapping[str, Callable[[], bool]], restarts: int = 0,
                 watchdog_s: float | None = None) -> None:
        self._clock_ns = clock_ns
        self.lines, self.threads = dict(lines), dict(threads)
        self._restarts, self._watchdog_s = restarts, watchdog_s
        self._stuck: dict[str, int] = {}  # beats in a row
        self._late_s = self._latest_s = 0.0

    def beat(self, due_ns: int) -> Beat:
        """A look at everything, at a beat of the loop that was due then."""
        self._late_s = max(0.0, (self._clock_ns() - due_ns) / 1e9)
        self._latest_s = max(self._latest_s, self._late_s)
        return Beat(late=self._late_s > LATE_S, dead=self._dead())

    def _dead(self) -> tuple[str, ...]:
        found = [f"the thread {name} has ended" for name, alive in self.threads.items() if not alive()]
        for name, pulse in ((name, line()) for name, line in self.lines.items()):
            self._stuck[name] = self._stuck.get(name, 0) + 1 if pulse.stuck_s > STUCK_S else 0
            if not pulse.alive:
                found.append(f"the owner of line {name} has ended")
            elif self._stuck[name] >= STUCK_BEATS:
                found.append(f"line {name}: work waits, and no frame ended for {pulse.stuck_s:.0f} s")
        return tuple(found)

    def report(self) -> SupervisionHealth:
        """As of the last beat."""
        loop = VitalHealth(name="loop", alive=self._late_s <= LATE_S, detail=(
            f"{self._late_s * 1000:.0f} ms late, {self._latest_s * 1000:.0f} at most since the start"))
        return SupervisionHealth(
            vitals=(loop, *(_line(name, line()) for name, line in self.lines.items()),
                    *(VitalHealth(name=name, alive=alive()) for name, alive in self.threads.items())),
            watchdog_s=self._watchdog_s, restarts=self._restarts)


def _line(name: str, pulse: Pulse) -> VitalHealth:
    return VitalHealth(
        name=f"line {name}", alive=pulse.alive and pulse.stuck_s <= STUCK_S, age_s=pulse.frame_age_s,
        detail=f"{pulse.errors} errors")
