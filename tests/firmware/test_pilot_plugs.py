# A pilot that flickers, and plugs that come and go. Runs in MicroPython too.
from pilot import Pilot
from pilot_bay import MV, NAMES, PWM, A, B, Bay, C, D, E, Inputs, charging
from registers import PILOT_F

# --- flicker

def test_a_car_that_flickers_between_a_and_b_asks_for_nothing_and_stays_plugged_in():
    for turn_ms in (4, 10):
        for first, then in ((A, B), (B, A)):
            bay = charging(turn_ms)
            seq = bay.pilot.plug_seq
            spent_ms = 0
            while bay.pilot.state == C and spent_ms < 200:
                bay.show(first if spent_ms % 40 < 20 else then, turn_ms)
                spent_ms += turn_ms
            assert spent_ms <= 60
            assert bay.pilot.state == B
            bay.show(B, 100)
            assert bay.pilot.plug_seq == seq


def test_a_car_that_flickers_between_b_and_d_has_left_c_for_b():
    bay = charging()
    bay.show(B, 40).show(D, 40)
    assert bay.pilot.state == B


def test_a_short_that_flickers_leaves_c_within_75_ms_as_a_fault_from_c():
    for other in (A, B, PILOT_F):
        for turn_ms in (4, 10):
            bay = charging(turn_ms)
            spent_ms = 0
            while bay.pilot.state == C and spent_ms < 200:
                bay.show(other if spent_ms % 20 < 10 else E, turn_ms)
                spent_ms += turn_ms
            assert spent_ms <= 85, NAMES[other]


def test_an_edge_that_passes_d_on_its_way_to_e_is_still_a_fault_from_c():
    bay = charging()
    bay.show(D, 4).show(E, 84)
    assert bay.pilot.state == E
    assert bay.pilot.car_state == C


def test_d_that_falls_back_to_c_still_asks_and_never_grants_sooner():
    bay = Bay(D, PWM)
    bay.load = C
    for _ in range(496 // 4):
        bay.turn()
        assert bay.pilot.state == D
    bay.run(12)
    assert bay.pilot.state == C


def test_a_short_b_after_c_does_not_end_d():
    bay = Bay(D, PWM).show(C, 300).show(B, 8).show(C, 300)
    assert bay.pilot.state == D


def test_d_is_left_like_c():
    for after, limit_ms in ((A, 40), (B, 60), (E, 85)):
        for turn_ms in (4, 10):
            bay = Bay(D, PWM, turn_ms)
            bay.load = after
            assert bay.until(after, limit_ms) <= limit_ms


def test_random_readings_never_break_the_two_promises():
    # For a multiplier and modulus known from many C libraries (ANSI C's rand).
    seed = 1
    pilot = Pilot()
    inputs = Inputs()
    inputs.low_mv = inputs.low_worst_mv = -12000
    now_ms = 0
    idle_from = other_from = same_from = 0  # first reading of a run of A and B; not C or D; the same
    load = A
    for _ in range(20000):
        seed = (seed * 1103515 + 12345) & 0x3FFFFFFF
        before, last = load, pilot.state
        if seed >> 12 & 31 < (1 if seed >> 28 else 9):  # short runs and long ones
            load = 1 + (seed >> 17) % 6
        dt_ms = 10 if seed >> 22 & 15 == 0 else 4
        now_ms += dt_ms
        inputs.high_mv = MV[load] + (seed >> 7) % 601 - 300
        inputs.periods = dt_ms
        if load != before:
            same_from = now_ms
        if load > B:
            idle_from = now_ms + 1
        elif before > B:
            idle_from = now_ms
        if load in (C, D):
            other_from = now_ms + 1
        elif before in (C, D):
            other_from = now_ms
        pilot.step(dt_ms, inputs, PWM)
        if pilot.state in (C, D):
            assert now_ms - idle_from < 50
            assert now_ms - other_from < 75
            if last not in (C, D):
                assert now_ms - same_from >= 500
                assert load == pilot.state
    assert now_ms < 0x3FFFFFFF


# --- plugs

def test_plugging_in_is_counted_and_a_reset_is_not_a_plug():
    for count, load in ((1, B), (2, C), (3, D)):
        bay = Bay(B)
        assert bay.pilot.plug_seq == 0
        for _ in range(count):
            bay.show(A, 100).show(load, 600)
        assert bay.pilot.plug_seq == count


def test_nothing_but_a_is_an_unplugged_car():
    bay = Bay(A).show(B, 100)
    for load in (B, E, B, C, PILOT_F, C, D, B):
        bay.show(load, 600)
    assert bay.pilot.plug_seq == 1


def test_plugs_are_counted_around_the_end_of_16_bits():
    bay = Bay(A)
    bay.pilot.plug_seq = 0xFFFF
    bay.show(B, 100)
    assert bay.pilot.plug_seq == 0
