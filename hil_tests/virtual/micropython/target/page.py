# The board's silicon as a page of shared 32 bit words: what each word is. Read by both sides: the
# virtual `machine` under MicroPython, and the rig under CPython.
WORDS = 128
BYTES = 4 * WORDS

PIN_OUT = 0  # + pin: level that the firmware drives
PIN_IN = 32  # + pin: level that the world drives
ADC = 64  # + (pin - 26): raw 16 bit reading, except the pilot's, which has two plateaus
ADC_FIRST_PIN = 26
PILOT_HIGH_MV = 72  # at the control pilot while the driver is at +12 V
PILOT_LOW_MV = 73  # while it is at -12 V
PWM_DUTY = 74  # 0..65535
WATCHDOG_MS = 75  # 0: not started
WATCHDOG_FEEDS = 76
RESET_CAUSE = 77
PERMIT_EDGES = 78  # how often the PERMIT pin changed since power on
PULSES = 79  # edges of the PULSE pin since power on
RCD_MODULE = 80  # one of MODULE_*
PILOT_NOISE_MV = 81  # of single samples of the pilot, at most

MODULE_GOOD = 0
MODULE_DEAD = 1  # trips at nothing
MODULE_STUCK = 2  # does not come back from a test

PILOT_ADC_PIN = 26
PERMIT_PIN = 3
RCD_PIN = 4
PULSE_PIN = 7
RCD_TEST_PIN = 8
