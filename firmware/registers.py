# The board's Modbus map. Holding (FC03) and input (FC04) registers are the same words.
# scripts/generate_registers.py makes the controller's copy of this file, and the tables of
# docs/pilot-board.md; a test compares them. "s16": two's complement. "u32": this word and the next,
# high word first. Every other register is unsigned. Addresses are zero based.
# Exceptions: 2 no such register or not writable, 3 value out of range, 4 a condition is missing
# (REFUSED_BITS says which).

MAP_VERSION_NOW = 3

# EVSE-WB/DIN (SimpleEVSE), so that other tools can read the board. What they write may only lower the
# current: it never grants, acknowledges or counts as a heartbeat.
WB_BASE = 1000
WB_COUNT = 8
WB_SET_A = 1000  # A; the current asked for; a write may only lower it, 0 ends the offer
WB_ACTUAL_A = 1001  # A; what the pilot tells the car
WB_VEHICLE = 1002  # 1 ready (A), 2 car present (B), 3 charging (C), 4 with ventilation (D), 5 failure
WB_CABLE_A = 1003  # A; rating of the cable, 0 not fitted or no plug
WB_COMMAND = 1004  # bit 0 turn off now; other bits are refused
WB_FIRMWARE = 1005  # 100 * major + minor
WB_STATE = 1006  # 1 steady +12 V, 2 PWM, 3 off
WB_ERRORS = 1007  # bit 0 relay on, bit 1 diode check failed, bit 2 ventilation asked for

# Fast block: everything that changes while a car charges, in one short read.
BASE = 1100
BOOT_COUNT = 1100  # +1 at each start, kept through power loss
PLUG_SEQ = 1101  # +1 at each A -> B (or C, D): proves that it is still the same car
PERMIT_BITS = 1102  # bits PERMIT_*; bits 8 to 10 are the pilot state PILOT_*
FAULT_BITS = 1103  # bits FAULT_*
FAULT_SEQ = 1104  # number of the newest latched fault; an acknowledgement must carry it
GRANT_SEQ = 1105  # of the last grant that was accepted
HEARTBEAT_SEQ = 1106  # of the last renewal that was accepted
OFFER_DA = 1107  # 0.1 A; what the pilot tells the car, 0 with X1 or F
CABLE_A = 1108  # A; rating of the cable, 0 not fitted or no plug
CP_HIGH_MV = 1109  # mV, s16; high plateau of the control pilot, calibrated
CP_LOW_MV = 1110  # mV, s16; low plateau, the same as high without PWM
TEMPERATURE_DC = 1111  # 0.1 deg C, s16; at the contactor's terminals, -32768 no sensor answers
FAST_COUNT = 12

# Slow block: identity, and what people want to see.
DUTY_PERMYRIAD = 1112  # 0.01 %; 10000 is X1, 0 is F
ACK_SEQ = 1113  # of the last acknowledgement that was accepted
PP_OHM = 1114  # ohm; proximity resistor, 65535 open
SUPPLY_MV = 1115  # mV; the board's 12 V
UPTIME_S = 1116  # s, u32
REFUSED_BITS = 1118  # bits REFUSED_*: what was missing when the last command was refused
RESET_CAUSE = 1119  # 1 power, 3 watchdog; as the port's machine.reset_cause()
MAP_VERSION = 1120  # of this map
FIRMWARE = 1121  # 100 * major + minor
BAD_FRAMES = 1122  # frames with a wrong checksum or shape, saturates
LOOP_MAX_MS = 1123  # ms; longest turn of the loop since the last start
HEAP_USED = 1124  # bytes, u32; after the last collection
HEAP_FREE = 1126  # bytes, u32
FLASH_FREE = 1128  # bytes, u32; of the file system
CP_HIGH_RAW_MV = 1130  # mV, s16; before the calibration
CP_LOW_RAW_MV = 1131  # mV, s16
SELF_TEST_RESULT = 1132  # TEST_*: of the residual current module
SELF_TEST_TRIP_MS = 1133  # ms; from the test pulse to the trip, at the last self-test
SELF_TEST_AGE_MIN = 1134  # min; since it passed, 65535 never since the start
CONTACTOR_CASE = 1135  # CASE_*: what REQUEST, PERMIT and the mirror say together
DROP_OUT_MS = 1136  # ms; from the last coil command off to the mirror open, at the last opening
PULL_IN_MS = 1137  # ms; from both coil commands on to the mirror closed, at the last closing
BLOCK_COUNT = 38

# Command block: one FC16 over all four registers, executed as one. Reads as the last command.
COMMAND = 1140  # COMMAND_*
COMMAND_SEQ = 1141  # grant: new; renewal: new; acknowledgement: FAULT_SEQ; else 0
COMMAND_DA = 1142  # 0.1 A, 60..800; offer, grant, renewal (there 0 leaves the current as it is)
COMMAND_TTL_MS = 1143  # ms; grant, renewal; to show F: 100..30000; to wake: 1000..5000
COMMAND_COUNT = 4

COMMAND_OFFER = 1  # tell the car this current; raises are applied at most every 5 s
COMMAND_WITHDRAW = 2  # X1; PERMIT stays until B, a revocation, or 6 s
COMMAND_GRANT = 3  # PERMIT, with a new sequence
COMMAND_RENEW = 4  # heartbeat: never starts, never raises
COMMAND_REVOKE = 5  # PERMIT off at once
COMMAND_ACK = 6  # clear the latched faults up to this number
COMMAND_SELF_TEST = 7  # test the residual current module now; only with the contactor open
COMMAND_SHOW_F = 8  # steady -12 V for COMMAND_TTL_MS, only without a car: to measure the low plateau
COMMAND_WAKE = 9  # F for COMMAND_TTL_MS, then X1 for 750 ms: wakes a car in B; only with nothing closed

# Wall clock, told by the controller: one FC16 over both words. It dates trips, it decides nothing.
CLOCK_UTC = 1150  # s since 1970, u32; 0 not told since the start
CLOCK_COUNT = 2

# Settings: one FC16 over the whole block. Forgotten at reset (the defaults are the safe values).
SETTINGS = 1160
SETTINGS_SEQ = 1160  # reads as that of the last write; a write must carry the next one
FAILSAFE_DA = 1161  # 0.1 A; after a lost heartbeat, 0 or 60..800; default 0: the offer ends
HOLD_S = 1162  # s; from the lost heartbeat to X1, 0..600; default 60
GRANT_TTL_MS = 1163  # ms; longest life of a grant without a heartbeat, 100..10000; default 5000
VENTILATION = 1164  # 1: the site is ventilated, D may charge; default 0
FAULT_F_MS = 1165  # ms; state F after a fault in C or D, 0 never, else 300..10000; default 300
WELD_SUSPECT_MS = 1166  # ms; mirror closed after both coil commands off, 30..900; default 250
SETTINGS_COUNT = 7

# Calibration: one FC16 over the whole block, only in state A with the contactor open. Kept in flash.
CALIBRATION = 1170
CALIBRATION_SEQ = 1170  # reads as that of the last write; a write must carry the next one
CP_OFFSET_MV = 1171  # mV, s16, -1000..1000; mV = raw * gain / 10000 + offset
CP_GAIN_PERMYRIAD = 1172  # 0.01 %, 9000..11000; default 10000
PP_GAIN_PERMYRIAD = 1173  # 0.01 %, 9000..11000
TEMPERATURE_OFFSET_DC = 1174  # 0.1 K, s16, -100..100
CALIBRATION_COUNT = 5

# Counters, kept through power loss.
COUNTERS = 1180
RESETS = 1180  # u32; starts that power-on does not explain
TRIPS = 1182  # u32; of the residual current module
CYCLES = 1184  # u32; closings of the contactor
LOAD_BREAKS = 1186  # u32; openings while the car still asked for energy
WELDS = 1188  # welds that were latched
SHUNT_TRIPS = 1189  # pulses to the shunt trip
LAST_TRIP_BOOT = 1190  # BOOT_COUNT of the last trip, 0 none
LAST_TRIP_UPTIME_S = 1191  # s, u32
LAST_TRIP_UTC = 1193  # s since 1970, u32; 0 the clock was not told
KEPT_WRITES = 1195  # u32; records written to flash, ever
KEPT_BAD = 1197  # records that were found torn or damaged at this start
COUNTERS_COUNT = 18

PERMIT_ON = 0x01  # the board's half of the coil is on
PERMIT_PWM = 0x02  # a current is offered
PERMIT_DIODE_OK = 0x04  # the car's diode was seen since the last A, E or F
PERMIT_MIRROR_CLOSED = 0x08  # main contacts closed, as the mirror says
PERMIT_COASTING = 0x10  # the heartbeat was lost, the failsafe current holds
PERMIT_STOPPING = 0x20  # X1 was set under PERMIT, which falls at B or after 6 s
PERMIT_REQUEST = 0x40  # the Pi's relay feeds the coil, as the board senses it
PERMIT_WELD_SUSPECTED = 0x80  # the mirror is closed for too long after both coil commands went off
PERMIT_WAKING = 0x800  # a car is being woken: F, then X1; an offer waits until it is over
PERMIT_TESTING = 0x1000  # the self-test of the residual current module runs
PERMIT_TEST_OK = 0x2000  # its last one passed
PERMIT_PI_FIRST = 0x4000  # at the next normal stop the Pi's relay should open first, else the board
PERMIT_DARK = 0x8000  # the car came to C without PWM: no grant until it goes back to B

# Order of the bits: the fault list that the controller shares.
FAULT_DIODE = 0x01  # until A
FAULT_PILOT_SHORT = 0x02  # until A or B
FAULT_RCD = 0x04  # latched until acknowledged
FAULT_WELD = 0x08  # main contacts closed 1 s after both coil commands off; latched until acknowledged
FAULT_BROWN_OUT = 0x10  # until the supply was in range for 1 s
FAULT_HEARTBEAT = 0x20  # until the next accepted command
FAULT_EMERGENCY_STOP = 0x40  # until released
FAULT_PROXIMITY = 0x80  # until the resistor is in a window again
FAULT_SELF_TEST = 0x100  # the residual current module failed its test; latched until acknowledged
FAULT_INTERLOCK_STUCK = 0x200  # the coil held without PERMIT; latched until acknowledged
FAULT_RELAY_STUCK = 0x400  # the coil held without REQUEST; latched until acknowledged
FAULT_NOT_CLOSED = 0x800  # both coil commands on for 1 s, mirror open; until A
FAULT_TEMPERATURE = 0x1000  # terminals out of range; until back in range for 60 s
FAULT_MEMORY = 0x2000  # counters and calibration were lost from flash; until it is calibrated again
FAULT_PILOT_LOW = 0x4000  # the pilot stays at -12 V by itself: its driver failed; until A or B

REFUSED_NOT_C = 0x01  # the car does not ask: not C, nor D where the site is ventilated
REFUSED_NO_PWM = 0x02  # no current is offered
REFUSED_DIODE = 0x04  # the car's diode was not seen since the last A, E or F
REFUSED_FAULT = 0x08  # a fault stands that takes power away
REFUSED_MIRROR = 0x10  # closed before the closing
REFUSED_SEQUENCE = 0x20  # not newer than the last one; no such fault
REFUSED_NO_GRANT = 0x40  # PERMIT is off: nothing to renew
REFUSED_NO_CAR = 0x80  # no car is plugged in
REFUSED_COASTING = 0x100  # the heartbeat was lost: no raise
REFUSED_STOPPING = 0x200  # X1 was set under PERMIT, which is about to fall
REFUSED_SELF_TEST = 0x400  # the residual current module was not tested, or is being tested
REFUSED_DARK = 0x800  # the car came to C without PWM
REFUSED_REQUEST = 0x1000  # the Pi's relay is on before the grant
REFUSED_CONTACTOR_CLOSED = 0x2000  # only with the contactor open
REFUSED_CAR = 0x4000  # only without a car; for COMMAND_WAKE: only with one that rests
REFUSED_NOT_KEPT = 0x8000  # flash did not take the calibration

PILOT_UNKNOWN = 0
PILOT_A = 1
PILOT_B = 2
PILOT_C = 3
PILOT_D = 4
PILOT_E = 5
PILOT_F = 6

TEST_NEVER = 0
TEST_RUNNING = 1
TEST_PASSED = 2
TEST_NO_TRIP = 3  # the pulse did not trip it
TEST_STUCK = 4  # it did not come back after the pulse
TEST_TRIPPED = 5  # it stood tripped before the pulse

# REQUEST, PERMIT, mirror; what each case means is the table in contactor.py.
CASE_IDLE = 0
CASE_CLOSED_WITHOUT_COIL = 1
CASE_GRANTED = 2
CASE_CLOSED_WITHOUT_REQUEST = 3
CASE_REQUESTED = 4
CASE_CLOSED_WITHOUT_PERMIT = 5
CASE_CLOSING = 6
CASE_CLOSED = 7
