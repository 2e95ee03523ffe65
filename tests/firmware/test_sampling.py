# Plateaus out of samples, at every duty and phase that a car may meet. Runs under MicroPython too.
from math import exp

import sampling

EDGE_US = 15  # slower than any driver that keeps the standard's 2 us, with the longest cable behind it
B_MV, C_MV, D_MV, LOW_MV = 8978, 5995, 2930, -12000
DUTIES_US = (50, 80, 100, 267, 533, 850, 892, 960)  # 5 %, 8 %, 6 A, 16 A, 32 A, 51 A, 63 A, 80 A
NOISE_MV = 60


class Capture:
    # A buffer as the DMA fills it, and what is reduced from it.

    def __init__(self):
        self.samples = sampling.empty_capture()
        self.windows = sampling.windows_of(memoryview(self.samples))
        self.plateaus = sampling.Plateaus()
        self._chance = 1

    def noise(self, most_mv):
        self._chance = (self._chance * 1103 + 12345) & 0xFFFF
        return self._chance % (2 * most_mv + 1) - most_mv if most_mv else 0

    def fill(self, wave_mv, count, phase_us, noise_mv=0):
        # `wave_mv(us)`: the pilot, us after a rising edge.
        for i in range(count):
            mv = wave_mv((phase_us + 20 * i) % 1000) + self.noise(noise_mv)
            self.samples[i] = max(0, min(4095, (mv + 15000) * 4095 // 30000))

    def reduce(self, count, pwm=True):
        return self.plateaus.reduce(self.windows, count, pwm)

    def mv(self):
        p = self.plateaus
        return [sampling.pilot_mv(raw) for raw in (p.high, p.low, p.low_worst)]


def wave(duty_us, high_mv, low_mv=LOW_MV):
    # A pilot with straight edges of EDGE_US; the plateau at the top is shorter by one of them.
    def at(us):
        if us < EDGE_US:
            return low_mv + (high_mv - low_mv) * us // EDGE_US
        if us < duty_us:
            return high_mv
        if us < duty_us + EDGE_US:
            return high_mv - (high_mv - low_mv) * (us - duty_us) // EDGE_US
        return low_mv

    return at


def near(got, wanted, within=30):
    return abs(got - wanted) <= within


def test_both_plateaus_are_read_at_every_duty_and_phase():
    capture = Capture()
    for duty_us in DUTIES_US:
        for phase_us in range(0, 1000, 7):
            capture.fill(wave(duty_us, C_MV), 60, phase_us)
            assert capture.reduce(60)
            high, low, worst = capture.mv()
            assert near(high, C_MV), (duty_us, phase_us, high)
            assert near(low, LOW_MV), (duty_us, phase_us, low)
            assert near(worst, LOW_MV), (duty_us, phase_us, worst)


def test_the_lowest_and_the_highest_current_are_read_at_every_microsecond():
    # 5 % is less than any offer, 96 % is 80 A: plateaus of 50 and 40 us
    capture = Capture()
    for duty_us in (50, 960):
        for phase_us in range(20):
            capture.fill(wave(duty_us, B_MV), 50, phase_us)
            assert capture.reduce(50)
            high, low, worst = capture.mv()
            assert near(high, B_MV) and near(low, LOW_MV) and near(worst, LOW_MV), (duty_us, phase_us)


def test_noise_moves_a_wide_plateau_less_than_its_own_size():
    capture = Capture()
    for state_mv in (B_MV, C_MV, D_MV):
        for duty_us in (267, 533):
            for phase_us in (0, 333, 777):
                capture.fill(wave(duty_us, state_mv), 200, phase_us, NOISE_MV)
                assert capture.reduce(200)
                high, low, worst = capture.mv()
                assert near(high, state_mv, NOISE_MV) and near(low, LOW_MV, NOISE_MV)
                assert near(worst, LOW_MV, 2 * NOISE_MV)


def test_noise_moves_the_narrowest_plateau_by_no_more_than_its_size():
    capture = Capture()
    for duty_us in (100, 960):
        for phase_us in range(0, 1000, 31):
            capture.fill(wave(duty_us, C_MV), 120, phase_us, NOISE_MV)
            assert capture.reduce(120)
            high, low, worst = capture.mv()
            assert near(high, C_MV, NOISE_MV + 10), (duty_us, phase_us)
            assert near(low, LOW_MV, NOISE_MV + 10), (duty_us, phase_us)
            assert near(worst, LOW_MV, NOISE_MV + 10), (duty_us, phase_us)


def test_samples_on_edges_count_for_neither_plateau():
    # one sample in the middle of each edge: the mean must not be drawn towards it
    capture = Capture()
    for duty_us in (100, 500, 900):
        phase_us = EDGE_US // 2
        capture.fill(wave(duty_us, C_MV), 50, phase_us)
        assert any(1700 < sample < 2400 for sample in capture.samples[:50]), "no sample is on an edge"
        assert capture.reduce(50)
        assert near(capture.mv()[0], C_MV, 8) and near(capture.mv()[1], LOW_MV, 8), duty_us


def test_without_a_diode_the_low_plateau_is_the_mirror_of_the_high_one():
    capture = Capture()
    capture.fill(wave(267, 5623, -5623), 200, 123)
    assert capture.reduce(200)
    high, low, worst = capture.mv()
    assert near(high, 5623) and near(low, -5623) and near(worst, -5623)


def test_one_bad_period_among_good_ones_is_the_worst():
    capture = Capture()
    good = wave(267, C_MV)
    bad = wave(267, C_MV, -6000)
    for spoilt in range(4):
        capture.fill(good, 210, 300)
        for i in range(50 * spoilt, 50 * spoilt + 50):
            us = (300 + 20 * i) % 1000
            capture.samples[i] = (bad(us) + 15000) * 4095 // 30000
        assert capture.reduce(210)
        assert capture.plateaus.periods == 4
        assert near(capture.mv()[2], -6000), spoilt


def test_what_lies_behind_the_last_whole_period_is_looked_at_too():
    capture = Capture()
    capture.fill(wave(267, C_MV, -6000), 240, 0)
    for i in range(150):
        capture.samples[i] = (wave(267, C_MV)(20 * i % 1000) + 15000) * 4095 // 30000
    # 3 good periods and 40 samples of a bad one
    assert capture.reduce(190)
    assert capture.plateaus.periods == 3
    high, low, _worst = capture.mv()
    assert near(high, C_MV)
    assert near(low, (40 * -6000 + 10 * -12000) // 50, 1500), low


def test_only_whole_periods_count():
    capture = Capture()
    capture.fill(wave(533, C_MV), sampling.CAPACITY, 11)
    for count, periods in ((0, 0), (49, 0), (50, 1), (99, 1), (100, 2), (210, 4), (799, 15), (800, 16)):
        assert capture.reduce(count) == (periods > 0), count
        assert capture.plateaus.periods == periods, count


def test_too_few_samples_leave_the_last_reading_and_no_period():
    capture = Capture()
    capture.fill(wave(533, C_MV), 200, 0)
    assert capture.reduce(200)
    before = capture.mv()
    capture.fill(wave(533, D_MV), 200, 0)
    assert not capture.reduce(49)
    assert capture.mv() == before
    assert capture.plateaus.periods == 0


def test_more_than_the_buffer_holds_is_not_read():
    capture = Capture()
    capture.fill(wave(533, C_MV), sampling.CAPACITY, 0)
    assert capture.reduce(sampling.CAPACITY + 5000)
    assert capture.plateaus.periods == 16
    assert near(capture.mv()[0], C_MV)


def test_the_newest_period_of_a_capture_says_the_level():
    capture = Capture()
    capture.fill(wave(533, B_MV), 200, 0)
    for i in range(140, 200):
        capture.samples[i] = (wave(533, C_MV)(20 * i % 1000) + 15000) * 4095 // 30000
    assert capture.reduce(200)
    assert near(capture.mv()[0], C_MV)


def test_without_pwm_both_plateaus_are_the_mean():
    capture = Capture()
    for level_mv in (12000, B_MV, C_MV, D_MV, 0, -12000):
        capture.fill(lambda _us, mv=level_mv: mv, 200, 0, NOISE_MV)
        assert capture.reduce(200, pwm=False)
        assert capture.plateaus.periods == 0
        high, low, worst = capture.mv()
        assert high == low == worst
        assert near(high, level_mv, 25), (level_mv, high)


def test_a_shorted_pilot_reads_flat_under_pwm_too():
    capture = Capture()
    capture.fill(lambda _us: 0, 200, 0, NOISE_MV)
    assert capture.reduce(200)
    high, low, worst = capture.mv()
    assert high == low
    assert near(high, 0, 25) and near(worst, 0, NOISE_MV + 10)


def test_one_spike_to_the_end_of_the_scale_changes_no_state():
    # the borders are 1.5 V from the nominal levels
    capture = Capture()
    for at in range(150, 200):
        capture.fill(wave(267, C_MV), 200, 400)
        capture.samples[at] = 4095 if at % 2 else 0
        assert capture.reduce(200)
        high, low, _worst = capture.mv()
        assert near(high, C_MV, 1200) and near(low, LOW_MV, 1200), (at, high, low)


def test_the_median_drops_one_bad_reading():
    median = sampling.Median(500)
    for reading, wanted in ((501, 500), (4095, 501), (502, 502), (0, 502), (503, 502), (504, 503)):
        median.take(reading)
        assert median.value == wanted, reading


def test_the_front_end_maps_15_volts_either_way():
    for raw, mv in ((0, -15000), (4095, 15000), (2048, 4), (3686, 12004), (410, -11996)):
        assert sampling.pilot_mv(raw) == mv, raw


def test_calibration_scales_and_shifts():
    assert sampling.calibrated_mv(6000, 10000, 0) == 6000
    assert sampling.calibrated_mv(6000, 10200, -100) == 6020
    assert sampling.calibrated_mv(-12000, 9900, 50) == -11830


def test_proximity_resistors_are_read_within_two_percent():
    # resistors of IEC 61851-1 B.2 (OpenEVSE: 1500, 680, 220, 100), and the two ends
    for ohm in (100, 220, 680, 1500, 2700):
        raw = 4095 * ohm // (ohm + 1000)
        assert abs(sampling.proximity_ohm(raw, 10000) - ohm) <= ohm // 50, ohm
    assert sampling.proximity_ohm(0, 10000) == 0
    assert sampling.proximity_ohm(4095, 10000) == sampling.OPEN_OHM
    assert sampling.proximity_ohm(4095 * 680 // 1680, 9500) < 650


def test_the_supply_is_a_fifth_at_the_adc():
    assert sampling.supply_mv(4095) == 16500
    assert abs(sampling.supply_mv(4095 * 12 // 16.5) - 12000) < 10


def ntc_raw(temperature_c):
    ohm = 10000 * exp(3950 * (1 / (temperature_c + 273.15) - 1 / 298.15))
    return int(4095 * ohm / (ohm + 10000) + 0.5)


def test_the_table_of_the_ntc_is_its_formula():
    for i, raw in enumerate(sampling.NTC):
        assert abs(raw - ntc_raw(-40 + 10 * i)) <= 1, i


def test_the_temperature_is_right_to_half_a_kelvin_where_it_decides():
    for tenths in range(-350, 800, 7):
        got = sampling.temperature_dc(ntc_raw(tenths / 10), 0)
        assert abs(got - tenths) <= (5 if tenths >= 0 else 10), (tenths, got)
    assert sampling.temperature_dc(ntc_raw(25.0), -12) == 238


def test_a_sensor_that_is_gone_is_no_temperature():
    for raw in (4095, 4000, 100, 0):
        assert sampling.temperature_dc(raw, 0) == sampling.NO_SENSOR_DC, raw
