# What the pilot tells the car: which current, F or X1, and when it may change. Pure.
from duty import F, MAX_DA, MIN_DA, X1, duty_permyriad
from registers import PILOT_A, PILOT_B, PILOT_C, PILOT_D

# A command falls between two turns, and the first of the next turn's time lies before it: what must
# last "at least" lasts two worst turns of the loop (10 ms) longer.
SLACK_MS = 20
# EVerest IEC_PWM_MAX_UPDATE_INTERVAL is 5 s; lowering is at once, and restarts it.
RAISE_EVERY_MS = 5000 + SLACK_MS
# No PWM after X1 until B or so long: the car has 3 s to open S2 (sequence 10.1, Tinkerforge), the board
# waits 6 (10.2: EVerest, Tinkerforge, SmartEVSE, esp32-evse).
DARK_MS = 6000 + SLACK_MS
WOKEN_MS = 750 + SLACK_MS  # the order: X1 after the pulse that wakes a car, before PWM may follow


class Offer:
    # asked_da: what the controller wants (0.1 A); told_da: what the duty says now, 0 with X1 or F
    # duty_permyriad: 0.01 %; 10000 is X1, 0 is F
    # hold: True: PWM does not start yet (the residual current module is tested first)

    def __init__(self):
        self.asked_da = 0
        self.told_da = 0
        self.duty_permyriad = X1
        self.hold = False
        self._faulty = False
        self._raise_ms = 0  # until the next raise
        self._dark_ms = 0  # until PWM may come back
        self._f_ms = 0  # how long F is still shown
        self._wake_ms = 0  # until a car that is being woken may be offered anything

    @property
    def shows_f(self):
        return self._f_ms > 0

    @property
    def waking(self):
        # F is shown to wake a car, or X1 after it.
        return self._wake_ms > 0

    def ask(self, current_da):
        self.asked_da = current_da

    def lower(self, current_da):
        # Never raises; below 6 A there is no such offer, so it ends.
        if current_da < self.asked_da:
            self.asked_da = current_da if current_da >= MIN_DA else 0

    def show_f(self, duration_ms):
        # Steady -12 V for so long, at least. The caller has seen that no car is there.
        self._f_ms = max(self._f_ms, duration_ms + SLACK_MS)
        self.asked_da = self.told_da = 0
        self._put()

    def wake(self, pulse_ms):
        # F for so long, then X1. The caller has seen that the car rests and that nothing is closed.
        self.show_f(pulse_ms)
        self._wake_ms = self._f_ms + WOKEN_MS

    def settle(self, dt_ms, state, car_state, ceiling_da, blocking, f_ms):
        # Bring `told_da` nearer to `asked_da`. `ceiling_da`: what the cable carries; `blocking`: bits of
        # the faults that take power away; `f_ms`: how long F follows on a fault in C or D, 0 never.
        self._raise_ms = max(0, self._raise_ms - dt_ms)
        self._dark_ms = max(0, self._dark_ms - dt_ms)
        self._f_ms = max(0, self._f_ms - dt_ms)
        self._wake_ms = 0 if state == PILOT_A else max(0, self._wake_ms - dt_ms)
        asks = car_state == PILOT_C or car_state == PILOT_D
        if blocking:
            if not self._faulty and asks and f_ms > 0:
                self._f_ms = max(self._f_ms, f_ms + SLACK_MS)
                self._dark_ms = self._f_ms + DARK_MS
            self.asked_da = 0
        self._faulty = blocking != 0
        if not PILOT_B <= state <= PILOT_D:
            self.asked_da = 0  # an offer ends with its car; the next car gets one of its own
        if state == PILOT_A or state == PILOT_B:
            self._dark_ms = 0
        self._approach(min(self.asked_da, ceiling_da, MAX_DA), asks)
        self._put()

    def _approach(self, want_da, asks):
        if want_da < MIN_DA:
            if self.told_da and asks:
                self._dark_ms = max(self._dark_ms, DARK_MS)
            self.told_da = 0
        elif want_da < self.told_da:
            self._tell(want_da)
        elif self.told_da == 0:
            if self._dark_ms == self._f_ms == self._wake_ms == 0 and not self.hold:
                self._tell(want_da)
        elif want_da > self.told_da and self._raise_ms == 0:
            self._tell(want_da)

    def _tell(self, current_da):
        self.told_da = current_da
        self._raise_ms = RAISE_EVERY_MS

    def _put(self):
        self.duty_permyriad = F if self._f_ms > 0 else duty_permyriad(self.told_da)
