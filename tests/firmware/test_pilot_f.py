# E, F, the F that the board itself shows, and cars that arrive dark. Runs in MicroPython too.
from pilot_bay import NAMES, PWM, X1, A, B, Bay, C, D, E, charging
from registers import PILOT_F, PILOT_UNKNOWN

# --- E, F, and F that the board itself shows

def test_what_the_car_said_before_e_or_f_is_kept():
    for load in (B, C, D):
        for fault in (E, PILOT_F):
            bay = Bay(load).show(fault, 200)
            assert (bay.pilot.state, bay.pilot.car_state) == (fault, load)
    bay = Bay(C).show(B, 100).show(E, 100)
    assert bay.pilot.car_state == B


def test_f_that_the_board_does_not_show_is_its_drivers_fault():
    bay = Bay(C).show(PILOT_F, 200)
    assert bay.pilot.held_low
    assert not bay.show(C, 700).pilot.held_low
    bay.duty = 0
    assert not bay.show(C, 400).pilot.held_low
    bay.duty = X1
    bay.show(PILOT_F, 60)
    assert not bay.pilot.held_low
    bay.run(40)
    assert bay.pilot.held_low


def test_our_own_f_decides_nothing():
    for before in (A, B, C, D):
        for meanwhile in (A, B, C, D, E):
            bay = Bay(A).show(before, 600)
            seq = bay.pilot.plug_seq
            bay.duty = 0
            bay.show(meanwhile, 10000)
            pilot = bay.pilot
            assert (pilot.state, pilot.car_state) == (PILOT_F, before)
            assert (pilot.plug_seq, pilot.diode_ok, pilot.diode_fault) == (seq, False, False)
            bay.duty = X1
            bay.show(before, 20)
            assert pilot.state == PILOT_F


def test_after_our_own_f_everything_is_debounced_anew():
    for load, settle_ms in ((A, 25), (B, 50), (C, 500), (D, 500), (E, 75)):
        bay = charging()
        bay.duty = 0
        bay.show(load, 320)
        bay.duty = X1
        took_ms = bay.until(load, settle_ms + 12)
        assert took_ms >= settle_ms - 2, NAMES[load]
        assert not bay.pilot.diode_ok


def test_a_car_that_is_unplugged_after_f_is_another_plug():
    bay = Bay(A).show(B, 100)
    bay.duty = 0
    bay.show(A, 320)
    bay.duty = X1
    bay.show(A, 60).show(B, 100)
    assert bay.pilot.plug_seq == 2


def test_a_car_that_was_plugged_in_under_f_is_counted():
    bay = Bay(A)
    bay.duty = 0
    bay.show(B, 1000)
    assert bay.pilot.plug_seq == 0
    bay.duty = X1
    bay.show(B, 100)
    assert bay.pilot.plug_seq == 1


def test_pwm_without_one_whole_period_is_no_reading():
    bay = charging()
    spent_ms = 0
    while bay.pilot.state == C and spent_ms < 200:
        bay.inputs.periods = 0
        bay.pilot.step(4, bay.inputs, PWM)
        spent_ms += 4
    assert 40 <= spent_ms <= 60
    assert bay.pilot.state == PILOT_UNKNOWN
    assert not bay.pilot.diode_ok
    assert bay.pilot.car_state == C
    bay.run(496)
    assert bay.pilot.state == PILOT_UNKNOWN
    bay.run(12)
    assert bay.pilot.state == C


# --- arriving dark

def test_a_car_that_comes_without_pwm_is_dark_until_b_or_a():
    for load in (C, D):
        for before in (None, A, B):
            bay = Bay() if before is None else Bay(before)
            bay.show(load, 600)
            assert bay.pilot.dark
            bay.duty = PWM
            bay.show(C, 10000).show(D, 600).show(load, 600)
            assert bay.pilot.dark
            bay.show(B, 100)
            assert not bay.pilot.dark
            bay.show(load, 600)
            assert not bay.pilot.dark
    assert not Bay(C).show(A, 100).pilot.dark


def test_a_car_that_was_there_before_pwm_is_dark_though_it_counts_only_after():
    bay = Bay(B).show(C, 400)
    bay.duty = PWM
    bay.show(C, 300)
    assert (bay.pilot.state, bay.pilot.dark) == (C, True)


def test_one_reading_of_b_does_not_light_a_dark_car():
    bay = Bay(B).show(C, 400)
    bay.duty = PWM
    bay.show(C, 8).show(B, 4).show(C, 600)
    assert (bay.pilot.state, bay.pilot.dark) == (C, True)


def test_a_car_that_waits_for_pwm_is_not_dark():
    bay = Bay(B)
    bay.duty = PWM
    bay.show(B, 4).show(C, 600)
    assert (bay.pilot.state, bay.pilot.dark) == (C, False)


def test_x1_under_a_charging_car_does_not_make_it_dark():
    bay = charging()
    bay.duty = X1
    bay.run(7000)
    assert (bay.pilot.state, bay.pilot.dark) == (C, False)
    bay.show(D, 200)
    assert (bay.pilot.state, bay.pilot.dark) == (D, False)


def test_after_e_or_our_own_f_a_car_in_c_is_dark():
    bay = charging()
    bay.show(E, 200)
    bay.duty = X1
    bay.show(C, 700)
    assert (bay.pilot.state, bay.pilot.dark) == (C, True)
    bay = charging()
    bay.duty = 0
    bay.show(C, 320)
    bay.duty = X1
    bay.show(C, 700)
    assert (bay.pilot.state, bay.pilot.dark) == (C, True)


def test_our_own_f_says_nothing_about_dark():
    bay = Bay(C)
    assert bay.pilot.dark
    bay.duty = 0
    bay.turn()
    assert not bay.pilot.dark
