# The control pilot: states from both plateaus, debounce, diode check, duty. Pure.
# IEC 61851-1 Annex A is the source of what is meant; its text was not at hand, so each number names
# the public source that it was read in, or says "from memory".
from registers import PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F, PILOT_UNKNOWN

# Lower border (mV) of A, B, C, D, E; below the last: F. Midpoints of the nominal 12/9/6/3/0/-12 V
# (EVerest's simulator uses +-1.1 V around nominal; gaps between the windows belong to a neighbour).
BORDERS_MV = (10500, 7500, 4500, 1500, -10500)
HYSTERESIS_MV = 250  # Tinkerforge's bricklet has 10 % "IEC 61851-1 A.4.11 optional hysteresis"

# How long (ms) a state must stand before it counts; index is the state.
# To A 25 (OpenEVSE), to B 50 (sequence 8.1 leaves 100 to the main contacts), into C 500 (SmartEVSE,
# Tinkerforge), E 75; D and F grant nothing, so they may be as quick.
SETTLE_MS = (0, 25, 50, 500, 75, 75, 75)
AWAY_MS = 75  # C is left after this long without one reading of C, whatever else was read
AGE_MAX_MS = 60000

DIODE_LOW_MV = -10000  # Tinkerforge: low side above -10 V is a missing diode
DIODE_PERIODS = 20  # consecutive PWM periods

# Proximity (Type 2): windows in ohm and the rating in A. Tinkerforge iec61851.h.
CABLES = ((1000, 2200, 13), (330, 1000, 20), (150, 330, 32), (75, 150, 63))
PP_OPEN_OHM = 4500  # above: no plug, or a fixed cable (from memory of IEC 61851-1 B.2)


def classify(high_mv, last):
    # State that the high plateau says; a border moves away from the state that was read last.
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


def duty_permyriad(current_da):
    # Duty (0.01 %) that tells 0.1 A units of current; rounded down, so never more than meant.
    # 10..85 %: I = 0.6 A per %; above to 96 %: I = (D - 64) * 2.5 (SAE J1772, cited by OpenEVSE).
    if current_da < 60:
        return 10000  # X1
    if current_da <= 510:
        return current_da * 1000 // 60
    if current_da <= 800:
        return max(8500, 6400 + current_da * 4)  # 51.0 to 52.5 A: both formulas say 85 % there
    return 9600


def cable_a(pp_ohm):
    # Rating (A) of the cable; 0: none fitted or no plug; -1: no window holds it.
    if pp_ohm > PP_OPEN_OHM:
        return 0
    for low, high, rating in CABLES:
        if low <= pp_ohm < high:
            return rating
    return -1


class Pilot:
    # Debounced state, diode check and plug count. One call of `step` a sample.

    def __init__(self):
        self.state = PILOT_UNKNOWN
        self.plug_seq = 0
        self.diode_ok = False
        self.diode_fault = False
        self._unplugged = False  # A was seen since the last car; after a reset we do not know
        self._raw = PILOT_UNKNOWN
        self._age_ms = 0  # how long `_raw` has stood
        self._away_ms = -1  # how long `state` has not been read; -1: it was read just now
        self._good = 0
        self._bad = 0

    def step(self, dt_ms, high_mv, low_mv, pwm_on):
        # One sample: both plateaus of one PWM period, `dt_ms` after the last one.
        raw = classify(high_mv, self._raw)
        if raw == self._raw:
            self._age_ms = min(self._age_ms + dt_ms, AGE_MAX_MS)
        else:
            self._raw = raw
            self._age_ms = 0
        if raw == self.state:
            self._away_ms = -1
        else:
            self._away_ms = 0 if self._away_ms < 0 else self._away_ms + dt_ms
            # A car that flickers between A and B never settles, and asks for nothing all the same.
            left = self.state == PILOT_C and self._away_ms >= AWAY_MS
            if left or self._age_ms >= SETTLE_MS[raw]:
                self._enter(raw)
        self._check_diode(raw, low_mv, pwm_on)

    def _enter(self, state):
        if self._unplugged and PILOT_B <= state <= PILOT_D:
            self._unplugged = False
            self.plug_seq = (self.plug_seq + 1) & 0xFFFF
        self.state = state
        self._away_ms = -1
        if not PILOT_B <= state <= PILOT_D:
            self.diode_ok = False
            self._good = 0
        if state == PILOT_A:
            self._unplugged = True
            self.diode_fault = False
            self._bad = 0

    def _check_diode(self, raw, low_mv, pwm_on):
        if not pwm_on or not PILOT_B <= raw <= PILOT_D or not PILOT_B <= self.state <= PILOT_D:
            self._good = 0
            self._bad = 0
        elif low_mv < DIODE_LOW_MV:
            self._bad = 0
            self._good = min(self._good + 1, DIODE_PERIODS)
            if self._good == DIODE_PERIODS:
                self.diode_ok = True
        else:
            self._good = 0
            self._bad = min(self._bad + 1, DIODE_PERIODS)
            if self._bad == DIODE_PERIODS:
                self.diode_fault = True
                self.diode_ok = False
