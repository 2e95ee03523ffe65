"""What a fault is: a value that is raised, shown, recorded, counted and cleared. Its kinds are data, in
`catalogue.py`; which of them stand now is found out by the rules in `rules/`.
"""

import enum

from edge.controller.struct import Value


class Stops(enum.StrEnum):
    """What a fault does to a running session of the EVSE that it belongs to."""

    AT_ONCE = "at_once"  # open whatever the current, and end the session
    CUT = "cut"  # open whatever the current; the transaction goes on when the fault clears
    ORDERLY = "orderly"  # X1, open on B, below 1 A, or 6 s later
    PAUSE = "pause"  # orderly, and the transaction goes on when the fault clears
    DERATE = "derate"  # less current is offered (`derate.py`)
    NOTHING = "nothing"


class Severity(enum.StrEnum):
    """OCPP 2.0.1 has 0 (danger) to 9 (debug); three are enough for people."""

    DANGER = "danger"
    FAILURE = "failure"
    NOTICE = "notice"


class Until(enum.StrEnum):
    """How a fault ends."""

    GONE = "gone"  # by itself, with its cause
    UNPLUG = "unplug"  # when the car has left, and its cause with it
    TECHNICIAN = "technician"  # only by `fault.clear`, and its cause gone
    RESTART = "restart"  # with the next start of the controller that does not find its cause


#: Those that outlast their cause, and so a restart.
LATCHING = frozenset({Until.UNPLUG, Until.TECHNICIAN})


class FaultCode(enum.StrEnum):
    """Codes that people read to each other on the phone."""

    BOARD_LOST = "F101"
    METER_SILENT = "F102"
    METER_IMPLAUSIBLE = "F103"
    SENSOR_LOST = "F104"
    INPUT_LOST = "F105"
    SITE_METER = "F106"
    METER_CONTRADICTS = "F107"
    CONTACTOR_WELDED = "F201"
    CONTACTOR_NOT_CLOSED = "F202"
    MIRROR_MISMATCH = "F203"
    RELAY_STUCK = "F204"
    INTERLOCK_STUCK = "F205"
    CONTACTOR_WORN = "F206"
    HAMMERING = "F207"
    FOUND_CLOSED = "F208"
    DIODE = "F301"
    PILOT_SHORT = "F302"
    VENTILATION = "F303"
    PROXIMITY = "F304"
    PILOT_ODD = "F305"
    CAR_MODE = "F306"
    AUTH_TIMEOUT = "F307"
    RESIDUAL_CURRENT = "F401"
    EMERGENCY_STOP = "F402"
    BROWN_OUT = "F403"
    SELF_TEST = "F404"
    TEMPERATURE = "F405"
    BOARD_MEMORY = "F406"
    HOT = "F407"
    OVERCURRENT = "F408"
    OVERVOLTAGE = "F409"
    UNDERVOLTAGE = "F410"
    DOOR_OPEN = "F411"
    TILTED = "F412"
    WATER = "F413"
    BREAKER_OPEN = "F414"
    CIRCUIT_OVERLOAD = "F415"
    EARTH_LOST = "F416"
    CABLE_HOT = "F417"
    CABLE_TOO_HOT = "F418"
    READER_LOST = "F501"
    CARDS_DAMAGED = "F502"
    JOURNAL_STALLED = "F601"
    JOURNAL_DAMAGED = "F602"
    DISK_LOW = "F603"
    JOURNAL_FULL = "F604"
    CLOCK_UNTRUSTED = "F605"
    RESTART_LOOP = "F606"
    JOURNAL_SLOW = "F607"
    CLOUD_OFFLINE = "F701"


class FaultKind(Value):
    """One row of the catalogue. What people read of it is in the catalogues of words, by its code."""

    code: FaultCode
    name: str  # English, for logs and rows
    component: str  # OCPP 2.0.1 appendix 3, of NotifyEvent
    severity: Severity
    stops: Stops
    until: Until
    mrec: str = ""  # ChargeX minimum required error code
    everest: tuple[str, ...] = ()  # the error types of EVerest that mean the same


class Fault(Value):
    """A fault that stands. `where` is an EVSE, reader, meter, sensor, input, circuit or site id.

    `since_utc` None: no clock was to be trusted then. `since_mono_ns` is of the boot `boot`.
    """

    code: FaultCode
    where: str
    since_utc: str | None
    since_mono_ns: int
    detail: str = ""
    evse_id: str | None = None  # the one that it belongs to
    evse_ids: tuple[str, ...] = ()  # all that it concerns, where that is not one
    acknowledged_ns: int | None = None  # when a technician cleared it, if its cause stood then
    boot: int = 0
    plug: tuple[int, int] | None = None  # board boot and plug count then: which car it belongs to

    def concerns(self, evse_id: str) -> bool:
        """Whether it does to this EVSE what its kind says."""
        return evse_id == self.evse_id or evse_id in self.evse_ids


class FaultTally(Value):
    """How often a fault has begun at a place, and when first and last; kept across restarts.

    `standing`: one that has not ended. A latched one stands on after a restart, any other until it is
    clear that its cause is gone: each begins and ends once in the rows. Wall times are None where no
    clock was trusted; then they can be repaired for as long as boot and monotonic time tell them.
    """

    code: FaultCode
    where: str
    count: int = 0
    first_utc: str | None = None
    last_utc: str | None = None
    first_boot: int = 0
    first_mono_ns: int = 0
    last_boot: int = 0
    last_mono_ns: int = 0
    standing: Fault | None = None
