# A residual current module, for the tests of firmware/residual.py.
from residual import Residual

TURN_MS = 4
SLACK_MS = 2 * TURN_MS  # begun one turn late, judged one turn late


class Rig:
    # A module that trips 60 ms after its test input, and comes back 40 ms after input or leak went.

    def __init__(self, trip_ms=60, release_ms=40, stuck=False, dead=False):
        self.residual = Residual()
        self.trip_ms = trip_ms
        self.release_ms = release_ms
        self.stuck = stuck
        self.dead = dead
        self.leak = False
        self.may_test = True
        self.unplugged = False
        self.tripped = False
        self.now_ms = 0
        self.tests = 0
        self.pulse_ms = 0  # length of the last pulse
        self.reals = 0  # real trips, counted as edges
        self.results = []
        self._input_ms = 0
        self._idle_ms = 0
        self._was_test = self._was_real = False

    def step(self):
        residual = self.residual
        self._move_module(residual.test)
        before = residual.result
        residual.step(TURN_MS, self.tripped, self.may_test, self.unplugged)
        self.unplugged = False
        if residual.test and not self._was_test:
            self.tests += 1
            self.pulse_ms = 0
        self.pulse_ms += TURN_MS if residual.test else 0
        self._was_test = residual.test
        self.reals += residual.tripped and not self._was_real
        self._was_real = residual.tripped
        if residual.result != before:
            self.results.append(residual.result)
        assert not (residual.test and not residual.running)
        assert not (residual.running and residual.tripped)
        assert not (residual.test and not self.may_test), "a pulse only with the contactor open"
        self.now_ms += TURN_MS

    def _move_module(self, test):
        on = self.leak or (test and not self.dead)
        self._input_ms = self._input_ms + TURN_MS if on else 0
        self._idle_ms = 0 if on else self._idle_ms + TURN_MS
        if self.stuck or self.leak or (on and self._input_ms >= self.trip_ms):
            self.tripped = True
        elif not on and self._idle_ms >= self.release_ms:
            self.tripped = False

    def run(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.step()

    def until(self, phase, limit_ms):
        began_ms = self.now_ms
        while self.residual.phase != phase:
            assert self.now_ms - began_ms <= limit_ms, "not within the limit"
            self.step()
        return self.now_ms - began_ms


def just_passed():
    # A module that has just passed.
    rig = Rig()
    rig.run(1000)
    assert rig.residual.ok
    return rig


def is_due_for_nothing(residual):
    return residual.ok and not residual.failed and not residual.running and not residual.due
