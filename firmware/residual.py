# The residual current module (RDC-DD, IEC 62955): its trips, and the self-test that proves that it can.
# The test runs only with the contactor open: none is opened for it, and it hides no trip. Pure.
from registers import TEST_NEVER, TEST_NO_TRIP, TEST_PASSED, TEST_RUNNING, TEST_STUCK, TEST_TRIPPED

# Tinkerforge's evse-v2-bricklet pulls TST for 250 ms, and names 30 ms to 1.2 s as what is allowed.
PULSE_MS = 250
TRIP_MS = 1200
RELEASE_MS = 1000  # our own choice: from the end of the pulse to a module that is quiet again
QUIET_MS = 50  # our own choice: quiet is quiet for this long; a trip output may bounce
DUE_MIN = 24 * 60  # the order: older than 24 h before PWM is next offered
NEVER_MIN = 65535
OLDEST_MIN = 65534

PHASE_IDLE = 0
PHASE_PULSE = 1
PHASE_RELEASE = 2
PHASE_DROPPED = 3

# PHASE_*, name, level of the test input, limit in ms (0: may last), what ends it, what follows then.
PHASES = (
    (PHASE_IDLE, "idle", 0, 0,
     "the start, an unplugged car, 24 h, or a command; with the contactor open and the module quiet",
     "a trip is real; where a test is wanted and the module stands tripped: TRIPPED"),
    (PHASE_PULSE, "pulse", 1, TRIP_MS,
     "the trip, but not before 250 ms",
     "NO_TRIP"),
    (PHASE_RELEASE, "release", 0, RELEASE_MS,
     "50 ms of quiet: PASSED",
     "STUCK, and the trip is real"),
    (PHASE_DROPPED, "dropped", 0, RELEASE_MS,
     "50 ms of quiet after a trip; the board has started, or a test was broken off, or got no trip",
     "a trip that stands is real; what was broken off is tried again"),
)


class Residual:
    # One call of `step` a turn. While it is `running` no PERMIT can be given, and a trip is its own.

    def __init__(self):
        self.test = False  # drive the module's test input
        self.ok = False  # the last test that came to an end passed
        self.failed = False  # the last test that came to an end failed
        self.running = True
        self.result = TEST_NEVER
        self.trip_ms = 0  # from the pulse to the trip, at the last test
        self.age_min = NEVER_MIN  # since it passed
        self.tripped = False  # a real trip, now
        # A reset may have broken off a test, and a module that wakes up may trip: neither is real.
        self.phase = PHASE_DROPPED
        self._age_ms = 0
        self._wanted = False  # by a command, or after a car; at boot it is due anyway
        self._may_test = False
        self._unplugged = False
        self._phase_ms = 0
        self._quiet_ms = -1  # how long it has been quiet, at least; -1: it is not
        self._seen = True  # the trip that the pulse asked for
        self._before = TEST_NEVER  # what `result` said before a test that may be dropped

    @property
    def due(self):
        # Whether a test must pass before PWM is offered.
        return not self.ok or self.age_min >= DUE_MIN

    def start(self):
        # A command. False: the contactor is not open, so no test now.
        if not self._may_test:
            return False
        self._wanted = True
        return True

    def step(self, dt_ms, tripped, may_test, unplugged):
        # One sample, `dt_ms` after the last one. `tripped`: its output now, or an edge since;
        # `may_test`: PERMIT off, REQUEST off, mirror open; `unplugged`: the car went (level or edge).
        self._grow_old(dt_ms)
        self._may_test = may_test
        if unplugged and not self._unplugged:
            self._wanted = True
        self._unplugged = unplugged
        if self.phase == PHASE_IDLE:
            self._rest(tripped, may_test)
        else:
            self._phase_ms += dt_ms
            self._watch(dt_ms, tripped)
            if not may_test and self.phase != PHASE_DROPPED:
                self.result = self._before
                self._enter(PHASE_DROPPED)
            elif self.phase == PHASE_PULSE:
                self._pulse()
            else:
                self._release(tripped)
        self.running = self.phase != PHASE_IDLE
        self.test = self.phase == PHASE_PULSE
        self.tripped = bool(tripped) and not self.running

    def _grow_old(self, dt_ms):
        if self.age_min < OLDEST_MIN:
            self._age_ms += dt_ms
            self.age_min = min(self.age_min + self._age_ms // 60000, OLDEST_MIN)
            self._age_ms %= 60000

    def _rest(self, tripped, may_test):
        # One that failed is not tried again and again: by hand, or after the next car.
        if not may_test or not (self._wanted or (self.due and not self.failed)):
            return
        if tripped:
            self.result = TEST_TRIPPED
            self.ok = False
            return
        self._before = self.result
        self.result = TEST_RUNNING
        self._seen = False
        self._enter(PHASE_PULSE)

    def _enter(self, phase):
        self.phase = phase
        self._phase_ms = 0
        self._quiet_ms = -1

    def _watch(self, dt_ms, tripped):
        if tripped:
            self._quiet_ms = -1
            if not self._seen:
                self._seen = True
                if self.phase == PHASE_PULSE:
                    self.trip_ms = self._phase_ms
        else:
            self._quiet_ms = 0 if self._quiet_ms < 0 else self._quiet_ms + dt_ms

    def _pulse(self):
        if self._seen:
            if self._phase_ms >= PULSE_MS:
                self._enter(PHASE_RELEASE)
        elif self._phase_ms >= TRIP_MS:
            self._conclude(TEST_NO_TRIP)
            self._enter(PHASE_DROPPED)  # a trip that comes late is no real one

    def _release(self, tripped):
        # Without the trip, it may still come: so no shorter than the limit.
        over = self._phase_ms >= RELEASE_MS
        if self._quiet_ms >= QUIET_MS and (self._seen or over):
            if self.phase == PHASE_RELEASE:
                self._conclude(TEST_PASSED)
        elif over and tripped:
            if self.phase == PHASE_RELEASE:
                self._conclude(TEST_STUCK)
        else:
            return
        self._enter(PHASE_IDLE)

    def _conclude(self, result):
        self.result = result
        self.ok = result == TEST_PASSED
        self.failed = not self.ok
        self._wanted = False
        if self.ok:
            self.age_min = 0
            self._age_ms = 0
