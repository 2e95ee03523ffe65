# What is wrong, as the bits of FAULT_BITS: latched, or for as long as it lasts. Pure.
from registers import (
    FAULT_BROWN_OUT,
    FAULT_DIODE,
    FAULT_EMERGENCY_STOP,
    FAULT_HEARTBEAT,
    FAULT_MIRROR,
    FAULT_PILOT_SHORT,
    FAULT_PROXIMITY,
    FAULT_RCD,
    PILOT_A,
    PILOT_B,
    PILOT_D,
    PILOT_E,
)

BLOCKING = 0xFFFF & ~FAULT_HEARTBEAT  # what takes power away; a lost heartbeat has its own rules

MIRROR_MS = 1000  # closed for longer than any drop-out time since PERMIT went off (OpenEVSE: 1 s)
SUPPLY_LOW_MV = 10500  # our own choice: a 12 V coil must hold down to 85 % (IEC 60947-4-1, from memory)
SUPPLY_GOOD_MV = 10800
SUPPLY_GOOD_MS = 1000
PP_BAD_MS = 100  # a plug that slides in passes through every resistance


class Faults:
    def __init__(self):
        self.bits = 0
        self.seq = 0  # +1 at each latched fault
        self.ack_seq = 0
        self._mirror_ms = 0
        self._supply_ms = 0
        self._pp_ms = 0
        self._rcd_tripped = False

    @property
    def blocking(self):
        return self.bits & BLOCKING

    def heartbeat(self, lost):
        self._set(FAULT_HEARTBEAT, lost)

    def acknowledge(self, seq):
        # Clears latched faults. False: not the number of what stands, or its cause stands still.
        if seq != self.seq or self._rcd_tripped:
            return False
        self.ack_seq = seq
        self.bits &= ~FAULT_RCD
        return True

    def step(self, dt_ms, inputs, pilot, permit, cable_a):
        self._rcd_tripped = inputs.rcd_tripped
        if inputs.rcd_tripped and not self.bits & FAULT_RCD:
            self.bits |= FAULT_RCD
            self.seq = (self.seq + 1) & 0xFFFF
        self._set(FAULT_DIODE, pilot.diode_fault)
        if pilot.state == PILOT_E:
            self.bits |= FAULT_PILOT_SHORT
        elif pilot.state == PILOT_A or pilot.state == PILOT_B:
            self.bits &= ~FAULT_PILOT_SHORT
        self._set(FAULT_EMERGENCY_STOP, inputs.stop_pressed)
        self._check_mirror(dt_ms, inputs.mirror_closed, permit)
        self._check_supply(dt_ms, inputs.supply_mv)
        plugged = PILOT_B <= pilot.state <= PILOT_D
        self._pp_ms = min(self._pp_ms + dt_ms, PP_BAD_MS) if cable_a < 0 and plugged else 0
        self._set(FAULT_PROXIMITY, self._pp_ms >= PP_BAD_MS)

    def _check_mirror(self, dt_ms, closed, permit):
        if not closed or permit:
            self._mirror_ms = 0
        else:
            self._mirror_ms = min(self._mirror_ms + dt_ms, MIRROR_MS)
        self._set(FAULT_MIRROR, self._mirror_ms >= MIRROR_MS)

    def _check_supply(self, dt_ms, supply_mv):
        if supply_mv < SUPPLY_LOW_MV:
            self.bits |= FAULT_BROWN_OUT
            self._supply_ms = 0
        elif self.bits & FAULT_BROWN_OUT:
            self._supply_ms = self._supply_ms + dt_ms if supply_mv >= SUPPLY_GOOD_MV else 0
            if self._supply_ms >= SUPPLY_GOOD_MS:
                self.bits &= ~FAULT_BROWN_OUT

    def _set(self, bit, on):
        self.bits = self.bits | bit if on else self.bits & ~bit
