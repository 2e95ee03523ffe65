# Between the wire and the core: which register shows what, and what a write may do. Pure.
# A read or a write lies inside one block of the map, and a write has all of a block (of EVSE-WB's, one
# register) or does nothing. Reading allocates nothing but what a 32 bit wall clock needs on a 32 bit port.
from array import array

import registers as r
from answers import BAD_VALUE, NO_SUCH_REGISTER, OK, REFUSED
from version import MAJOR, MINOR

FIRMWARE_NUMBER = 100 * MAJOR + MINOR

_VEHICLE = (5, 1, 2, 3, 4, 5, 5)  # of EVSE-WB, by our pilot state
_END = r.COUNTERS + r.COUNTERS_COUNT


def _inside(address, end, block, size):
    return block <= address and end <= block + size


class Desk:
    # `core`: as of core.py; `kept`: as of kept.py; `reset_cause` of this start.

    def __init__(self, core, kept, reset_cause):
        self.core = core
        self.kept = kept
        self.reset_cause = reset_cause
        self.bad_frames = 0  # the slave counts, the loop sets the rest
        self.loop_max_ms = 0
        self.heap_used = 0  # bytes
        self.heap_free = 0
        self.flash_free = 0
        self._command = array("H", bytes(2 * r.COMMAND_COUNT))
        self._words = array("H", bytes(2 * (_END - r.BASE)))
        self._wb = array("H", bytes(2 * r.WB_COUNT))
        self._calibration = array("H", bytes(2 * r.CALIBRATION_COUNT))

    # --- reads

    def covers(self, address, count):
        # Whether a read of these registers lies inside one block.
        end = address + count
        return (
            _inside(address, end, r.BASE, r.BLOCK_COUNT)
            or _inside(address, end, r.WB_BASE, r.WB_COUNT)
            or _inside(address, end, r.COMMAND, r.COMMAND_COUNT)
            or _inside(address, end, r.CLOCK_UTC, r.CLOCK_COUNT)
            or _inside(address, end, r.SETTINGS, r.SETTINGS_COUNT)
            or _inside(address, end, r.CALIBRATION, r.CALIBRATION_COUNT)
            or _inside(address, end, r.COUNTERS, r.COUNTERS_COUNT)
        )

    def is_own(self, address):
        # Whether a request for this address comes from our controller: EVSE-WB's are anybody's.
        return r.BASE <= address < _END

    def word(self, address):
        # One register as it was at the last `refresh`.
        if address < r.BASE:
            return self._wb[address - r.WB_BASE]
        return self._words[address - r.BASE]

    def refresh(self, address):
        # Take a consistent picture of the block that holds `address`.
        if address < r.BASE:
            self._show_wb()
        elif address < r.BASE + r.FAST_COUNT:
            self._show_fast()
            self._show_slow()  # a read of both blocks begins in the first
        elif address < r.COMMAND:
            self._show_slow()
        elif address < r.CLOCK_UTC:
            for i in range(r.COMMAND_COUNT):
                self._words[r.COMMAND - r.BASE + i] = self._command[i]
        elif address < r.SETTINGS:
            self._put32(r.CLOCK_UTC, self.core.counts.utc_s())
        elif address < r.CALIBRATION:
            self._show_settings()
        elif address < r.COUNTERS:
            self.core.calibration.show(self._words, r.CALIBRATION - r.BASE)
        else:
            self._show_counters()

    def _put(self, address, value):
        # Any whole number as one word; s16 as two's complement.
        self._words[address - r.BASE] = value & 0xFFFF

    def _put32(self, address, value):
        self._words[address - r.BASE] = value >> 16 & 0xFFFF
        self._words[address - r.BASE + 1] = value & 0xFFFF

    def _show_fast(self):
        core = self.core
        inputs = core.inputs
        put = self._words
        put[r.BOOT_COUNT - r.BASE] = core.counts.boot_count
        put[r.PLUG_SEQ - r.BASE] = core.pilot.plug_seq
        put[r.PERMIT_BITS - r.BASE] = self._permit_bits()
        put[r.FAULT_BITS - r.BASE] = core.faults.bits
        put[r.FAULT_SEQ - r.BASE] = core.faults.seq
        put[r.GRANT_SEQ - r.BASE] = core.interlock.grant_seq
        put[r.HEARTBEAT_SEQ - r.BASE] = core.interlock.heartbeat_seq
        put[r.OFFER_DA - r.BASE] = core.offer.told_da
        put[r.CABLE_A - r.BASE] = max(0, core.cable_a)
        put[r.CP_HIGH_MV - r.BASE] = inputs.high_mv & 0xFFFF
        put[r.CP_LOW_MV - r.BASE] = inputs.low_mv & 0xFFFF
        put[r.TEMPERATURE_DC - r.BASE] = inputs.temperature_dc & 0xFFFF

    def _show_slow(self):
        core = self.core
        inputs = core.inputs
        put = self._words
        put[r.DUTY_PERMYRIAD - r.BASE] = core.outputs.duty_permyriad
        put[r.ACK_SEQ - r.BASE] = core.faults.ack_seq
        put[r.PP_OHM - r.BASE] = min(inputs.pp_ohm, 0xFFFF)
        put[r.SUPPLY_MV - r.BASE] = min(inputs.supply_mv, 0xFFFF)
        self._put32(r.UPTIME_S, core.counts.uptime_s)
        put[r.REFUSED_BITS - r.BASE] = core.refused_bits
        put[r.RESET_CAUSE - r.BASE] = self.reset_cause
        put[r.MAP_VERSION - r.BASE] = r.MAP_VERSION_NOW
        put[r.FIRMWARE - r.BASE] = FIRMWARE_NUMBER
        put[r.BAD_FRAMES - r.BASE] = min(self.bad_frames, 0xFFFF)
        put[r.LOOP_MAX_MS - r.BASE] = min(self.loop_max_ms, 0xFFFF)
        self._put32(r.HEAP_USED, self.heap_used)
        self._put32(r.HEAP_FREE, self.heap_free)
        self._put32(r.FLASH_FREE, self.flash_free)
        put[r.CP_HIGH_RAW_MV - r.BASE] = inputs.high_raw_mv & 0xFFFF
        put[r.CP_LOW_RAW_MV - r.BASE] = inputs.low_raw_mv & 0xFFFF
        put[r.SELF_TEST_RESULT - r.BASE] = core.residual.result
        put[r.SELF_TEST_TRIP_MS - r.BASE] = min(core.residual.trip_ms, 0xFFFF)
        put[r.SELF_TEST_AGE_MIN - r.BASE] = min(core.residual.age_min, 0xFFFF)
        put[r.CONTACTOR_CASE - r.BASE] = core.contactor.case
        put[r.DROP_OUT_MS - r.BASE] = min(core.contactor.drop_out_ms, 0xFFFF)
        put[r.PULL_IN_MS - r.BASE] = min(core.contactor.pull_in_ms, 0xFFFF)

    def _permit_bits(self):
        core = self.core
        contactor = core.contactor
        return (
            core.pilot.state << 8
            | (r.PERMIT_ON if core.outputs.permit else 0)
            | (r.PERMIT_PWM if core.offer.told_da else 0)
            | (r.PERMIT_DIODE_OK if core.pilot.diode_ok else 0)
            | (r.PERMIT_MIRROR_CLOSED if core.inputs.mirror_closed else 0)
            | (r.PERMIT_COASTING if core.interlock.coasting else 0)
            | (r.PERMIT_STOPPING if core.interlock.stopping else 0)
            | (r.PERMIT_REQUEST if core.inputs.request else 0)
            | (r.PERMIT_WELD_SUSPECTED if contactor.weld_suspected else 0)
            | (r.PERMIT_WAKING if core.offer.waking else 0)
            | (r.PERMIT_TESTING if core.residual.running else 0)
            | (r.PERMIT_TEST_OK if core.residual.ok else 0)
            | (r.PERMIT_PI_FIRST if contactor.pi_first else 0)
            | (r.PERMIT_DARK if core.pilot.dark else 0)
        )

    def _show_settings(self):
        settings = self.core.settings
        self._put(r.SETTINGS_SEQ, settings.seq)
        self._put(r.FAILSAFE_DA, settings.failsafe_da)
        self._put(r.HOLD_S, settings.hold_s)
        self._put(r.GRANT_TTL_MS, settings.grant_ttl_ms)
        self._put(r.VENTILATION, 1 if settings.ventilation else 0)
        self._put(r.FAULT_F_MS, settings.fault_f_ms)
        self._put(r.WELD_SUSPECT_MS, settings.weld_suspect_ms)

    def _show_counters(self):
        counts = self.core.counts
        self._put32(r.RESETS, counts.resets)
        self._put32(r.TRIPS, counts.trips)
        self._put32(r.CYCLES, counts.cycles)
        self._put32(r.LOAD_BREAKS, counts.load_breaks)
        self._put(r.WELDS, counts.welds)
        self._put(r.SHUNT_TRIPS, counts.shunt_trips)
        self._put(r.LAST_TRIP_BOOT, counts.last_trip_boot)
        self._put32(r.LAST_TRIP_UPTIME_S, counts.last_trip_uptime_s)
        self._put32(r.LAST_TRIP_UTC, counts.last_trip_utc)
        self._put32(r.KEPT_WRITES, self.kept.writes)
        self._put(r.KEPT_BAD, self.kept.bad)

    def _show_wb(self):
        core = self.core
        wb = self._wb
        blocking = core.faults.blocking
        wb[0] = core.offer.asked_da // 10
        wb[1] = core.offer.told_da // 10
        wb[2] = 5 if blocking else _VEHICLE[core.pilot.state]
        wb[3] = max(0, core.cable_a)
        wb[4] = 0
        wb[5] = FIRMWARE_NUMBER
        wb[6] = 2 if core.offer.told_da else 3 if blocking else 1
        wb[7] = (
            (1 if core.outputs.permit else 0)
            | (2 if core.faults.bits & r.FAULT_DIODE else 0)
            | (4 if core.pilot.state == r.PILOT_D else 0)
        )

    # --- writes; the answer is OK or a Modbus exception

    def write(self, address, values, count):
        # `values`: at least `count` words. All or nothing.
        if address == r.COMMAND and count == r.COMMAND_COUNT:
            return self._execute(values)
        if address == r.CLOCK_UTC and count == r.CLOCK_COUNT:
            self.core.counts.tell_utc(values[0] << 16 | values[1])
            return OK
        if address == r.SETTINGS and count == r.SETTINGS_COUNT:
            answer = self.core.settings.write(values)
            if answer == REFUSED:
                self.core.refused_bits = r.REFUSED_SEQUENCE
            return answer
        if address == r.CALIBRATION and count == r.CALIBRATION_COUNT:
            return self._calibrate(values)
        if address == r.WB_SET_A and count == 1:
            return self.core.lower(values[0] * 10)
        if address == r.WB_COMMAND and count == 1:
            if values[0] == 1:
                return self.core.turn_off()
            return BAD_VALUE if values[0] else OK
        return NO_SUCH_REGISTER

    def _execute(self, values):
        answer = self.core.command(values[0], values[1], values[2], values[3])
        if answer == OK:
            for i in range(r.COMMAND_COUNT):
                self._command[i] = values[i]
        return answer

    def _calibrate(self, values):
        # Confirmed only when flash has it; else everything stays as it was. Flash stalls the loop, and a
        # new scale moves every reading: so without a car, and with nothing closed.
        core = self.core
        answer = core.calibration.check(values)
        if answer == BAD_VALUE:
            return answer
        bits = r.REFUSED_SEQUENCE if answer == REFUSED else 0
        if core.pilot.state != r.PILOT_A:
            bits |= r.REFUSED_CAR
        if core.inputs.mirror_closed or core.outputs.permit:
            bits |= r.REFUSED_CONTACTOR_CLOSED
        if core.inputs.request:
            bits |= r.REFUSED_REQUEST
        if not bits:
            bits = self._keep(values)
        if bits:
            core.refused_bits = bits
            return REFUSED
        return OK

    def _keep(self, values):
        calibration = self.core.calibration
        calibration.show(self._calibration, 0)
        calibration.write(values)
        lost = self.kept.lost
        self.kept.lost = False  # what flash holds makes sense again
        if self.kept.save(self.core.counts, calibration):
            self.core.faults.memory(False)
            return 0
        self.kept.lost = lost
        calibration.restore(self._calibration)
        return r.REFUSED_NOT_KEPT
