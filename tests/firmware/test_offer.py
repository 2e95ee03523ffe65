# When the duty may change, and what a fault shows the car.
from offer import Offer
from registers import PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F, PILOT_UNKNOWN

A, B, C, D, E, F = PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F
X1 = 10000
FAULT = 4


class Line:
    # An offer in turns of 4 ms; the car's state is what the pilot would say, with F while F is shown.
    def __init__(self, state=B, asked_da=0):
        self.offer = Offer()
        self.state = self.car_state = state
        self.ceiling_da = 800
        self.blocking = 0
        self.f_ms = 300
        self.turn()
        if asked_da:
            self.offer.ask(asked_da)
            self.turn()
            assert self.offer.told_da == asked_da

    def turn(self, dt_ms=4):
        if A <= self.state <= D:
            self.car_state = self.state
        state = F if self.offer.duty_permyriad == 0 else self.state
        self.offer.settle(dt_ms, state, self.car_state, self.ceiling_da, self.blocking, self.f_ms)
        return self.offer.duty_permyriad

    def run(self, ms):
        for _ in range(ms // 4):
            self.turn()
        return self.offer.duty_permyriad

    def lasts(self, duty, limit_ms=20000):
        # Milliseconds for which `duty` stays.
        spent_ms = 0
        while self.offer.duty_permyriad == duty:
            assert spent_ms < limit_ms, duty
            self.turn()
            spent_ms += 4
        return spent_ms


def test_an_offer_is_told_at_once_to_a_plugged_car():
    for state, duty in ((B, 2666), (C, 2666), (D, 2666), (A, X1), (E, X1), (F, X1),
                        (PILOT_UNKNOWN, X1)):
        line = Line(state)
        line.offer.ask(160)
        assert line.turn() == duty, state
        assert line.offer.told_da == (160 if duty != X1 else 0)


def test_an_offer_ends_with_its_car():
    for state in (A, E, F, PILOT_UNKNOWN):
        line = Line(B, 160)
        line.state = state
        assert line.turn() == X1
        line.state = B
        assert line.run(10000) == X1


def test_raises_come_at_most_every_5_s():
    # EVerest IEC_PWM_MAX_UPDATE_INTERVAL
    for turn_ms in (4, 10):
        line = Line(C, 100)
        changes = []
        now_ms = 0
        for asked_da in range(101, 400):
            line.offer.ask(asked_da)
            for _ in range(10):
                before = line.offer.told_da
                line.turn(turn_ms)
                now_ms += turn_ms
                if line.offer.told_da != before:
                    changes.append(now_ms)
        assert len(changes) >= 2
        assert changes[0] >= 5000
        for index in range(1, len(changes)):
            assert 5000 <= changes[index] - changes[index - 1] <= 5030


def test_lowering_is_at_once_and_restarts_the_5_s():
    line = Line(C, 320)
    line.run(4000)
    line.offer.ask(160)
    line.turn()
    assert line.offer.told_da == 160
    line.offer.ask(320)
    assert line.lasts(2666) >= 5000
    assert line.offer.told_da == 320


def test_x1_is_at_once():
    for state in (B, C, D):
        line = Line(state, 320)
        line.offer.ask(0)
        assert line.turn() == X1


def test_less_than_6_a_is_no_offer():
    line = Line(B)
    line.offer.ask(59)
    assert line.run(1000) == X1
    line = Line(C, 160)
    line.ceiling_da = 59
    assert line.turn() == X1


def test_the_cable_limits_the_offer():
    line = Line(B)
    line.ceiling_da = 130
    line.offer.ask(320)
    line.turn()
    assert line.offer.told_da == 130
    line.ceiling_da = 200
    line.run(4900)
    assert line.offer.told_da == 130
    line.run(200)
    assert line.offer.told_da == 200


def test_lower_never_raises():
    for asked_da, lower_da, expected_da in ((160, 320, 160), (160, 160, 160), (160, 100, 100),
                                            (160, 59, 0), (160, 0, 0), (0, 100, 0)):
        offer = Offer()
        offer.ask(asked_da)
        offer.lower(lower_da)
        assert offer.asked_da == expected_da, (asked_da, lower_da)


def test_after_x1_in_c_no_pwm_comes_back_before_6_s():
    # sequence 10.2: EVerest, Tinkerforge, SmartEVSE, esp32-evse
    for state in (C, D):
        line = Line(state, 160)
        line.offer.ask(0)
        line.turn()
        line.offer.ask(160)
        assert 6000 <= line.lasts(X1) <= 6030


def test_after_x1_pwm_comes_back_as_soon_as_the_car_is_in_b():
    line = Line(C, 160)
    line.offer.ask(0)
    line.run(1000)
    line.offer.ask(160)
    assert line.run(1000) == X1
    line.state = B
    assert line.turn() == 2666


def test_the_next_car_does_not_wait_for_the_last_one():
    line = Line(C, 160)
    line.offer.ask(0)
    line.turn()
    line.state = A
    line.run(100)
    line.state = C
    line.turn()
    line.offer.ask(160)
    assert line.turn() == 2666


def test_x1_in_b_may_end_at_once():
    line = Line(B, 160)
    line.offer.ask(0)
    line.turn()
    line.offer.ask(160)
    assert line.turn() == 2666


def test_pwm_waits_while_it_is_held():
    line = Line(B)
    line.offer.hold = True
    line.offer.ask(160)
    assert line.run(5000) == X1
    line.offer.hold = False
    assert line.turn() == 2666
    line.offer.hold = True
    line.offer.ask(100)
    assert line.run(100) == 1666  # what is told already may fall


# --- faults


def test_a_fault_from_c_or_d_shows_f_and_then_x1():
    # Table A.5, as EVerest's manifest has it: at least 300 ms
    for state in (C, D):
        for asked_da in (0, 160):
            for f_ms in (300, 10000):
                line = Line(state, asked_da)
                line.f_ms = f_ms
                line.blocking = FAULT
                assert line.turn() == 0
                assert line.offer.told_da == 0
                assert line.offer.shows_f
                assert f_ms <= line.lasts(0) <= f_ms + 24
                assert line.run(20000) == X1
                assert not line.offer.shows_f


def test_f_lasts_its_time_although_the_fault_is_gone():
    line = Line(C, 160)
    line.blocking = FAULT
    line.turn()
    line.blocking = 0
    assert 300 <= line.lasts(0) <= 324


def test_a_fault_from_b_goes_to_x1():
    for state in (A, B, PILOT_UNKNOWN):
        line = Line(state)
        line.offer.ask(160)
        line.turn()
        line.blocking = FAULT
        assert line.turn() == X1
        assert line.run(1000) == X1


def test_no_f_for_old_cars_that_lock_up():
    for state in (C, D):
        line = Line(state, 160)
        line.f_ms = 0
        line.blocking = FAULT
        assert line.turn() == X1
        assert line.run(1000) == X1


def test_a_short_is_a_fault_from_what_the_car_said_before():
    for said, duty in ((B, X1), (C, 0), (D, 0)):
        line = Line(said, 160)
        line.state = E
        line.blocking = FAULT
        assert line.turn() == duty


def test_another_fault_meanwhile_shows_f_no_longer():
    line = Line(C, 160)
    line.blocking = FAULT
    line.run(200)
    line.blocking = FAULT | 8
    assert line.lasts(0) <= 124
    line.blocking = 8
    assert line.run(1000) == X1


def test_the_next_fault_shows_f_again():
    line = Line(C, 160)
    for _ in range(3):
        line.blocking = FAULT
        assert line.turn() == 0
        line.run(400)
        line.blocking = 0
        assert line.run(1000) == X1


def test_no_offer_survives_a_fault():
    for state in (B, C):
        line = Line(state, 160)
        line.blocking = FAULT
        line.turn()
        line.blocking = 0
        assert line.run(400) in (0, X1)
        assert line.run(20000) == X1


def test_after_f_no_pwm_comes_before_b_or_6_s_of_x1():
    line = Line(C, 160)
    line.blocking = FAULT
    line.run(400)
    line.blocking = 0
    line.turn()
    line.offer.ask(160)
    assert 5900 <= line.lasts(X1) <= 6030
    line = Line(C, 160)
    line.blocking = FAULT
    line.run(400)
    line.blocking = 0
    line.state = B
    line.turn()
    line.offer.ask(160)
    assert line.turn() == 2666


# --- F for the bench


def test_f_for_a_measurement_ends_by_time_only():
    line = Line(A)
    line.offer.show_f(1000)
    assert line.offer.duty_permyriad == 0
    line.state = B  # nobody can see it
    assert 1000 <= line.lasts(0) <= 1024
    assert line.run(1000) == X1


def test_f_is_never_told_together_with_a_current():
    line = Line(B, 160)
    line.offer.show_f(1000)
    assert (line.offer.told_da, line.offer.duty_permyriad) == (0, 0)
    line.offer.ask(160)
    line.offer.settle(0, B, B, 800, 0, 300)  # the pilot has not seen it yet
    assert (line.offer.told_da, line.offer.duty_permyriad) == (0, 0)
    for _ in range(250):
        line.turn()
        assert line.offer.told_da == 0
        assert line.offer.duty_permyriad == 0
