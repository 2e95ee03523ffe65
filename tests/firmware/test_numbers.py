# Every number of the standard that the firmware uses: what it does. Where each of them comes from is
# the table in test_sources.py, which also looks for the constant and its source in the code.
import duty
import proximity
import registers as r
import sampling
from bench import Bench
from pilot import classify

NAMES = "?ABCDEF"
NOMINAL_MV = (("A", 12000), ("B", 9000), ("C", 6000), ("D", 3000), ("E", 0), ("F", -12000))


def charging(current_da=160):
    return Bench().charge(current_da)


# --- levels of the control pilot

def test_nominal_levels_and_loads():
    # through 1 kOhm and a diode of 0.7 V, as the bench makes them
    for load, nominal_mv in NOMINAL_MV:
        bench = Bench()
        bench.load = load
        bench.run(600)
        assert bench.state == load
        assert abs(bench.inputs.high_mv - nominal_mv) <= 100


def test_windows_of_sae():
    for state, low_mv, high_mv in (("A", 11400, 12600), ("B", 8360, 9560), ("C", 5480, 6490),
                                   ("D", 2620, 3250), ("F", -12600, -11400)):
        for last in range(7):  # whatever was read before: the hysteresis stays outside of them
            assert NAMES[classify(low_mv, last)] == NAMES[classify(high_mv, last)] == state


def test_windows_of_everest():
    for state, nominal_mv in NOMINAL_MV:
        for last in range(7):
            assert NAMES[classify(nominal_mv - 1100, last)] == state
            assert NAMES[classify(nominal_mv + 1100, last)] == state


def test_window_of_f():
    assert NAMES[classify(-11000, 0)] == NAMES[classify(-13000, 0)] == "F"
    assert NAMES[classify(-11000, r.PILOT_E)] == "F"


def test_periods_of_1_khz():
    assert sampling.PERIOD * 20 == 1000  # us: 50 samples of 50 kS/s
    capture = sampling.empty_capture()
    for i in range(sampling.CAPACITY):  # 10 % high
        capture[i] = 3000 if i % 50 < 5 else 500
    plateaus = sampling.Plateaus()
    plateaus.reduce(sampling.windows_of(memoryview(capture)), 200, True)
    assert (plateaus.periods, plateaus.high, plateaus.low) == (4, 3000, 500)


def test_one_sample_lies_on_an_edge():
    # rise within 2 us, cable of 1.5 nF behind 1 kOhm: one sample between the plateaus spoils none
    capture = sampling.empty_capture()
    for i in range(sampling.CAPACITY):
        capture[i] = 500 if i % 50 in (48, 49) else 1700 if i % 50 in (0, 47) else 3000
    plateaus = sampling.Plateaus()
    plateaus.reduce(sampling.windows_of(memoryview(capture)), 400, True)
    assert (plateaus.high, plateaus.low, plateaus.low_worst) == (3000, 500, 500)


def test_low_side_of_a_diode():
    for low_mv, seen in ((-10001, True), (-10000, False), (-9000, False)):
        bench = Bench().plug()
        bench.load = "E"
        bench.run(200)  # what was seen is forgotten
        bench.load = "B"
        bench.run(56)
        assert bench.offer(160) == 0
        for _ in range(25):
            bench.low_spike_mv = low_mv
            bench.step()
        assert bench.core.pilot.diode_ok == seen, low_mv


def test_periods_of_a_missing_diode():
    bench = charging()
    bench.diode = False
    took_ms = bench.until(lambda: bench.faults & r.FAULT_DIODE, 200)
    assert 96 <= took_ms <= 112


def test_diode_once_before_closing():
    bench = Bench().ready()
    bench.diode = False
    bench.load = "B"
    bench.run(100)
    bench.offer(160)
    bench.run(40)
    bench.load = "C"
    bench.run(520)
    assert bench.grant() == 4
    assert bench.core.refused_bits & r.REFUSED_DIODE


# --- duty

def test_duty_to_85_percent():
    for current_da, permyriad in ((60, 1000), (160, 2666), (320, 5333), (510, 8500)):
        assert duty.duty_permyriad(current_da) == permyriad
        assert current_da - 1 <= duty.car_da(permyriad) <= current_da


def test_duty_above_85_percent():
    for current_da, permyriad in ((630, 8920), (800, 9600)):
        assert duty.duty_permyriad(current_da) == permyriad
        assert duty.car_da(permyriad) == current_da
    assert duty.duty_permyriad(900) == 9600


def test_a_car_reads_no_current():
    assert duty.car_da(800) == duty.car_da(500) == duty.car_da(9651) == duty.car_da(duty.X1) == 0
    assert duty.car_da(9600) == duty.car_da(9650) == 800


def test_a_car_reads_6_a():
    assert duty.car_da(801) == duty.car_da(950) == duty.car_da(1000) == 60


def test_least_current():
    bench = Bench().plug()
    assert bench.offer(59) == 3
    assert bench.offer(60) == 0
    assert bench.offer(801) == 3


# --- timing

def test_opens_within_100_ms():
    for load in ("B", "A"):
        for phase_ms in range(4):  # the edge lies anywhere between two turns
            bench = charging()
            bench.run(4 * phase_ms)
            bench.load = load
            bench.run(60)
            assert not bench.permit
            bench.run(40)
            assert not bench.closed


def test_a_is_seen_in_25_ms():
    bench = Bench().plug()
    bench.load = "A"
    assert bench.until(lambda: bench.state == "A", 36) >= 20


def test_c_is_seen_in_500_ms():
    bench = Bench().plug()
    bench.load = "C"
    assert bench.until(lambda: bench.state == "C", 520) >= 500
    bench = Bench().plug()
    for _ in range(20):  # 882 Ohm for 250 ms is no car
        bench.load = "C"
        bench.run(250)
        bench.load = "B"
        bench.run(100)
        assert bench.state == "B"


def test_closes_within_3_s():
    bench = Bench().plug()
    bench.load = "C"
    took_ms = 0
    while bench.grant() != 0:  # a controller that asks each 250 ms
        bench.run(250)
        took_ms += 250
    assert took_ms + bench.until(lambda: bench.closed, 100) <= 3000


def test_waits_3_s_for_the_car():
    bench = charging()
    bench.withdraw()
    bench.run(3000)
    assert bench.permit
    bench.load = "B"
    bench.run(60)
    assert not bench.permit


def test_opens_under_load_after_6_s():
    bench = charging()
    bench.withdraw()
    for _ in range(5):
        bench.run(1000)
        bench.renew()
    assert bench.permit
    assert bench.until(lambda: not bench.permit, 1000) >= 980


def test_no_pwm_for_6_s_after_x1():
    bench = charging()
    bench.withdraw()
    bench.run(100)
    bench.revoke()
    bench.offer(160)
    took_ms = 0
    while bench.told_da == 0:
        bench.run(20)
        took_ms += 20
        bench.core.heard()
    assert 5900 <= took_ms <= 5960


def test_short_opens_within_3_s():
    bench = charging()
    bench.run(5000)
    bench.renew()
    bench.ohm = 80  # A.4.9: 80 Ohm from CP to PE, without a diode
    bench.diode = False
    assert bench.until(lambda: not bench.permit, 500) >= 72
    assert bench.until(lambda: not bench.closed, 100) <= 100
    assert bench.faults & r.FAULT_PILOT_SHORT


def test_from_c_to_d_in_75_ms():
    bench = charging()
    bench.load = "D"
    assert bench.until(lambda: not bench.permit, 90) >= 72


def test_f_for_300_ms():
    bench = charging()
    bench.leak = True
    bench.until(lambda: bench.duty == 0, 4)
    assert bench.until(lambda: bench.duty == 10000, 340) >= 300
    bench.run(1000)
    assert bench.duty == 10000


def test_raises_each_5_s():
    bench = charging(60)
    bench.beat(5000)
    bench.offer(160)
    bench.run(8)
    assert bench.told_da == 160
    bench.offer(320)
    began = bench.now_ms
    while bench.told_da == 160:
        bench.renew(320)
        bench.run(20)
    assert 4980 <= bench.now_ms - began <= 5040


# --- proximity

def test_ratings_of_cables():
    for ohm, rating_a in ((1500, 13), (680, 20), (220, 32), (100, 63)):
        assert proximity.cable_a(ohm) == rating_a


def test_windows_of_cables():
    for low, high, rating_a in ((1000, 2199, 13), (330, 999, 20), (150, 329, 32), (75, 149, 63)):
        assert proximity.cable_a(low) == proximity.cable_a(high) == rating_a
    assert proximity.cable_a(74) == proximity.cable_a(2200) == proximity.cable_a(0) == -1


def test_windows_that_leave_gaps():
    # our windows hold all of IEC's, and rate each of them the same; below 60 is an error in both
    for low, high, rating_a in ((1100, 2199, 13), (400, 936, 20), (164, 308, 32), (80, 140, 63)):
        for ohm in range(low, high + 1):
            assert proximity.cable_a(ohm) == rating_a, ohm
    for ohm in range(60):
        assert proximity.cable_a(ohm) == -1


def test_open_proximity():
    assert proximity.cable_a(4500) == -1
    assert proximity.cable_a(4501) == proximity.cable_a(65535) == 0


# --- from other firmware

def test_heartbeat_of_5_s():
    bench = charging()  # 100 ms after the grant
    assert bench.until(lambda: bench.core.interlock.coasting, 4912) >= 4880


def test_terminals_at_71_c():
    for temperature_dc, permit in ((710, True), (711, False)):
        bench = charging()
        bench.inputs.temperature_dc = temperature_dc
        bench.run(100)
        assert bench.permit == permit


def test_terminals_at_62_c():
    for temperature_dc, cool in ((620, True), (621, False)):
        bench = Bench(step_ms=10)
        bench.inputs.temperature_dc = 720
        bench.run(100)
        bench.inputs.temperature_dc = temperature_dc
        bench.run(59900)
        assert bench.faults & r.FAULT_TEMPERATURE
        bench.run(200)
        assert (bench.faults & r.FAULT_TEMPERATURE == 0) == cool


def test_weld_after_1_s():
    bench = charging()
    bench.welded = True
    bench.revoke()
    bench.relay = False
    assert bench.until(lambda: bench.faults & r.FAULT_WELD, 1020) >= 1000
    bench.run(1000)
    assert bench.shunt_pulses == 1


def test_pulse_of_250_ms():
    bench = Bench()
    bench.until(lambda: bench.core.outputs.rcd_test, 100)
    assert 248 <= bench.until(lambda: not bench.core.outputs.rcd_test, 260) <= 256


def test_trip_within_1200_ms():
    for trip_ms, passes in ((60, True), (1180, True), (1300, False)):
        bench = Bench()
        bench.rcd_trip_ms = trip_ms
        bench.run(4000)
        assert bench.core.residual.ok == passes, trip_ms
        assert (bench.faults & r.FAULT_SELF_TEST == 0) == passes
