"""States, debounce, diode check, duty and proximity, against the figures of the public sources."""

import pytest

NAMES = "?ABCDEF"


@pytest.mark.parametrize(("high_mv", "state"), [
    # nominal, and the windows of SAE J1772 as published in florianuhlemann/J1772.h
    (12000, "A"), (11400, "A"), (12600, "A"), (9000, "B"), (8360, "B"), (9560, "B"),
    (6000, "C"), (5480, "C"), (6490, "C"), (3000, "D"), (2620, "D"), (3250, "D"),
    (0, "E"), (-1000, "E"), (-9000, "E"), (-12000, "F"), (-11400, "F"), (-12600, "F")])
def test_high_plateau_names_the_state(fw, high_mv, state):
    assert NAMES[fw.pilot.classify(high_mv, 0)] == state


@pytest.mark.parametrize("border_mv", [10500, 7500, 4500, 1500])
def test_a_reading_near_a_border_stays_where_it_was(fw, border_mv):
    above = fw.pilot.classify(border_mv + 300, 0)
    below = fw.pilot.classify(border_mv - 300, 0)
    assert below == above + 1
    for reading in (border_mv - 200, border_mv + 200):
        assert fw.pilot.classify(reading, above) == above
        assert fw.pilot.classify(reading, below) == below


@pytest.mark.parametrize(("current_da", "permyriad"), [
    (0, 10000), (59, 10000), (60, 1000), (160, 2666), (320, 5333), (510, 8500), (515, 8500),
    (630, 8920), (800, 9600), (900, 9600)])
def test_duty_tells_the_current(fw, current_da, permyriad):
    assert fw.pilot.duty_permyriad(current_da) == permyriad


def test_a_car_never_reads_more_than_was_meant(fw):
    for current_da in range(60, 801):
        percent = fw.pilot.duty_permyriad(current_da) / 100
        read_a = percent * 0.6 if percent <= 85 else (percent - 64) * 2.5  # OpenEVSE J1772Pilot.cpp
        assert current_da / 10 - 1.6 < read_a <= current_da / 10 + 1e-9


@pytest.mark.parametrize(("ohm", "rating_a"), [
    (1500, 13), (680, 20), (220, 32), (100, 63), (65535, 0), (10, -1), (3000, -1)])
def test_proximity_resistor_names_the_cable(fw, ohm, rating_a):
    assert fw.pilot.cable_a(ohm) == rating_a


@pytest.mark.parametrize(("before", "after", "settle_ms"), [
    ("B", "A", 25), ("C", "A", 25), ("A", "B", 50), ("C", "B", 50), ("B", "C", 500), ("A", "C", 500),
    ("B", "E", 75), ("C", "E", 75), ("C", "D", 75)])
def test_a_state_counts_once_it_has_stood(bench, before, after, settle_ms):
    bench.load = before
    bench.run(1000)
    assert bench.state == before
    bench.load = after
    bench.run(settle_ms)
    assert bench.state == before
    bench.run(12)  # one sample late, one loop more
    assert bench.state == after


def test_seeing_c_for_a_moment_is_no_request(bench):
    bench.load = "B"
    bench.run(200)
    for _ in range(20):
        bench.load = "C"
        bench.run(248)
        assert bench.state == "B"
        bench.load = "B"
        bench.run(8)


def test_a_car_that_flickers_between_a_and_b_asks_for_nothing(bench):
    bench.charge()
    for _ in range(4):
        bench.load = "B"
        bench.run(20)
        bench.load = "A"
        bench.run(20)
    assert not bench.permit


def test_plugging_in_is_counted_and_a_reset_is_not_a_plug(bench):
    bench.load = "B"
    bench.run(100)
    assert bench.core.pilot.plug_seq == 0
    for count, load in enumerate(("B", "C"), start=1):
        bench.load = "A"
        bench.run(100)
        bench.load = load
        bench.run(600)
        assert bench.core.pilot.plug_seq == count
    for load in ("B", "E", "B", "C"):
        bench.load = load
        bench.run(600)
    assert bench.core.pilot.plug_seq == 2


def test_diode_is_seen_after_twenty_periods_of_pwm_and_not_before(bench):
    bench.load = "B"
    bench.run(200)
    assert not bench.core.pilot.diode_ok
    bench.offer(160)
    bench.run(19 * bench.step_ms)
    assert not bench.core.pilot.diode_ok
    bench.run(bench.step_ms)
    assert bench.core.pilot.diode_ok


@pytest.mark.parametrize(("load", "kept"), [("A", False), ("E", False), ("B", True), ("D", True)])
def test_a_passed_diode_check_dies_with_the_plug(bench, load, kept):
    bench.charge()
    bench.load = load
    bench.run(100)
    assert bench.core.pilot.diode_ok is kept


def test_a_resistor_without_diode_is_a_fault_until_unplugged(bench):
    bench.load = "A"
    bench.run(100)
    bench.load, bench.diode = "B", False
    bench.run(100)
    bench.offer(160)
    bench.run(200)
    assert bench.faults == bench.r.FAULT_DIODE
    assert bench.duty == 10000
    bench.load = "A"
    bench.run(100)
    assert bench.faults == 0
