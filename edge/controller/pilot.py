"""Control pilot states and what the pilot board reports. Source: IEC 61851-1 Annex A."""

import enum

from edge.controller.struct import Value


class PilotState(enum.StrEnum):
    """Debounced state of the control pilot as the board sees it."""

    A = "A"  # no car
    B = "B"  # car connected
    C = "C"  # car asks for energy
    D = "D"  # car asks for energy with ventilation
    E = "E"  # pilot shorted, or the board lost its supply
    F = "F"  # the EVSE itself says "not available"
    UNKNOWN = "?"


class BoardFault(enum.StrEnum):
    """Latched or standing conditions of the board (its `fault_bits`, in this order from bit 0)."""

    DIODE = "diode"
    PILOT_SHORT = "pilot_short"
    RCD = "rcd"
    WELD = "weld"
    BROWN_OUT = "brown_out"
    HEARTBEAT = "heartbeat"
    EMERGENCY_STOP = "emergency_stop"
    PROXIMITY = "proximity"
    SELF_TEST = "self_test"  # the residual current module failed its test
    INTERLOCK_STUCK = "interlock_stuck"  # the coil held without PERMIT
    RELAY_STUCK = "relay_stuck"  # the coil held without the Pi's relay
    NOT_CLOSED = "not_closed"
    TEMPERATURE = "temperature"
    MEMORY = "memory"  # the board's counters and calibration were lost
    PILOT_LOW = "pilot_low"  # at -12 V although the board does not show F: its driver failed


class BoardStatus(Value):
    """One complete poll of a pilot board. `mono_ns` is when the request left."""

    mono_ns: int
    pilot: PilotState = PilotState.UNKNOWN
    pwm_on: bool = False
    offered_a: float = 0.0  # what the duty in force tells the car; 0 with X1 or F
    permit: bool = False  # the board's half of the interlock
    mirror_closed: bool | None = None  # main contacts closed, as the board sees it
    diode_ok: bool = False
    faults: tuple[BoardFault, ...] = ()
    plug_seq: int = 0  # +1 at each A -> B
    boot_count: int = 0
    proximity_a: int | None = None  # ampere rating of the cable; None: not fitted or no plug
    cp_high_mv: int = 0
    cp_low_mv: int = 0
    firmware: str = ""
    fault_seq: int = 0  # of the last latched fault: what an acknowledgement must carry
    request: bool = False  # the Pi's relay feeds the coil, as the board senses it
    weld_suspected: bool = False  # closed for too long after both coil commands went off
    testing: bool = False  # the self-test of the residual current module runs
    test_ok: bool = False  # its last one passed
    pi_first: bool = False  # at the next stop in order the Pi's relay opens first, else the board
    dark: bool = False  # the car came to C without PWM: no grant until it goes back to B
    waking: bool = False  # the pulse that wakes a car (pilot F), or the X1 after it
    temperature_c: float | None = None  # at the contactor's terminals; None: no sensor answers
