# The pure core: `step(now_ms, inputs) -> outputs`, and the commands that arrive between two steps.
# It knows no pins, reads no clock and allocates nothing; every timer counts by the time since the last
# step, so a wrap of the millisecond counter harms none.
#
# The order of a step is its latency: what was sampled is judged first (pilot, contactor, residual
# current, faults), then the latch, then the offer, so that PERMIT falls in the very step that sees why.
from answers import BAD_VALUE, OK
from commands import execute
from contactor import EVENT_CYCLE, EVENT_LOAD_BREAK, EVENT_SHUNT, EVENT_WELD, Contactor
from counts import Counts
from faults import Faults
from interlock import Interlock, conditions
from offer import Offer
from pilot import Pilot
from proximity import Proximity
from registers import (
    FAULT_BROWN_OUT,
    FAULT_EMERGENCY_STOP,
    FAULT_INTERLOCK_STUCK,
    FAULT_NOT_CLOSED,
    FAULT_RCD,
    FAULT_RELAY_STUCK,
    FAULT_SELF_TEST,
    FAULT_WELD,
    PILOT_A,
    PILOT_C,
    PILOT_D,
    PILOT_F,
)
from residual import Residual
from settings import MAX_DA, MIN_DA, Calibration, Settings

CONTACTOR_LATCHES = (FAULT_WELD, FAULT_INTERLOCK_STUCK, FAULT_RELAY_STUCK)
TICKS_MASK = 0x3FFFFFFF  # MicroPython's ticks wrap at 2**30 or at a multiple of it
SILENT_MAX_MS = 0xFFFFF  # more than the longest hold and the longest grant together


class Inputs:
    # One sample; the board layer fills the same object again and again. The zero values are a board
    # without a car, quiet and cool.

    def __init__(self):
        self.high_mv = 0  # plateaus of the control pilot, calibrated; without PWM both the steady level
        self.low_mv = 0
        self.low_worst_mv = 0  # highest low plateau among the whole PWM periods since the last step
        self.periods = 0  # how many those were; 0 without PWM
        self.high_raw_mv = 0  # before the calibration
        self.low_raw_mv = 0
        self.pp_ohm = 65535
        self.supply_mv = 12000
        self.temperature_dc = 250  # 0.1 deg C at the contactor's terminals; -32768: no sensor answers
        self.rcd_tripped = False  # now, or between the last step and this one
        self.mirror_closed = False
        self.request = False  # the Pi's relay feeds the coil
        self.stop_pressed = False


class Outputs:
    # Safe is the zero value: PERMIT off, X1, and nothing driven.

    def __init__(self):
        self.permit = False
        self.duty_permyriad = 10000  # 10000 is X1, 0 is F
        self.rcd_test = False  # drives the test input of the residual current module
        self.shunt = False  # drives the shunt trip


class Core:
    def __init__(self):
        self.settings = Settings()
        self.calibration = Calibration()  # the board layer applies it; kept here, so that desk finds it
        self.counts = Counts()
        self.pilot = Pilot()
        self.offer = Offer()
        self.interlock = Interlock()
        self.faults = Faults()
        self.proximity = Proximity()
        self.contactor = Contactor(self.settings)
        self.residual = Residual()
        self.inputs = Inputs()
        self.outputs = Outputs()
        self.refused_bits = 0
        self.cable_a = 0  # A; 0 not fitted or no plug, -1 no window holds the resistor
        self._last_ms = -1
        self._hold_ms = 0  # until X1, after a lost heartbeat
        self._silent_ms = 0  # since a request was heard

    def step(self, now_ms, inputs):
        # One turn: sample, decide. `now_ms` in ticks; returns the outputs to drive now.
        now_ms &= TICKS_MASK
        dt_ms = (now_ms - self._last_ms) & TICKS_MASK if self._last_ms >= 0 else 0
        self._last_ms = now_ms
        self.inputs = inputs
        self.counts.tick(dt_ms)
        pilot = self.pilot
        said = pilot.car_state
        pilot.step(dt_ms, inputs, self.outputs.duty_permyriad)
        self.cable_a = self.proximity.step(dt_ms, inputs.pp_ohm, pilot.state != PILOT_A)
        if pilot.state == PILOT_F and self.offer.waking and self.proximity.gone:
            pilot.unplugged = True  # the pilot cannot show it now; whoever is there afterwards is another
        self._watch_contactor(dt_ms, inputs)
        self._watch_residual(dt_ms, inputs, said > PILOT_A and pilot.state == PILOT_A)
        self.faults.step(dt_ms, inputs, pilot, self.cable_a, self.contactor.not_closed)
        self._silent_ms = min(self._silent_ms + dt_ms, SILENT_MAX_MS)
        self._settle(dt_ms)
        return self.outputs

    def heard(self):
        # A valid request of the controller for this board arrived.
        self._silent_ms = 0

    def command(self, command, sequence, current_da, ttl_ms):
        # Execute one write of the command block; the outputs are valid when it returns. Answers OK,
        # BAD_VALUE, or REFUSED with `refused_bits`.
        answer = execute(self, command, sequence, current_da, ttl_ms)
        if answer == OK:
            self.refused_bits = 0
            if not self.interlock.coasting:
                self.faults.heartbeat(False)
        self._settle(0)
        return answer

    def lower(self, current_da):
        # What a foreign tool may do: less, or the same. Neither grant nor heartbeat.
        if current_da > self.offer.asked_da or 0 < current_da < MIN_DA:
            return BAD_VALUE
        self.offer.lower(current_da)
        self._settle(0)
        return OK

    def turn_off(self):
        # What a foreign tool may do: PERMIT off and X1.
        self.interlock.clear()
        self.offer.ask(0)
        self._settle(0)
        return OK

    def acknowledge(self, seq):
        # See Faults.acknowledge; True if it cleared anything.
        cleared = self.faults.acknowledge(seq)
        for bit in CONTACTOR_LATCHES:
            if cleared & bit:
                self.contactor.clear(bit)
        return cleared != 0

    def standing(self):
        # REFUSED_* bits of the conditions that PERMIT needs at every moment, and that are missing now.
        residual = self.residual
        tested = residual.ok and not residual.running
        return conditions(self.pilot, self.settings.ventilation, self.faults.blocking, tested)

    # --- what was sampled

    def _watch_contactor(self, dt_ms, inputs):
        contactor = self.contactor
        faults = self.faults
        said = self.pilot.car_state  # before a fault showed it F
        asks = said == PILOT_C or said == PILOT_D
        fed = not (inputs.stop_pressed or faults.bits & (FAULT_EMERGENCY_STOP | FAULT_BROWN_OUT))
        contactor.step(dt_ms, inputs.request, self.interlock.permit, inputs.mirror_closed, asks, fed)
        if self.pilot.state == PILOT_A:
            contactor.clear(FAULT_NOT_CLOSED)
        open_now = not (inputs.mirror_closed or contactor.closed)
        faults.latch(FAULT_WELD, contactor.weld, open_now)
        faults.latch(FAULT_INTERLOCK_STUCK, contactor.interlock_stuck, open_now)
        faults.latch(FAULT_RELAY_STUCK, contactor.relay_stuck, open_now)
        events = contactor.events
        if events:
            self._count(events)

    def _count(self, events):
        counts = self.counts
        if events & EVENT_CYCLE:
            counts.cycle()
        if events & EVENT_LOAD_BREAK:
            counts.load_break()
        if events & EVENT_WELD:
            counts.weld()
        if events & EVENT_SHUNT:
            counts.shunt_trip()

    def _watch_residual(self, dt_ms, inputs, unplugged):
        residual = self.residual
        may_test = not (self.interlock.permit or inputs.request or inputs.mirror_closed)
        residual.step(dt_ms, inputs.rcd_tripped, may_test, unplugged)
        # one that chatters counts once, until someone has acknowledged it
        if self.faults.latch(FAULT_RCD, residual.tripped, not residual.tripped):
            self.counts.trip()
        self.faults.latch(FAULT_SELF_TEST, residual.failed, not residual.failed)

    # --- what follows

    def _settle(self, dt_ms):
        pilot = self.pilot
        offer = self.offer
        interlock = self.interlock
        blocking = self.faults.blocking
        standing = self.standing()
        self._watch_heartbeat(dt_ms, standing)
        offer.hold = self.residual.due or self.residual.running
        f_ms = self.settings.fault_f_ms
        offer.settle(dt_ms, pilot.state, pilot.car_state, self._ceiling_da(), blocking, f_ms)
        # once more without time: what the offer just did (X1) starts its own clock in the latch
        interlock.settle(0, standing, offer.told_da > 0)
        outputs = self.outputs
        outputs.permit = interlock.permit
        outputs.duty_permyriad = offer.duty_permyriad
        outputs.rcd_test = self.residual.test
        outputs.shunt = self.contactor.shunt

    def _watch_heartbeat(self, dt_ms, standing):
        offer = self.offer
        interlock = self.interlock
        settings = self.settings
        if interlock.settle(dt_ms, standing, offer.told_da > 0):
            self.faults.heartbeat(True)
            self._hold_ms = settings.hold_s * 1000
            # never more than now, than was granted, than the failsafe current
            offer.lower(min(offer.told_da, interlock.grant_da, settings.failsafe_da))
        elif interlock.coasting:
            self._hold_ms = max(0, self._hold_ms - dt_ms)
        if interlock.coasting and self._hold_ms == 0:
            offer.ask(0)
        if not interlock.permit and self._silent_ms >= settings.grant_ttl_ms:
            offer.lower(offer.told_da)  # what still waits would rise or start without a heartbeat
            if self._silent_ms >= settings.grant_ttl_ms + settings.hold_s * 1000:
                offer.ask(0)  # nobody is there who could ever grant

    def _ceiling_da(self):
        if self.cable_a < 0:
            return 0
        return self.cable_a * 10 if self.cable_a else MAX_DA
