"""Contactor and car: in virtual time, so that milliseconds may be asserted."""

import pytest

from hil_tests.virtual.physics import (
    RESISTOR_B_OHM,
    RESISTOR_C_OHM,
    Car,
    Contactor,
    current_of_duty_a,
)

TICK_S = 0.005


@pytest.mark.parametrize(("duty", "amperes"), [
    (None, None), (0.0, None), (1.0, None), (0.05, None), (0.08, 6.0), (0.095, 6.0), (0.10, 6.0),
    (0.267, 16.02), (0.5333, 31.998), (0.85, 51.0), (0.892, 63.0), (0.96, 80.0), (0.965, 80.0),
    (0.975, None)])
def test_a_car_reads_the_duty_as_the_norm_says(duty, amperes):
    assert current_of_duty_a(duty) == (None if amperes is None else pytest.approx(amperes))


def drive(contactor, coil, start_s, for_s):
    """Step for a while; the moments at which the contacts moved."""
    steps = round(for_s / TICK_S)
    return [round(now, 6) for i in range(steps + 1)
            if contactor.step(now := start_s + i * TICK_S, coil)]


def test_contacts_follow_the_coil_after_their_own_time():
    contactor = Contactor()
    assert drive(contactor, True, 0.0, 0.1) == [0.02]
    assert drive(contactor, False, 1.0, 0.1) == [1.015]
    assert not contactor.closed


def test_a_pulse_shorter_than_the_pull_in_moves_nothing():
    contactor = Contactor()
    assert drive(contactor, True, 0.0, 0.01) == []
    assert drive(contactor, False, 0.015, 0.1) == []


def test_welded_contacts_stay_closed_until_repaired():
    contactor = Contactor()
    drive(contactor, True, 0.0, 0.1)
    assert not contactor.weld()
    assert drive(contactor, False, 1.0, 0.5) == []
    assert contactor.closed
    assert contactor.repair()
    assert not contactor.closed


def test_a_contactor_stuck_open_does_not_close():
    contactor = Contactor(stuck_open=True)
    assert drive(contactor, True, 0.0, 0.5) == []
    assert not contactor.closed


def test_an_unplugged_pilot_is_open():
    assert Car().load() == (None, True)


def play(car, start_s, for_s, duty, *, supplied):
    """Step for a while; the load as (time, ohms) whenever it changed, and the highest current."""
    seen, most = [], 0.0
    for i in range(round(for_s / TICK_S) + 1):
        now_s = start_s + i * TICK_S
        car.step(now_s, duty, supplied)
        most = max(most, car.current_a)
        if not seen or seen[-1][1] != car.load()[0]:
            seen.append((round(now_s, 6), car.load()[0]))
    return seen, most


def test_a_car_asks_for_energy_some_time_after_the_pwm_began():
    car = Car(ask_after_s=0.5)
    car.plug()
    assert play(car, 0.0, 2.0, 1.0, supplied=False)[0] == [(0.0, RESISTOR_B_OHM)]
    assert play(car, 2.005, 1.0, 0.267, supplied=False)[0] == [
        (2.005, RESISTOR_B_OHM), (2.505, RESISTOR_C_OHM)]


@pytest.mark.parametrize(("duty", "max_a", "expected_a"), [
    (0.267, 32.0, 16.02), (0.5333, 16.0, 16.0), (0.10, 16.0, 6.0)])
def test_a_car_takes_the_lower_of_offer_and_own_limit(duty, max_a, expected_a):
    car = Car(max_a=max_a, ask_after_s=0.0)
    car.plug()
    play(car, 0.0, 3.0, duty, supplied=True)
    assert car.current_a == pytest.approx(expected_a)


def test_no_current_without_voltage():
    car = Car(ask_after_s=0.0)
    car.plug()
    assert play(car, 0.0, 3.0, 0.267, supplied=False)[1] == 0.0


def test_a_car_stops_its_current_before_it_opens_s2():
    car = Car(max_a=16, ask_after_s=0.0, x1_open_s=1.0, ramp_a_per_s=40)
    car.plug()
    play(car, 0.0, 2.0, 0.267, supplied=True)
    loads, _ = play(car, 2.005, 0.5, 1.0, supplied=True)
    assert loads == [(2.005, RESISTOR_C_OHM)]
    assert car.current_a == 0.0
    loads, _ = play(car, 2.51, 2.0, 1.0, supplied=True)
    assert loads == [(2.51, RESISTOR_C_OHM), (3.005, RESISTOR_B_OHM)]


def test_a_stubborn_car_ignores_the_end_of_the_pwm():
    car = Car(max_a=16, ask_after_s=0.0, stubborn=True)
    car.plug()
    play(car, 0.0, 2.0, 0.267, supplied=True)
    loads, _ = play(car, 2.005, 10.0, 1.0, supplied=True)
    assert loads == [(2.005, RESISTOR_C_OHM)]
    assert car.current_a == pytest.approx(16.0)


def test_a_full_car_opens_s2_and_takes_nothing():
    car = Car(ask_after_s=0.0, x1_open_s=0.5)
    car.plug()
    play(car, 0.0, 2.0, 0.267, supplied=True)
    car.full = True
    play(car, 2.005, 2.0, 0.267, supplied=True)
    assert car.load() == (RESISTOR_B_OHM, True)
    assert car.current_a == 0.0


def test_unplugging_ends_the_current_at_once_and_removes_an_override():
    car = Car(ask_after_s=0.0)
    car.plug()
    play(car, 0.0, 2.0, 0.267, supplied=True)
    car.override = (246, False)
    assert car.load() == (246, False)
    car.unplug()
    assert (car.load(), car.current_a) == ((None, True), 0.0)


def test_a_dark_car_asks_before_it_is_offered_anything():
    car = Car(ask_after_s=0.5, dark=True)
    car.plug()
    assert play(car, 0.0, 2.0, 1.0, supplied=False)[0] == [(0.0, RESISTOR_B_OHM), (0.5, RESISTOR_C_OHM)]


@pytest.mark.parametrize("interruption", [0.0, None])
def test_a_car_that_sleeps_asks_only_after_the_pilot_was_gone(interruption):
    car = Car(ask_after_s=0.0, asleep=True)
    car.plug()
    assert play(car, 0.0, 60.0, 0.267, supplied=False)[0] == [(0.0, RESISTOR_B_OHM)]
    assert play(car, 60.1, 60.0, 1.0, supplied=False)[0] == [(60.1, RESISTOR_B_OHM)], "X1 wakes nobody"
    play(car, 120.2, 4.0, interruption, supplied=False)
    assert not car.s2
    assert play(car, 124.3, 1.0, 0.267, supplied=False)[0] == [(124.3, RESISTOR_C_OHM)]


def test_a_car_that_overdraws_takes_more_than_its_offer_but_no_more_than_it_can():
    car = Car(max_a=20, ask_after_s=0.0, overdraw_a=3)
    car.plug()
    play(car, 0.0, 3.0, 0.267, supplied=True)
    assert car.current_a == pytest.approx(19.02)
    play(car, 3.0, 3.0, 0.30, supplied=True)
    assert car.current_a == pytest.approx(20)
