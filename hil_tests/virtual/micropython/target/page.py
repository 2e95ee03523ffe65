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

PILOT_ADC_PIN = 26
PERMIT_PIN = 3
