"""The one catalogue of faults. A fault is a value: it is raised, shown, recorded and cleared.

Names after EVerest's error list and the ChargeX minimum required error codes (MREC) where one fits;
`ocpp` is the `techCode` of NotifyEvent. Driver texts are message keys `fault.<code>` (what happened),
`fault.<code>.do` (what you can do); the phone number is the third part.
"""

import enum

from edge.controller.struct import Value


class Stops(enum.StrEnum):
    """What a fault does to a running session of the EVSE that it belongs to."""

    AT_ONCE = "at_once"  # open whatever the current, and end the session
    CUT = "cut"  # open whatever the current; the transaction goes on when the fault clears
    ORDERLY = "orderly"  # X1, open on B, below 1 A, or 6 s later
    PAUSE = "pause"  # orderly, and the transaction goes on when the fault clears
    NOTHING = "nothing"


class Severity(enum.StrEnum):
    """OCPP 2.0.1 has 0 (danger) to 9 (debug); three are enough for people."""

    DANGER = "danger"
    FAILURE = "failure"
    NOTICE = "notice"


class Until(enum.StrEnum):
    """How a fault ends."""

    GONE = "gone"  # with its cause
    UNPLUG = "unplug"  # when the car has left, and its cause with it
    TECHNICIAN = "technician"  # only by `fault.clear`, and its cause gone


class FaultCode(enum.StrEnum):
    """Codes that people read to each other on the phone."""

    BOARD_LOST = "F101"
    METER_SILENT = "F102"
    METER_IMPLAUSIBLE = "F103"
    CONTACTOR_WELDED = "F201"
    CONTACTOR_NOT_CLOSED = "F202"
    MIRROR_MISMATCH = "F203"
    RELAY_STUCK = "F204"
    INTERLOCK_STUCK = "F205"
    DIODE = "F301"
    PILOT_SHORT = "F302"
    VENTILATION = "F303"
    PROXIMITY = "F304"
    RESIDUAL_CURRENT = "F401"
    EMERGENCY_STOP = "F402"
    BROWN_OUT = "F403"
    SELF_TEST = "F404"
    TEMPERATURE = "F405"
    BOARD_MEMORY = "F406"
    READER_LOST = "F501"
    JOURNAL_STALLED = "F601"
    CLOUD_OFFLINE = "F701"


class FaultKind(Value):
    """One row of the catalogue."""

    code: FaultCode
    name: str
    severity: Severity
    stops: Stops
    until: Until
    clears: str
    cause: str
    remedy: str
    mrec: str = ""


class Fault(Value):
    """A fault that stands. `where` is an EVSE, reader, meter or site id."""

    code: FaultCode
    where: str
    since_utc: str | None
    since_mono_ns: int
    detail: str = ""
    evse_id: str | None = None
    acknowledged_ns: int | None = None  # when a technician cleared it, if its cause stood then


def _kind(code: FaultCode, name: str, severity: Severity, stops: Stops, *, clears: str,
          cause: str, remedy: str, until: Until = Until.GONE, mrec: str = "") -> FaultKind:
    return FaultKind(code=code, name=name, severity=severity, stops=stops, until=until,
                     clears=clears, cause=cause, remedy=remedy, mrec=mrec)


CATALOGUE: dict[FaultCode, FaultKind] = {k.code: k for k in (
    _kind(FaultCode.BOARD_LOST, "pilot board lost", Severity.FAILURE, Stops.CUT,
          clears="when the board answers again",
          cause="board without supply, RS-485 wire open, wrong unit id",
          remedy="check the board's 12 V, the A/B wires and the unit id; run `forecourt board info`"),
    _kind(FaultCode.METER_SILENT, "meter silent", Severity.FAILURE, Stops.PAUSE,
          clears="when the meter answers again",
          cause="meter without supply, RS-485 wire open, wrong unit id or baud rate",
          remedy="check supply, wires, unit id and baud rate of the meter", mrec="CX004"),
    _kind(FaultCode.METER_IMPLAUSIBLE, "meter implausible", Severity.FAILURE, Stops.PAUSE,
          clears="when the register is plausible again",
          cause="register jumped back or faster than physics allows; wrong model configured",
          remedy="compare the display of the meter with `forecourt meter read`"),
    _kind(FaultCode.CONTACTOR_WELDED, "contactor welded", Severity.DANGER, Stops.AT_ONCE,
          clears="by a technician, after the contactor was replaced and tested", until=Until.TECHNICIAN,
          cause="main contacts welded, or the mirror contact's wire broken",
          remedy="switch the breaker off, verify absence of voltage, replace the contactor",
          mrec="CX017"),
    _kind(FaultCode.CONTACTOR_NOT_CLOSED, "contactor did not close", Severity.FAILURE, Stops.AT_ONCE,
          clears="at unplug", until=Until.UNPLUG,
          cause="coil supply missing, coil open, mirror contact stuck; or it fell while charging",
          remedy="measure the coil voltage while closing is commanded", mrec="CX017"),
    _kind(FaultCode.MIRROR_MISMATCH, "mirror contacts disagree", Severity.DANGER, Stops.AT_ONCE,
          clears="when both inputs agree for 1 s", cause="mirror contact wired to one input only",
          remedy="check the mirror contact's wires to the board and to the Pi", mrec="CX017"),
    _kind(FaultCode.RELAY_STUCK, "relay channel stuck", Severity.FAILURE, Stops.AT_ONCE,
          clears="by a technician, after the Pi's relay was replaced", until=Until.TECHNICIAN,
          cause="the Pi's relay welded, or the coil fed past it; only the pilot board can open now",
          remedy="replace the Pi's relay, check the coil's wiring, then stop two sessions in order",
          mrec="CX017"),
    _kind(FaultCode.INTERLOCK_STUCK, "interlock channel stuck", Severity.FAILURE, Stops.AT_ONCE,
          clears="by a technician, after the board's interlock was repaired", until=Until.TECHNICIAN,
          cause="the pilot board's interlock welded, or the coil fed past it; only the Pi can open now",
          remedy="replace the pilot board, check the coil's wiring, then stop two sessions in order",
          mrec="CX017"),
    _kind(FaultCode.DIODE, "no diode in the car's pilot circuit", Severity.FAILURE, Stops.AT_ONCE,
          clears="at unplug", until=Until.UNPLUG,
          cause="something that is not a car, or a damaged cable",
          remedy="try another car; if it stays, test the outlet with an adapter", mrec="CX014"),
    _kind(FaultCode.PILOT_SHORT, "control pilot shorted", Severity.FAILURE, Stops.AT_ONCE,
          clears="when the pilot is A or B again", cause="damaged cable, water in the connector",
          remedy="inspect cable and connector", mrec="CX014"),
    _kind(FaultCode.VENTILATION, "car asks for ventilation", Severity.NOTICE, Stops.AT_ONCE,
          clears="at unplug", until=Until.UNPLUG, cause="state D, and this site has no ventilation",
          remedy="this car cannot charge here"),
    _kind(FaultCode.PROXIMITY, "cable not recognised", Severity.FAILURE, Stops.ORDERLY,
          clears="at unplug", until=Until.UNPLUG, cause="proximity resistor out of every window",
          remedy="try another cable", mrec="CX023"),
    _kind(FaultCode.RESIDUAL_CURRENT, "residual current", Severity.DANGER, Stops.AT_ONCE,
          clears="by a technician", until=Until.TECHNICIAN,
          cause="insulation fault in car, cable or outlet",
          remedy="find the insulation fault before resetting", mrec="CX002"),
    _kind(FaultCode.EMERGENCY_STOP, "emergency stop", Severity.DANGER, Stops.AT_ONCE,
          clears="when the button is released", cause="somebody pressed it",
          remedy="make sure that nobody is in danger, then release the button", mrec="CX008"),
    _kind(FaultCode.BROWN_OUT, "board supply too low", Severity.FAILURE, Stops.CUT,
          clears="when the supply is in range", cause="12 V supply overloaded or failing",
          remedy="measure the 12 V supply under load", mrec="CX006"),
    _kind(FaultCode.SELF_TEST, "residual current self-test failed", Severity.FAILURE, Stops.AT_ONCE,
          clears="by a technician, after the self-test passed", until=Until.TECHNICIAN,
          cause="residual current module dead, without supply or stuck, or its test wire open",
          remedy="check the module's supply and wires, then let the board test it again", mrec="CX002"),
    _kind(FaultCode.TEMPERATURE, "too hot, or no temperature", Severity.FAILURE, Stops.CUT,
          clears="when the terminals are back in range for a minute",
          cause="loose terminal, blocked ventilation, sensor broken or off its wire",
          remedy="switch the breaker off, tighten the terminals; check the sensor", mrec="CX003"),
    _kind(FaultCode.BOARD_MEMORY, "board memory lost", Severity.NOTICE, Stops.NOTHING,
          clears="when the board has read its memory at a start",
          cause="the pilot board's flash is damaged or worn",
          remedy="calibrate the board again with `forecourt board calibrate`; replace it if it recurs"),
    _kind(FaultCode.READER_LOST, "card reader lost", Severity.FAILURE, Stops.NOTHING,
          clears="when the reader answers again", cause="USB or UART cable, reader without supply",
          remedy="check the reader's cable; running sessions can be stopped by unplugging"),
    _kind(FaultCode.JOURNAL_STALLED, "journal stalled", Severity.FAILURE, Stops.NOTHING,
          clears="when commits are quick again", cause="SD card slow, full or dying",
          remedy="replace the SD card; nothing is granted until its record is safe"),
    _kind(FaultCode.CLOUD_OFFLINE, "no contact with the cloud", Severity.NOTICE, Stops.NOTHING,
          clears="when the cloud acknowledges again", cause="network or broker down",
          remedy="nothing is lost; check the router, then the broker"),
)}
