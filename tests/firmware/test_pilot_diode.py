# The car's diode; and a turn that allocates nothing. Runs in MicroPython too.
import gc

from pilot_bay import MV, NAMES, PWM, A, B, Bay, C, D, E, Inputs, charging
from registers import PILOT_F

# --- the diode

def feed(pilot, periods, low_worst_mv, low_mv=-12000, high_mv=9000, duty=PWM):
    inputs = Inputs()
    inputs.high_mv = high_mv
    inputs.low_mv = low_mv
    inputs.low_worst_mv = low_worst_mv
    inputs.periods = periods
    pilot.step(4, inputs, duty)
    return pilot.diode_ok


def plugged():
    # A pilot in B under PWM, one turn after it started; no period counts yet.
    bay = Bay(A).show(B, 100)
    feed(bay.pilot, 3, -12000)
    assert not bay.pilot.diode_ok
    return bay.pilot


def test_diode_is_seen_after_twenty_consecutive_periods_and_not_before():
    for step in (1, 2, 4, 5, 10):
        pilot = plugged()
        for _ in range(20 // step - 1):
            assert not feed(pilot, step, -12000)
        assert not feed(pilot, step - 1, -12000)
        assert feed(pilot, 1, -12000)


def test_one_bad_period_starts_the_count_anew():
    pilot = plugged()
    for _ in range(50):
        assert not feed(pilot, 19, -12000)
        assert not feed(pilot, 4, -9999)  # of 4 periods one was bad
    assert not pilot.diode_fault
    feed(pilot, 20, -12000)
    assert pilot.diode_ok


def test_single_bad_periods_are_no_missing_diode():
    pilot = plugged()
    for _ in range(100):
        feed(pilot, 10, -9000)
    assert not pilot.diode_fault
    feed(pilot, 20, -12000)
    for _ in range(100):
        assert feed(pilot, 10, -9000)
    assert not pilot.diode_fault


def test_periods_that_nobody_looked_at_are_not_consecutive():
    pilot = plugged()
    assert not feed(pilot, 19, -12000)
    assert not feed(pilot, 4, -12000, duty=PWM - 10)
    assert not feed(pilot, 19, -12000, duty=PWM - 10)
    assert feed(pilot, 1, -12000, duty=PWM - 10)


def test_diode_border_is_minus_10_volt():
    # Tinkerforge: low side above -10 V
    for low_mv, seen in ((-9000, False), (-10000, False), (-10001, True), (-12000, True)):
        pilot = plugged()
        feed(pilot, 20, low_mv, low_mv)
        assert pilot.diode_ok == seen, low_mv


def test_a_passed_diode_check_dies_with_the_plug():
    for load, kept in ((A, False), (E, False), (PILOT_F, False), (B, True), (D, True)):
        bay = charging().show(load, 100)
        assert bay.pilot.diode_ok == kept, NAMES[load]
    bay = charging()
    bay.duty = 0
    bay.turn()
    assert not bay.pilot.diode_ok


def test_periods_before_a_or_e_prove_nothing_after_it():
    for load in (A, E, PILOT_F):
        pilot = plugged()
        feed(pilot, 19, -12000)
        feed(pilot, 1, -12000, high_mv=MV[load])
        assert not feed(pilot, 19, -12000), NAMES[load]
        assert feed(pilot, 1, -12000), NAMES[load]


def test_no_pwm_proves_no_diode():
    bay = Bay(B).show(B, 10000)
    assert not bay.pilot.diode_ok
    assert not bay.pilot.diode_fault


def test_a_resistor_without_diode_is_a_fault_until_unplugged():
    # Tinkerforge: 100 ticks
    for load in (B, C, D):
        bay = Bay(A)
        bay.diode = False
        bay.show(B, 100)
        bay.duty = PWM
        bay.show(load, 96)
        assert not bay.pilot.diode_fault
        bay.run(800)
        assert bay.pilot.diode_fault
        assert not bay.pilot.diode_ok
        bay.diode = True
        bay.run(1000)
        assert bay.pilot.diode_fault
        assert not bay.pilot.diode_ok
        bay.show(A, 40)
        assert not bay.pilot.diode_fault


def test_a_diode_that_fails_while_charging_is_a_fault():
    bay = charging()
    bay.diode = False
    bay.run(96)
    assert not bay.pilot.diode_fault
    bay.run(8)
    assert bay.pilot.diode_fault
    assert not bay.pilot.diode_ok


# --- the steady state

def test_a_turn_allocates_nothing():
    if not hasattr(gc, "mem_alloc"):
        return  # CPython counts no bytes
    bay = charging()
    turn, inputs = bay.pilot.step, bay.inputs
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(500):
        turn(4, inputs, PWM)
    used = gc.mem_alloc() - before
    gc.enable()
    assert used < 500, used  # the loop's own iterator
