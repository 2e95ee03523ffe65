"""What a line and its units have taught their owner: latency, gaps, failures, who is dead."""

from edge.bus.gap import AdaptiveGap
from edge.bus.port import BusClass

_FIRST_TIMEOUT_S = 0.3
_SHORTEST_TIMEOUT_S = 0.1  # below lies the scheduling noise of a busy Pi and the chunks of USB adapters
_LONGEST_TIMEOUT_S = 0.6
_DEAD_AFTER = 3  # failures in a row
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_PROBES_APART_S = 1.0  # several dead units: one timeout each turn, not all of them at once


class UnitStats:
    """One unit. Times in seconds of the loop's clock."""

    def __init__(self) -> None:
        self.answers = 0
        self.refusals = 0
        self.timeouts = 0
        self.bad = 0
        self.crc_errors = 0
        self.noise_bytes = 0
        self.in_a_row = 0  # timeouts and bad answers since the last good one
        self.turnaround_s: float | None = None  # smoothed
        self.worst_turnaround_s = 0.0
        self.gap = AdaptiveGap()
        self._deviation_s = 0.0
        self._probe_at_s = 0.0

    @property
    def timeout_s(self) -> float:
        """As RFC 6298 does for TCP: smoothed turnaround plus four deviations; doubled while silent."""
        if self.turnaround_s is None:
            learned_s = _FIRST_TIMEOUT_S
        else:
            learned_s = self.turnaround_s + 4 * self._deviation_s + 0.05
            if 0 < self.in_a_row < _DEAD_AFTER:  # it may have become slow; dead ones are not worth it
                learned_s *= 2 ** self.in_a_row
        return min(max(learned_s, _SHORTEST_TIMEOUT_S), _LONGEST_TIMEOUT_S)

    def answered(self, turnaround_s: float, *, after_another: bool = False) -> None:
        """A matching answer (or refusal) came; `after_another`: right after another unit's frame."""
        self.in_a_row = 0
        if after_another:
            self.gap.answered()
        self.worst_turnaround_s = max(self.worst_turnaround_s, turnaround_s)
        if self.turnaround_s is None:
            self.turnaround_s, self._deviation_s = turnaround_s, turnaround_s / 2
            return
        error_s = turnaround_s - self.turnaround_s
        self.turnaround_s += error_s / 8
        self._deviation_s += (abs(error_s) - self._deviation_s) / 4

    def stayed_silent(self, now_s: float, *, after_another: bool = False) -> None:
        """Nothing came in time."""
        self.timeouts += 1
        self._failed(now_s, after_another)

    def answered_badly(self, now_s: float, *, after_another: bool = False) -> None:
        """Something came that was no answer. Who says nothing else is as dead as the silent."""
        self.bad += 1
        self._failed(now_s, after_another)

    def _failed(self, now_s: float, after_another: bool) -> None:
        self.in_a_row += 1
        over = min(self.in_a_row - _DEAD_AFTER, 8)
        if over >= 0:
            self._probe_at_s = now_s + min(_FIRST_PAUSE_S * 2.0 ** over, _LONGEST_PAUSE_S)
        if after_another and over >= 0:
            self.gap.probe()
        elif after_another:
            self.gap.failed()

    @property
    def dead(self) -> bool:
        """It is not worth a turn each time."""
        return self.in_a_row >= _DEAD_AFTER

    def rest_s(self, now_s: float) -> float | None:
        """How long until a dead unit is probed; `None`: it may be asked."""
        left_s = self._probe_at_s - now_s
        return left_s if self.dead and left_s > 0 else None

    def wake(self) -> None:
        """The line was away, so that nothing is known of the unit: it may be asked at once."""
        self._probe_at_s = 0.0


class LineStats:
    """One line. `busy_s`: time with a request under way."""

    def __init__(self) -> None:
        self.requests = 0
        self.answers = 0
        self.refusals = 0
        self.timeouts = 0
        self.bad = 0
        self.downs = 0
        self.skipped = 0  # cancelled while they waited
        self.busy_s = 0.0
        self.worst_wait_s: dict[BusClass, float] = {}  # in the queue
        self.units: dict[int, UnitStats] = {}
        self._probe_at_s = 0.0

    def unit(self, unit: int) -> UnitStats:
        """The unit's statistics, made at first sight."""
        return self.units.setdefault(unit, UnitStats())

    def rests(self, unit: int, klass: BusClass, now_s: float) -> bool:
        """Whether a dead unit should not be asked now. If it may, the next dead one waits its turn."""
        found = self.unit(unit)
        if not found.dead or klass < BusClass.METER_FAST:
            return False  # outlets are always asked
        if now_s < self._probe_at_s or found.rest_s(now_s) is not None:
            return True
        self._probe_at_s = now_s + _PROBES_APART_S
        return False
