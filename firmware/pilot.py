# The control pilot: states from the high plateau, the diode from the low one. Pure.
# IEC 61851-1 Annex A is the source of what is meant; its text was not at hand, so each number names
# the public source that it was read in, or says "from memory", or "our own choice".
#
# What withholds power is timed from the last reading that said otherwise: never later than written.
# What lets power in is timed from the first reading that says so: never sooner than written.
from duty import F, X1
from registers import PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F, PILOT_UNKNOWN

# Lower border (mV) of A, B, C, D, E; below the last: F. Midpoints of the nominal 12/9/6/3/0/-12 V
# (esp32-evse wiki "CP calibration", ev_sim README); F from -10.5 V, as it may be -11 (from memory).
# EVerest's simulator uses +-1.1 V around nominal; the gaps between belong to a neighbour here.
BORDERS_MV = (10500, 7500, 4500, 1500, -10500)
HYSTERESIS_MV = 250  # ours; Tinkerforge has 10 % in ohm, "IEC 61851-1 A.4.11 optional hysteresis"

# How long (ms) a state stands before it counts; index is the state. A: OpenEVSE. B: sequence 8.1 gives
# the main contacts 100 (EVerest, Tinkerforge, OpenEVSE), relay and drop-out take 40, a turn 10. Into C
# or D: SmartEVSE, Tinkerforge. From C to D, E, F: Tinkerforge takes 75 to switch off.
SETTLE_MS = (0, 25, 50, 500, 75, 75, 75)
AWAY_MS = 75  # C is left after this long without one reading of C, whatever else was read

TURN_MAX_MS = 10  # worst turn of the loop; what a stalled loop has not seen settles nothing
GAP_MAX_MS = 20  # between two readings that count: a worst turn, and one that was not used
LAG_MS = 2  # the newest whole PWM period may have begun so long ago
BLIND_MS = 40  # ours: PWM, and no whole period was sampled for so long: nothing is known any more
AGE_MAX_MS = 60000

DIODE_LOW_MV = -10000  # Tinkerforge: low side above -10 V is a missing diode
DIODE_PERIODS = 20  # consecutive PWM periods that prove it: ours
DIODE_BAD_PERIODS = 100  # consecutive ones that make it a fault: Tinkerforge, 100 ticks


def classify(high_mv, last):
    # State PILOT_A..F that the high plateau (mV) says; a border moves away from the state read last.
    state = PILOT_A
    for border in BORDERS_MV:
        if last == state:
            border -= HYSTERESIS_MV
        elif last == state + 1:
            border += HYSTERESIS_MV
        if high_mv >= border:
            return state
        state += 1
    return PILOT_F


def longer(timer_ms, gap_ms):
    # How long (ms) something was so at most: it began right after the last reading that denied it.
    if timer_ms == 0:
        return min(gap_ms, GAP_MAX_MS) + LAG_MS
    return min(timer_ms + gap_ms, AGE_MAX_MS)


class Pilot:
    # state: PILOT_*, debounced; F as well while the board shows F, and until the next one has settled
    # car_state: the last of A, B, C, D that was debounced: what the car said before E, F, unknown
    # plug_seq: +1 at each A -> B, C, D; 16 bits
    # diode_ok: seen since the last A, E, F. diode_fault: missing; until A
    # dark: the car came to C or D without PWM; until B or A
    # held_low: F was read though the board does not show it: the pilot's driver has failed

    def __init__(self):
        self.state = PILOT_UNKNOWN
        self.car_state = PILOT_UNKNOWN
        self.plug_seq = 0
        self.diode_ok = False
        self.diode_fault = False
        self.dark = False
        self.held_low = False
        self.unplugged = False  # A was seen since the last car; after a reset we do not know
        self._duty = X1
        self._skipped = False  # the last turn's readings were not used
        self._gap_ms = 0  # since the last reading that was used
        self._raw = PILOT_UNKNOWN
        self._age_ms = 0  # how long `_raw` has stood, at least
        self._since_ms = 0  # the same, at most
        self._away_ms = 0  # in C: since the last reading of C; in D: of C or D; at most
        self._idle_ms = 0  # in C or D: how long nothing but A and B was read, at most
        self._early = False  # C or D was read without PWM, since A or B last stood
        self._good = 0
        self._bad = 0

    def step(self, dt_ms, inputs, duty_permyriad):
        # One turn. `inputs`: see core.Inputs; `duty_permyriad`: in force while they were sampled.
        changed = duty_permyriad != self._duty
        self._duty = duty_permyriad
        if duty_permyriad == F:
            self._start_anew(PILOT_F)  # our own -12 V says nothing about the car
            self._skipped = False
            return
        self._gap_ms = min(self._gap_ms + dt_ms, AGE_MAX_MS)
        pwm = duty_permyriad < X1
        # Samples from before and after a change are mixed; never two turns in a row go unused.
        skip = changed and not self._skipped
        self._skipped = skip
        if changed:
            self._good = 0  # what was not looked at is not consecutive
        if skip or (pwm and inputs.periods == 0):
            if self._gap_ms >= BLIND_MS:
                self._start_anew(PILOT_UNKNOWN)
            return
        gap_ms = self._gap_ms
        self._gap_ms = 0
        self._read(classify(inputs.high_mv, self._raw), gap_ms, pwm)
        self._decide(gap_ms)
        if pwm and not changed:
            self._check_diode(inputs)
        else:
            self._good = self._bad = 0

    def _start_anew(self, state):
        # Everything is debounced anew. A change of plugs cannot be seen meanwhile: plug_seq stays.
        self.state = state
        self.diode_ok = False
        self.dark = False
        self.held_low = False
        self._gap_ms = 0
        self._raw = PILOT_UNKNOWN  # the next reading begins a new age
        self._away_ms = self._idle_ms = 0
        self._good = self._bad = 0

    def _read(self, raw, gap_ms, pwm):
        if raw == self._raw:
            self._age_ms = min(self._age_ms + min(gap_ms, TURN_MAX_MS), AGE_MAX_MS)
            self._since_ms = longer(self._since_ms, gap_ms)
        else:
            self._raw = raw
            self._age_ms = 0
            self._since_ms = longer(0, gap_ms)
        if raw == PILOT_C or raw == PILOT_D:
            if not pwm:
                self._early = True
        elif raw <= PILOT_B and self._since_ms >= SETTLE_MS[raw]:
            self._early = False

    def _decide(self, gap_ms):
        raw = self._raw
        state = self.state
        asks = state == PILOT_C or state == PILOT_D
        if asks:
            near = raw == state or raw == PILOT_C
            self._away_ms = 0 if near else longer(self._away_ms, gap_ms)
            self._idle_ms = longer(self._idle_ms, gap_ms) if raw <= PILOT_B else 0
        if raw == state and (state != PILOT_F or self.held_low):
            return
        if raw == PILOT_C or (raw == PILOT_D and state != PILOT_C):
            if self._age_ms >= SETTLE_MS[PILOT_C]:
                self._enter(raw)
        elif self._since_ms >= SETTLE_MS[raw]:
            self._enter(raw)
        elif asks and (self._idle_ms >= SETTLE_MS[PILOT_B] or self._away_ms >= AWAY_MS):
            # It flickers and asks for nothing all the same. A did not stand, so it is still that car.
            self._enter(raw if raw >= PILOT_E else PILOT_B)

    def _enter(self, state):
        asked = self.state == PILOT_C or self.state == PILOT_D
        self.state = state
        self.held_low = state == PILOT_F
        self._away_ms = self._idle_ms = 0
        if state <= PILOT_D:
            self.car_state = state
        if PILOT_B <= state <= PILOT_D:
            if self.unplugged:
                self.unplugged = False
                self.plug_seq = (self.plug_seq + 1) & 0xFFFF
        else:
            self.diode_ok = False
            self._good = 0
        if state == PILOT_A:
            self.unplugged = True
            self.diode_fault = False
            self._bad = 0
        if state <= PILOT_B:
            self.dark = False
        elif state <= PILOT_D and not asked:
            self.dark = self._early

    def _check_diode(self, inputs):
        # `low_worst_mv`: of all `periods` since the last step; `low_mv`: what most of them say.
        if not PILOT_B <= self._raw <= PILOT_D or not PILOT_B <= self.state <= PILOT_D:
            self._good = self._bad = 0
        elif inputs.low_worst_mv < DIODE_LOW_MV:
            self._bad = 0
            self._good = min(self._good + inputs.periods, DIODE_PERIODS)
            if self._good == DIODE_PERIODS and not self.diode_fault:
                self.diode_ok = True
        else:
            self._good = 0
            if inputs.low_mv < DIODE_LOW_MV:
                self._bad = 0
                return
            self._bad = min(self._bad + inputs.periods, DIODE_BAD_PERIODS)
            if self._bad == DIODE_BAD_PERIODS:
                self.diode_fault = True
                self.diode_ok = False
