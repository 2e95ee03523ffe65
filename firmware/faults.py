# What is wrong, as the bits of FAULT_BITS: latched, or for as long as it lasts. Pure.
from registers import (
    FAULT_BROWN_OUT,
    FAULT_DIODE,
    FAULT_EMERGENCY_STOP,
    FAULT_HEARTBEAT,
    FAULT_INTERLOCK_STUCK,
    FAULT_MEMORY,
    FAULT_NOT_CLOSED,
    FAULT_PILOT_LOW,
    FAULT_PILOT_SHORT,
    FAULT_PROXIMITY,
    FAULT_RCD,
    FAULT_RELAY_STUCK,
    FAULT_SELF_TEST,
    FAULT_TEMPERATURE,
    FAULT_WELD,
    PILOT_A,
    PILOT_B,
    PILOT_D,
    PILOT_E,
)

# What takes power away. A lost heartbeat has its own rules; lost counters endanger nobody.
BLOCKING = 0xFFFF & ~(FAULT_HEARTBEAT | FAULT_MEMORY)
LATCHED = (FAULT_RCD, FAULT_WELD, FAULT_SELF_TEST, FAULT_INTERLOCK_STUCK, FAULT_RELAY_STUCK)

SUPPLY_LOW_MV = 10500  # our own choice: a 12 V coil must hold down to 85 % (IEC 60947-4-1, from memory)
SUPPLY_GOOD_MV = 10800
SUPPLY_HIGH_MV = 13800  # our own choice: a coil bears 110 %, and what its suppressor adds (from memory)
SUPPLY_GOOD_MS = 1000
# Our own choice: outlasts a bouncing button, and a grant that was on its way when it was pressed.
RELEASED_MS = 100
HOT_DC = 710  # OpenEVSE takes power away at 71 C ...
COOL_DC = 620  # ... and gives it back at 62
COLD_DC = -350  # our own choice: contactors are rated from -25 or -35 C
WARM_DC = -300
TEMPERATURE_GOOD_MS = 60000  # esp32-evse waits 60 s after an error
NO_SENSOR_DC = -32768  # colder than COLD_DC, so no answer is a fault too


class Faults:
    # `seq`: number of the newest latched fault that stands; with none, of the last there was.

    def __init__(self):
        self.bits = 0
        self.seq = 0
        self.ack_seq = 0
        self._issued = 0  # +1 at each latched fault
        self._numbers = [0] * len(LATCHED)  # FAULT_SEQ that each was latched with
        self._causes = 0  # bits of LATCHED whose cause stands now
        self._supply_ms = 0
        self._temperature_ms = 0
        self._released_ms = 0

    @property
    def blocking(self):
        return self.bits & BLOCKING

    def heartbeat(self, lost):
        self._set(FAULT_HEARTBEAT, lost)

    def memory(self, lost):
        # Counters and calibration were lost, and nobody has calibrated it since.
        self._set(FAULT_MEMORY, lost)

    # --- latched

    def latch(self, bit, cause, gone):
        # One turn of one bit of LATCHED. `cause`: what latches it; `gone`: an acknowledgement may
        # clear it. True at the moment when it is latched.
        self._causes = self._causes & ~bit if gone else self._causes | bit
        if not cause or self.bits & bit:
            return False
        self.bits |= bit
        self._issued = self.seq = (self._issued + 1) & 0xFFFF
        self._numbers[LATCHED.index(bit)] = self._issued
        return True

    def acknowledge(self, seq):
        # Clears what is latched up to `seq`, which must be the number of a fault that stands, and
        # whose cause is gone. Returns the bits that were cleared, 0: none.
        if not self._stands(seq):
            return 0
        cleared = 0
        for i in range(len(LATCHED)):
            bit = LATCHED[i]
            if self.bits & ~self._causes & bit and (seq - self._numbers[i]) & 0xFFFF < 0x8000:
                cleared |= bit
        if cleared:
            self.bits &= ~cleared
            self.ack_seq = seq
            self.seq = self._newest()
        return cleared

    def _stands(self, seq):
        for i in range(len(LATCHED)):
            if self.bits & LATCHED[i] and self._numbers[i] == seq:
                return True
        return False

    def _newest(self):
        # What an acknowledgement must carry now: a fault whose cause stood keeps its older number.
        newest = -1
        for i in range(len(LATCHED)):
            number = self._numbers[i]
            if self.bits & LATCHED[i] and (newest < 0 or (number - newest) & 0xFFFF < 0x8000):
                newest = number
        return newest if newest >= 0 else self._issued

    # --- for as long as it lasts

    def step(self, dt_ms, inputs, pilot, cable_a, not_closed):
        # `not_closed`: both coil commands are on, and the contactor does not close or fell open.
        self._set(FAULT_DIODE, pilot.diode_fault)
        if pilot.state == PILOT_E:
            self.bits |= FAULT_PILOT_SHORT
        elif pilot.held_low:
            self.bits |= FAULT_PILOT_LOW
        elif pilot.state == PILOT_A or pilot.state == PILOT_B:
            self.bits &= ~(FAULT_PILOT_SHORT | FAULT_PILOT_LOW)
        if not_closed:
            self.bits |= FAULT_NOT_CLOSED
        elif pilot.state == PILOT_A:
            self.bits &= ~FAULT_NOT_CLOSED
        if cable_a < 0 and PILOT_B <= pilot.state <= PILOT_D:
            self.bits |= FAULT_PROXIMITY
        elif cable_a >= 0 or pilot.state == PILOT_A:  # not in F, which this fault itself may show
            self.bits &= ~FAULT_PROXIMITY
        self._check_stop(dt_ms, inputs.stop_pressed)
        self._check_supply(dt_ms, inputs.supply_mv)
        self._check_temperature(dt_ms, inputs.temperature_dc)

    def _check_stop(self, dt_ms, pressed):
        # The button breaks the coil supply by itself; here it is only told, and nothing is granted.
        if pressed:
            self.bits |= FAULT_EMERGENCY_STOP
            self._released_ms = 0
        elif self.bits & FAULT_EMERGENCY_STOP:
            self._released_ms += dt_ms
            if self._released_ms >= RELEASED_MS:
                self.bits &= ~FAULT_EMERGENCY_STOP

    def _check_supply(self, dt_ms, supply_mv):
        if not SUPPLY_LOW_MV <= supply_mv <= SUPPLY_HIGH_MV:
            self.bits |= FAULT_BROWN_OUT
            self._supply_ms = 0
        elif self.bits & FAULT_BROWN_OUT:
            self._supply_ms = self._supply_ms + dt_ms if supply_mv >= SUPPLY_GOOD_MV else 0
            if self._supply_ms >= SUPPLY_GOOD_MS:
                self.bits &= ~FAULT_BROWN_OUT

    def _check_temperature(self, dt_ms, temperature_dc):
        if not COLD_DC <= temperature_dc <= HOT_DC:
            self.bits |= FAULT_TEMPERATURE
            self._temperature_ms = 0
        elif self.bits & FAULT_TEMPERATURE:
            good = WARM_DC <= temperature_dc <= COOL_DC
            self._temperature_ms = self._temperature_ms + dt_ms if good else 0
            if self._temperature_ms >= TEMPERATURE_GOOD_MS:
                self.bits &= ~FAULT_TEMPERATURE

    def _set(self, bit, on):
        self.bits = self.bits | bit if on else self.bits & ~bit
