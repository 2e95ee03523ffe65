# The board's Modbus map. Holding (FC03) and input (FC04) registers are the same words.
# scripts/generate_registers.py makes the controller's copy of this file; a test compares them.
# "s16": two's complement. Every other register is unsigned. Addresses are zero based.
# Exceptions: 2 no such register or not writable, 3 value out of range, 4 a condition is missing
# (REFUSED_BITS says which).

MAP_VERSION_NOW = 1

# EVSE-WB/DIN (SimpleEVSE), so that other tools can read the board. What they write may only lower.
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
PERMIT_BITS = 1102  # bits PERMIT_*; the high byte is the pilot state PILOT_*
FAULT_BITS = 1103  # bits FAULT_*
FAULT_SEQ = 1104  # +1 at each latched fault; an acknowledgement must carry it
GRANT_SEQ = 1105  # of the last grant that was accepted
HEARTBEAT_SEQ = 1106  # of the last renewal that was accepted
OFFER_DA = 1107  # 0.1 A; what the pilot tells the car, 0 with X1
CABLE_A = 1108  # A; rating of the cable, 0 not fitted or no plug
CP_HIGH_MV = 1109  # mV, s16; high plateau of the control pilot
CP_LOW_MV = 1110  # mV, s16; low plateau, the same as high without PWM
FAST_COUNT = 11

# Slow block: identity, and what people want to see.
DUTY_PERMYRIAD = 1111  # 0.01 %; 10000 is X1
ACK_SEQ = 1112  # of the last acknowledgement that was accepted
PP_OHM = 1113  # ohm; proximity resistor, 65535 open
SUPPLY_MV = 1114  # mV; the board's 12 V
UPTIME_S = 1115  # s, wraps
REFUSED_BITS = 1116  # bits REFUSED_*: what was missing when the last command was refused
RESET_CAUSE = 1117  # 1 power, 3 watchdog; as the port's machine.reset_cause()
MAP_VERSION = 1118
FIRMWARE = 1119  # 100 * major + minor
BAD_FRAMES = 1120  # frames with a wrong checksum or shape, saturates
LOOP_MAX_MS = 1121  # ms; longest turn of the loop since the last start
BLOCK_COUNT = 22

# Settings, writable by FC06 and FC16, forgotten at reset (the defaults are the safe values).
FAILSAFE_DA = 1130  # 0.1 A; after a lost heartbeat, 0 or 60..800; default 0: the offer ends
HOLD_S = 1131  # s; from the lost heartbeat to X1, 0..600; default 60
GRANT_TTL_MS = 1132  # ms; longest life of a grant without a heartbeat, 100..10000; default 5000
SETTINGS = 1130
SETTINGS_COUNT = 3

# Command block: one FC16 over all four registers, executed as one. Reads as the last command.
COMMAND = 1140  # COMMAND_*
COMMAND_SEQ = 1141  # grant: new; renewal: new; acknowledgement: FAULT_SEQ; else 0
COMMAND_DA = 1142  # 0.1 A, 60..800; offer, grant, renewal (there 0 leaves the current as it is)
COMMAND_TTL_MS = 1143  # ms; grant, renewal
COMMAND_COUNT = 4

COMMAND_OFFER = 1  # tell the car this current; raises are applied at most every 5 s
COMMAND_WITHDRAW = 2  # X1; PERMIT stays until B, a revocation, or 6 s
COMMAND_GRANT = 3  # PERMIT, with a new sequence
COMMAND_RENEW = 4  # heartbeat: never starts, never raises
COMMAND_REVOKE = 5  # PERMIT off at once
COMMAND_ACK = 6  # clear latched faults

PERMIT_ON = 0x01
PERMIT_PWM = 0x02
PERMIT_DIODE_OK = 0x04
PERMIT_MIRROR_CLOSED = 0x08
PERMIT_COASTING = 0x10  # the heartbeat was lost, the failsafe current holds
PERMIT_STOPPING = 0x20  # X1 was set under PERMIT, which falls at B or after 6 s

# Order of the bits: the fault list that the controller shares.
FAULT_DIODE = 0x01  # until A
FAULT_PILOT_SHORT = 0x02  # until A or B
FAULT_RCD = 0x04  # latched until acknowledged
FAULT_MIRROR = 0x08  # main contacts closed 1 s after PERMIT went off, until they are open
FAULT_BROWN_OUT = 0x10  # until the supply was in range for 1 s
FAULT_HEARTBEAT = 0x20  # until the next accepted command
FAULT_EMERGENCY_STOP = 0x40  # until released
FAULT_PROXIMITY = 0x80  # until the resistor is in a window again

REFUSED_NOT_C = 0x01
REFUSED_NO_PWM = 0x02
REFUSED_DIODE = 0x04
REFUSED_FAULT = 0x08
REFUSED_MIRROR = 0x10
REFUSED_SEQUENCE = 0x20
REFUSED_NO_GRANT = 0x40
REFUSED_NO_CAR = 0x80
REFUSED_COASTING = 0x100
REFUSED_STOPPING = 0x200

PILOT_UNKNOWN = 0
PILOT_A = 1
PILOT_B = 2
PILOT_C = 3
PILOT_D = 4
PILOT_E = 5
PILOT_F = 6
