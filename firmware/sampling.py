# What the samples say: both plateaus of the control pilot, and the slow inputs in their units. Pure.
# The pilot is sampled at 50 kS/s, so one period of its 1 kHz PWM is 50 samples, wherever it begins: the
# phase is arbitrary and need not be known. Plateaus that a car may be offered last 40 us (the low one at
# 96 %) to 900 us; an edge lasts under 20 us (2 us of the driver, 1.5 nF of cable behind 1 kOhm: from
# memory of IEC 61851-1), so it spoils one sample at most and even 40 us hold one that is clean.
from array import array

PERIOD = 50  # samples; 1 ms
CAPACITY = 800  # samples of one capture: 16 ms, longer than the longest turn of the loop may last
GRID = 10  # samples between the beginnings of two windows
FULL_SCALE = 4095  # the ADC has 12 bits (RP2040 data sheet 4.9, from memory)
FLAT = 200  # 1.5 V: less between the highest and the lowest sample is no PWM, but one steady level

PILOT_SPAN_MV = 30000  # the front end maps -15..+15 V to the whole range
PILOT_BOTTOM_MV = -15000
PP_PULL_UP_OHM = 1000  # to the ADC's reference
PP_OPEN_RAW = 4000  # 42 kOhm: beyond every plug
OPEN_OHM = 65535
SUPPLY_SPAN_MV = 16500  # a fifth of the 12 V, against 3.3 V

# NTC at the contactor's terminals: 10 kOhm at 25 deg C, B 3950 (our own choice of part), under 10 kOhm to
# the reference. Readings at -40, -30 ... 130 deg C, by R = 10000 * exp(3950 * (1/T - 1/298.15)).
NTC = (3996, 3900, 3740, 3495, 3156, 2738, 2278, 1825, 1419,
       1081, 815, 613, 462, 350, 267, 206, 160, 126)
NTC_FIRST_DC = -400
NTC_STEP_DC = 100
NO_SENSOR_DC = -32768


def windows_of(samples):
    # All windows of one period into `samples` (a memoryview of CAPACITY 16 bit words), GRID apart: made
    # once, so that a turn of the loop takes none.
    return [samples[start : start + PERIOD] for start in range(0, CAPACITY - PERIOD + 1, GRID)]


def empty_capture():
    # Room for one capture, 16 bit words.
    return array("H", bytes(2 * CAPACITY))


class Plateaus:
    # Raw readings, 0..4095, of the last capture that held a whole period. `low_worst`: the highest low
    # plateau among its periods, of which there were `periods` (0: PWM was off).

    def __init__(self):
        self.high = 0
        self.low = 0
        self.low_worst = 0
        self.periods = 0

    def reduce(self, windows, count, pwm):
        # `count` samples were captured without a gap; `pwm`: the pilot was no steady level meanwhile.
        # False: they hold no whole period, and everything stays as it was, but `periods`.
        self.periods = 0
        if count < PERIOD:
            return False
        newest = (min(count, CAPACITY) - PERIOD) // GRID
        self._split(windows[newest], pwm)
        if not pwm:
            self.low_worst = self.low
            return True
        worst = min(windows[newest])
        periods = min(count, CAPACITY) // PERIOD
        for period in range(periods):
            low = min(windows[period * PERIOD // GRID])
            if low > worst:
                worst = low
        self.low_worst = worst
        self.periods = periods
        return True

    def _split(self, window, pwm):
        # The plateaus of one period, each the mean of the samples whose neighbours lie on it too: that
        # leaves the edges out. The window is cyclic, as what it shows repeats.
        top = max(window)
        bottom = min(window)
        if not pwm or top - bottom < FLAT:
            self.high = self.low = (sum(window) + PERIOD // 2) // PERIOD
            return
        middle = (top + bottom) // 2
        before = window[PERIOD - 2] > middle
        sample = window[PERIOD - 1]
        here = sample > middle
        high = low = highs = lows = 0
        for following in window:
            after = following > middle
            if here:
                if before and after:
                    high += sample
                    highs += 1
            elif not before and not after:
                low += sample
                lows += 1
            before = here
            here = after
            sample = following
        self.high = high // highs if highs else top
        self.low = low // lows if lows else bottom


class Median:
    # The middle one of the last three readings: one that noise spoilt does not count.

    def __init__(self, first):
        self._a = self._b = self._c = first

    def take(self, reading):
        self._a = self._b
        self._b = self._c
        self._c = reading

    @property
    def value(self):
        a = self._a
        b = self._b
        c = self._c
        return max(min(a, b), min(max(a, b), c))


def pilot_mv(raw):
    return (raw * PILOT_SPAN_MV + FULL_SCALE // 2) // FULL_SCALE + PILOT_BOTTOM_MV


def calibrated_mv(mv, gain_permyriad, offset_mv):
    return mv * gain_permyriad // 10000 + offset_mv


def proximity_ohm(raw, gain_permyriad):
    # OPEN_OHM: nothing is there.
    if raw >= PP_OPEN_RAW:
        return OPEN_OHM
    return PP_PULL_UP_OHM * raw // (FULL_SCALE - raw) * gain_permyriad // 10000


def supply_mv(raw):
    return raw * SUPPLY_SPAN_MV // FULL_SCALE


def temperature_dc(raw, offset_dc):
    # 0.1 deg C, straight lines between the points of the table; NO_SENSOR_DC: open, shorted or far out.
    if raw > NTC[0] or raw < NTC[-1]:
        return NO_SENSOR_DC
    i = 1
    while raw < NTC[i]:
        i += 1
    above = NTC[i - 1]
    return NTC_FIRST_DC + NTC_STEP_DC * (i - 1) + NTC_STEP_DC * (above - raw) // (above - NTC[i]) + offset_dc
