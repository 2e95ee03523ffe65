"""The silence that a unit needs before its request, beyond t3.5, when another unit spoke last.

Pure. Reported of mixed lines (mbmd issues 144 and 239): four meters of one make do with t3.5, one of
another make among them answers only after up to 200 ms. No data sheet says so; hence it is learned.
"""

from edge.bus.port import BusClass

_FIRST_S, _LONGEST_S = 0.01, 0.2
_SUSPICION = 2.2  # three failures among some seven exchanges; three in a hundred are the line's noise
_FORGIVES = 0.9  # what is left of the suspicion after an answer
_TRIES_LESS_AFTER = 20  # answers in a row
_BLAMED_WITHIN = 40  # exchanges after it was made shorter: then that was the reason
_TRUST_FIRST, _TRUST_LONGEST = 500, 8000  # answers until a gap that was too short is tried again
_USELESS_FOR = 2000  # exchanges: the longest did not help either, so it is something else
_RUNGS_S = (0.05, 0.0, _LONGEST_S, 0.0)  # what a silent unit is probed with, in turn
_BOARD_S = 0.05  # polls of a dead board are not worth more


class AdaptiveGap:
    """One unit's gap. Only exchanges right after another unit's frame teach it anything."""

    def __init__(self) -> None:
        self.gap_s = 0.0
        self._proven = False  # whether it answered with this gap
        self._floor_s, self._floor_for = 0.0, 0  # known to be needed; for so many answers
        self._trust = _TRUST_FIRST
        self._suspicion = 0.0
        self._good = 0  # answers in a row
        self._since_less = _BLAMED_WITHIN
        self._useless_for = 0
        self._probes = 0

    def before_s(self, klass: BusClass) -> float:
        """What a request of a class waits. A revoke or a grant: only a gap that is known to help."""
        if klass < BusClass.BOARD:
            return self.gap_s if self._proven else 0.0
        return self.gap_s if klass > BusClass.BOARD else min(self.gap_s, _BOARD_S)

    def answered(self) -> None:
        """An answer, right after another unit's frame."""
        self._suspicion *= _FORGIVES
        self._proven, self._probes = self.gap_s > 0, 0
        self._good += 1
        self._passed()
        if self._floor_for > 0:
            self._floor_for -= 1
        elif self._floor_s > 0:
            self._floor_s = 0.0
        if self.gap_s > self._floor_s and self._good % _TRIES_LESS_AFTER == 0:
            less_s = self.gap_s / 2 if self.gap_s > _FIRST_S else 0.0
            self.gap_s = max(less_s, self._floor_s)
            self._since_less = 0
        elif self.gap_s == 0 and self._since_less == _BLAMED_WITHIN:
            self._trust = _TRUST_FIRST

    def failed(self) -> None:
        """Silence or garbage, right after another unit's frame."""
        self._suspicion += 1
        self._good = 0
        self._passed()
        if self._suspicion < _SUSPICION or self._useless_for > 0:
            return
        self._suspicion = 0.0
        if self.gap_s >= _LONGEST_S:
            self.gap_s, self._floor_s, self._floor_for = 0.0, 0.0, 0
            self._useless_for = _USELESS_FOR
            return
        self.gap_s = min(max(2 * self.gap_s, _FIRST_S), _LONGEST_S)
        self._proven = False
        if self._since_less < _BLAMED_WITHIN:
            self._floor_s, self._floor_for = self.gap_s, self._trust
            self._trust = min(2 * self._trust, _TRUST_LONGEST)

    def probe(self) -> None:
        """It is dead, and will be asked once more: with another gap, lest that is the reason."""
        self.gap_s = _RUNGS_S[self._probes % len(_RUNGS_S)]
        self._probes += 1
        self._proven, self._suspicion, self._since_less = False, 0.0, _BLAMED_WITHIN
        self._floor_s, self._floor_for = 0.0, 0

    def _passed(self) -> None:
        self._since_less = min(self._since_less + 1, _BLAMED_WITHIN)
        self._useless_for = max(self._useless_for - 1, 0)
