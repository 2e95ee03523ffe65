# Between the wire and the core: which register shows what, and what a write may do. Pure.
from array import array

import registers as r
from core import TICKS_MASK
from version import MAJOR, MINOR

NO_SUCH_REGISTER = 2
BAD_VALUE = 3

_VEHICLE = (5, 1, 2, 3, 4, 5, 5)  # of EVSE-WB, by our pilot state
_FIRMWARE = 100 * MAJOR + MINOR


class Desk:
    # `boot_count` and `reset_cause` of this start; the loop and the slave count into the rest.

    def __init__(self, core, boot_count, reset_cause):
        self.core = core
        self.boot_count = boot_count & 0xFFFF
        self.reset_cause = reset_cause
        self.loop_max_ms = 0
        self.bad_frames = 0
        self._uptime_s = 0
        self._second_ms = 0
        self._last_ms = -1
        self._command = array("H", bytes(2 * r.COMMAND_COUNT))
        self._words = array("H", bytes(2 * (r.COMMAND + r.COMMAND_COUNT - r.BASE)))
        self._wb = array("H", bytes(2 * r.WB_COUNT))

    def tick(self, now_ms):
        # `now_ms`: masked ticks; the uptime counts on when they wrap.
        if self._last_ms >= 0:
            self._second_ms += (now_ms - self._last_ms) & TICKS_MASK
            while self._second_ms >= 1000:
                self._second_ms -= 1000
                self._uptime_s = (self._uptime_s + 1) & 0xFFFF
        self._last_ms = now_ms

    def covers(self, address, count):
        # Whether a read of these registers lies inside one block.
        end = address + count
        return (
            (r.WB_BASE <= address and end <= r.WB_BASE + r.WB_COUNT)
            or (r.BASE <= address and end <= r.BASE + r.BLOCK_COUNT)
            or (r.SETTINGS <= address and end <= r.SETTINGS + r.SETTINGS_COUNT)
            or (r.COMMAND <= address and end <= r.COMMAND + r.COMMAND_COUNT)
        )

    def word(self, address):
        # One register as it was at the last `refresh`.
        if address < r.BASE:
            return self._wb[address - r.WB_BASE]
        return self._words[address - r.BASE]

    def refresh(self, address):
        # Take a consistent picture of the block that holds `address`.
        if address < r.BASE:
            self._refresh_wb()
            return
        words = self._words
        core = self.core
        base = r.BASE
        words[r.BOOT_COUNT - base] = self.boot_count
        words[r.PLUG_SEQ - base] = core.pilot.plug_seq
        words[r.PERMIT_BITS - base] = self._permit_bits()
        words[r.FAULT_BITS - base] = core.faults.bits
        words[r.FAULT_SEQ - base] = core.faults.seq
        words[r.GRANT_SEQ - base] = core.interlock.grant_seq
        words[r.HEARTBEAT_SEQ - base] = core.interlock.heartbeat_seq
        words[r.OFFER_DA - base] = core.offer.told_da
        words[r.CABLE_A - base] = max(0, core.cable_a)
        words[r.CP_HIGH_MV - base] = core.inputs.high_mv & 0xFFFF
        words[r.CP_LOW_MV - base] = core.inputs.low_mv & 0xFFFF
        words[r.DUTY_PERMYRIAD - base] = core.outputs.duty_permyriad
        words[r.ACK_SEQ - base] = core.faults.ack_seq
        words[r.PP_OHM - base] = min(core.inputs.pp_ohm, 0xFFFF)
        words[r.SUPPLY_MV - base] = min(core.inputs.supply_mv, 0xFFFF)
        words[r.UPTIME_S - base] = self._uptime_s
        words[r.REFUSED_BITS - base] = core.refused_bits
        words[r.RESET_CAUSE - base] = self.reset_cause
        words[r.MAP_VERSION - base] = r.MAP_VERSION_NOW
        words[r.FIRMWARE - base] = _FIRMWARE
        words[r.BAD_FRAMES - base] = min(self.bad_frames, 0xFFFF)
        words[r.LOOP_MAX_MS - base] = min(self.loop_max_ms, 0xFFFF)
        words[r.FAILSAFE_DA - base] = core.failsafe_da
        words[r.HOLD_S - base] = core.hold_s
        words[r.GRANT_TTL_MS - base] = core.grant_ttl_ms
        for i in range(r.COMMAND_COUNT):
            words[r.COMMAND - base + i] = self._command[i]

    def _permit_bits(self):
        core = self.core
        bits = core.pilot.state << 8
        if core.interlock.permit:
            bits |= r.PERMIT_ON
        if core.offer.told_da:
            bits |= r.PERMIT_PWM
        if core.pilot.diode_ok:
            bits |= r.PERMIT_DIODE_OK
        if core.inputs.mirror_closed:
            bits |= r.PERMIT_MIRROR_CLOSED
        if core.interlock.coasting:
            bits |= r.PERMIT_COASTING
        if core.interlock.stopping:
            bits |= r.PERMIT_STOPPING
        return bits

    def _refresh_wb(self):
        core = self.core
        wb = self._wb
        bits = core.faults.bits
        wb[0] = core.offer.asked_da // 10
        wb[1] = core.offer.told_da // 10
        wb[2] = 5 if core.faults.blocking else _VEHICLE[core.pilot.state]
        wb[3] = max(0, core.cable_a)
        wb[4] = 0
        wb[5] = _FIRMWARE
        wb[6] = 2 if core.offer.told_da else 3 if core.faults.blocking else 1
        wb[7] = (
            (1 if core.interlock.permit else 0)
            | (2 if bits & r.FAULT_DIODE else 0)
            | (4 if core.pilot.state == r.PILOT_D else 0)
        )

    # --- writes; the answer is 0 or a Modbus exception

    def write(self, address, values, count):
        # `values`: at least `count` words. All or nothing for the command block, else in order.
        if address == r.COMMAND:
            if count != r.COMMAND_COUNT:
                return NO_SUCH_REGISTER
            answer = self.core.command(values[0], values[1], values[2], values[3])
            if answer == 0:
                for i in range(r.COMMAND_COUNT):
                    self._command[i] = values[i]
            return answer
        for i in range(count):
            if not self._writable(address + i):
                return NO_SUCH_REGISTER
        for i in range(count):
            answer = self._write_one(address + i, values[i])
            if answer:
                return answer
        return 0

    def _writable(self, address):
        return (
            address == r.WB_SET_A
            or address == r.WB_COMMAND
            or r.SETTINGS <= address < r.SETTINGS + r.SETTINGS_COUNT
        )

    def _write_one(self, address, value):
        core = self.core
        if address == r.FAILSAFE_DA:
            return core.set_failsafe_da(value)
        if address == r.HOLD_S:
            return core.set_hold_s(value)
        if address == r.GRANT_TTL_MS:
            return core.set_grant_ttl_ms(value)
        if address == r.WB_SET_A:
            return core.lower(value * 10)
        if value == 1:
            return core.turn_off()
        return 0 if value == 0 else BAD_VALUE
