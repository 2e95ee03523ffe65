# What the pilot tells the car: which current, and when it may change. Pure.
from registers import PILOT_B, PILOT_C, PILOT_D

# EVerest IEC_PWM_MAX_UPDATE_INTERVAL is 5 s; lowering is at once, and restarts it. A command falls
# between two samples, so its first one counts time that had passed before: two turns of the loop more.
RAISE_EVERY_MS = 5020
DARK_MS = 6000  # no PWM after X1 until B or this long: the car has 3 s to open S2, we wait 6 (EVerest)
MIN_DA = 60
MAX_DA = 800


class Offer:
    # `asked_da`: what the controller wants; `told_da`: what the duty says now. 0 is X1.

    def __init__(self):
        self.asked_da = 0
        self.told_da = 0
        self._raise_ms = 0  # until the next raise
        self._dark_ms = 0  # until PWM may come back

    def ask(self, current_da):
        self.asked_da = current_da

    def lower(self, current_da):
        # Never raises; below 6 A there is no such offer, so it ends.
        if current_da < self.asked_da:
            self.asked_da = current_da if current_da >= MIN_DA else 0

    def settle(self, dt_ms, state, ceiling_da):
        # Bring `told_da` nearer to `asked_da`. `ceiling_da`: what the cable carries.
        self._raise_ms = max(0, self._raise_ms - dt_ms)
        self._dark_ms = max(0, self._dark_ms - dt_ms)
        if not PILOT_B <= state <= PILOT_D:
            # An offer ends with its car; the next car gets one of its own.
            self.asked_da = self.told_da = self._dark_ms = self._raise_ms = 0
            return
        if state == PILOT_B:
            self._dark_ms = 0
        want = min(self.asked_da, ceiling_da)
        if want < MIN_DA:
            if self.told_da and (state == PILOT_C or state == PILOT_D):
                self._dark_ms = DARK_MS
            self.told_da = 0
        elif want < self.told_da:
            self._tell(want)
        elif self.told_da == 0:
            if self._dark_ms == 0:
                self._tell(want)
        elif want > self.told_da and self._raise_ms == 0:
            self._tell(want)

    def _tell(self, current_da):
        self.told_da = current_da
        self._raise_ms = RAISE_EVERY_MS
