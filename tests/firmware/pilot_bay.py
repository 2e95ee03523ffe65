# A pilot with a car, turn by turn, for the tests of firmware/pilot.py.
from pilot import Pilot
from registers import PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F

A, B, C, D, E = PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E
X1 = 10000
PWM = 2666  # 16 A
MV = {A: 12000, B: 9000, C: 6000, D: 3000, E: 0, PILOT_F: -12000}
NAMES = "?ABCDEF"


class Inputs:
    # The four that the pilot reads.
    def __init__(self):
        self.high_mv = self.low_mv = self.low_worst_mv = 12000
        self.periods = 0


class Bay:
    # A pilot and what is plugged into it, in virtual time; `lag_ms`: age of the newest whole period.
    def __init__(self, load=None, duty=X1, turn_ms=4):
        self.pilot = Pilot()
        self.inputs = Inputs()
        self.turn_ms = turn_ms
        self.duty = duty
        self.diode = True
        if load is not None:
            self.load = load
            self.run(700)
            assert self.pilot.state == load

    def turn(self, dt_ms=0):
        dt_ms = dt_ms or self.turn_ms
        high = MV[self.load]
        pwm = 0 < self.duty < X1
        low = high
        if pwm and self.load != E:
            low = -12000 if self.diode or self.load == A else -high
        if self.duty == 0:
            high = low = -12000 if self.load != E else 0
        self.inputs.high_mv = high
        self.inputs.low_mv = self.inputs.low_worst_mv = low
        self.inputs.periods = dt_ms if pwm else 0
        self.pilot.step(dt_ms, self.inputs, self.duty)

    def run(self, ms):
        for _ in range(ms // self.turn_ms):
            self.turn()

    def show(self, load, ms):
        self.load = load
        self.run(ms)
        return self

    def until(self, state, limit_ms):
        # Milliseconds until `state`; fails after `limit_ms`.
        spent = 0
        while self.pilot.state != state:
            assert spent < limit_ms, (NAMES[state], limit_ms)
            self.turn()
            spent += self.turn_ms
        return spent


def charging(turn_ms=4):
    bay = Bay(A, turn_ms=turn_ms)
    bay.show(B, 200)
    bay.duty = PWM
    bay.show(B, 200).show(C, 700)
    assert bay.pilot.state == C and bay.pilot.diode_ok and not bay.pilot.dark
    return bay
