# The pure core: `step(now_ms, inputs) -> outputs`, and the commands that arrive between two steps.
# It knows no pins, reads no clock and allocates nothing; every timer counts down by the time since the
# last step, so a wrap of the millisecond counter harms none.
from faults import Faults
from interlock import Interlock, newer
from offer import MAX_DA, MIN_DA, Offer
from pilot import Pilot, cable_a, duty_permyriad
from registers import (
    COMMAND_ACK,
    COMMAND_GRANT,
    COMMAND_OFFER,
    COMMAND_RENEW,
    COMMAND_REVOKE,
    COMMAND_WITHDRAW,
    PILOT_B,
    PILOT_C,
    PILOT_D,
    REFUSED_COASTING,
    REFUSED_FAULT,
    REFUSED_NO_CAR,
    REFUSED_NO_GRANT,
    REFUSED_SEQUENCE,
)

TICKS_MASK = 0x3FFFFFFF  # MicroPython's ticks wrap at 2**30 or at a multiple of it
TTL_MIN_MS = 100
TTL_MAX_MS = 10000
HOLD_MAX_S = 600

OK = 0
BAD_VALUE = 3
REFUSED = 4


class Inputs:
    # One sample. Plateaus in mV; the board layer fills the same object again and again.

    def __init__(self):
        self.high_mv = 0
        self.low_mv = 0
        self.pp_ohm = 65535
        self.supply_mv = 12000
        self.rcd_tripped = False
        self.mirror_closed = False
        self.stop_pressed = False


class Outputs:
    # Safe is the zero value: PERMIT off and X1.

    def __init__(self):
        self.permit = False
        self.duty_permyriad = 10000


class Core:
    def __init__(self):
        self.pilot = Pilot()
        self.offer = Offer()
        self.interlock = Interlock()
        self.faults = Faults()
        self.inputs = Inputs()
        self.outputs = Outputs()
        self.failsafe_da = 0  # 0: a lost heartbeat ends the offer
        self.hold_s = 60
        self.grant_ttl_ms = 5000
        self.refused_bits = 0
        self.cable_a = 0
        self._last_ms = -1
        self._hold_ms = 0
        self._silent_ms = 0

    # --- time

    def step(self, now_ms, inputs):
        # One turn: sample, decide. `now_ms` in ticks; returns the outputs to drive now.
        now_ms &= TICKS_MASK
        dt_ms = (now_ms - self._last_ms) & TICKS_MASK if self._last_ms >= 0 else 0
        self._last_ms = now_ms
        self.inputs = inputs
        self.cable_a = cable_a(inputs.pp_ohm)
        self.pilot.step(dt_ms, inputs.high_mv, inputs.low_mv, self.offer.told_da > 0)
        self.faults.step(dt_ms, inputs, self.pilot, self.interlock.permit, self.cable_a)
        self._silent_ms = min(self._silent_ms + dt_ms, 1000 * HOLD_MAX_S + TTL_MAX_MS)
        self._settle(dt_ms)
        return self.outputs

    def heard(self):
        # A valid request for this board arrived.
        self._silent_ms = 0

    def _settle(self, dt_ms):
        pilot = self.pilot
        if self.faults.blocking:
            self.offer.ask(0)
        self._watch_heartbeat(dt_ms)
        self.offer.settle(dt_ms, pilot.state, self._ceiling_da())
        # once more without time: what the offer just did (X1) starts its own clock in the latch
        self.interlock.settle(0, self._allowed(), self.offer.told_da > 0)
        self.outputs.permit = self.interlock.permit
        self.outputs.duty_permyriad = duty_permyriad(self.offer.told_da)

    def _watch_heartbeat(self, dt_ms):
        interlock = self.interlock
        if interlock.settle(dt_ms, self._allowed(), self.offer.told_da > 0):
            self.faults.heartbeat(True)
            self._hold_ms = self.hold_s * 1000
            # never more than now, than was granted, than the failsafe current
            self.offer.lower(min(self.offer.told_da, interlock.grant_da, self.failsafe_da))
        elif interlock.coasting:
            self._hold_ms = max(0, self._hold_ms - dt_ms)
        if interlock.coasting and self._hold_ms == 0:
            self.offer.ask(0)
        if not interlock.permit and self._silent_ms >= self.hold_s * 1000 + self.grant_ttl_ms:
            self.offer.ask(0)  # nobody is there who could ever grant

    def _allowed(self):
        return self.pilot.state == PILOT_C and self.pilot.diode_ok and not self.faults.blocking

    def _ceiling_da(self):
        if self.cable_a < 0:
            return 0
        return self.cable_a * 10 if self.cable_a else MAX_DA

    # --- commands; each answers OK, BAD_VALUE, or REFUSED with `refused_bits`

    def command(self, command, sequence, current_da, ttl_ms):
        # Execute one write of the command block; the outputs are valid when it returns.
        if command == COMMAND_OFFER:
            answer = self._offer(current_da)
        elif command == COMMAND_WITHDRAW:
            answer = self.withdraw()
        elif command == COMMAND_GRANT:
            answer = self._grant(sequence, current_da, ttl_ms)
        elif command == COMMAND_RENEW:
            answer = self._renew(sequence, current_da, ttl_ms)
        elif command == COMMAND_REVOKE:
            self.interlock.clear()
            answer = OK
        elif command == COMMAND_ACK:
            answer = OK if self.faults.acknowledge(sequence) else self._refuse(REFUSED_SEQUENCE)
        else:
            answer = BAD_VALUE
        if answer == OK:
            self.refused_bits = 0
            if not self.interlock.coasting:
                self.faults.heartbeat(False)
        self._settle(0)
        return answer

    def withdraw(self):
        self.offer.ask(0)
        return OK

    def lower(self, current_da):
        # What a foreign tool may do: less, or the same.
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

    def _offer(self, current_da):
        if not MIN_DA <= current_da <= MAX_DA:
            return BAD_VALUE
        if not PILOT_B <= self.pilot.state <= PILOT_D:
            return self._refuse(REFUSED_NO_CAR)
        if self.faults.blocking:
            return self._refuse(REFUSED_FAULT)
        if self.interlock.coasting and current_da > self.offer.told_da:
            return self._refuse(REFUSED_COASTING)
        self.offer.ask(current_da)
        return OK

    def _grant(self, sequence, current_da, ttl_ms):
        if not self._valid(current_da, ttl_ms):
            return BAD_VALUE
        interlock = self.interlock
        if interlock.permit and sequence == interlock.grant_seq:
            return OK  # the same write once more: its answer was lost
        bits = interlock.missing(sequence, self.pilot.state, self.offer.told_da > 0, self.pilot.diode_ok,
                                 self.faults.blocking, self.inputs.mirror_closed)
        if bits:
            return self._refuse(bits)
        interlock.grant(sequence, current_da, ttl_ms)
        self.offer.lower(current_da)
        return OK

    def _renew(self, sequence, current_da, ttl_ms):
        if not self._valid(current_da or MIN_DA, ttl_ms):  # 0: leave the current as it is
            return BAD_VALUE
        interlock = self.interlock
        if not interlock.permit:
            return self._refuse(REFUSED_NO_GRANT)
        if sequence == interlock.heartbeat_seq:
            return OK  # the same write once more: prolongs nothing
        if not newer(sequence, interlock.heartbeat_seq):
            return self._refuse(REFUSED_SEQUENCE)
        interlock.renew(sequence, current_da, ttl_ms)
        if current_da:
            self.offer.lower(current_da)
        return OK

    def _valid(self, current_da, ttl_ms):
        return MIN_DA <= current_da <= MAX_DA and TTL_MIN_MS <= ttl_ms <= self.grant_ttl_ms

    def _refuse(self, bits):
        self.refused_bits = bits
        return REFUSED

    # --- settings

    def set_failsafe_da(self, value):
        if value and not MIN_DA <= value <= MAX_DA:
            return BAD_VALUE
        self.failsafe_da = value
        return OK

    def set_hold_s(self, value):
        if value > HOLD_MAX_S:
            return BAD_VALUE
        self.hold_s = value
        return OK

    def set_grant_ttl_ms(self, value):
        if not TTL_MIN_MS <= value <= TTL_MAX_MS:
            return BAD_VALUE
        self.grant_ttl_ms = value
        return OK
