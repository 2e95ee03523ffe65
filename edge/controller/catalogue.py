"""The one catalogue of faults, as data. Words for people are in the screens' catalogues, keyed
`fault.<code>` (what happened), `.do` (what a driver can do), `.cause`, `.measure` and `.remedy`.

Components are those of OCPP 2.0.1 (part 2, appendix 3). Codes of the ChargeX minimum required error
codes (`mrec`) stand where their text fits. Every error of EVerest's list that an AC site can see is
here under its name (`everest`); the others stand in `docs/faults.md`, with the reason.
"""

from edge.controller.faults import FaultCode, FaultKind, Severity, Stops, Until

_C, _V, _S, _U = FaultCode, Severity, Stops, Until

_CONTACTOR = "evse_board_support/MREC17EVSEContactorFault"
_WARNING = "evse_board_support/VendorWarning"
_BROKEN = "evse_board_support/PermanentFault"
_SILENT = "generic/CommunicationFault"
_PILOT = "evse_board_support/MREC14PilotFault"


def _kind(code: FaultCode, name: str, component: str, severity: Severity, stops: Stops, until: Until,
          mrec: str = "", *everest: str) -> FaultKind:
    return FaultKind(code=code, name=name, component=component, severity=severity, stops=stops,
                     until=until, mrec=mrec, everest=everest)


CATALOGUE: dict[FaultCode, FaultKind] = {k.code: k for k in (
    # 1: devices that do not answer, or not credibly
    _kind(_C.BOARD_LOST, "pilot board lost", "CPPWMController", _V.FAILURE, _S.CUT, _U.GONE, "",
          "evse_board_support/CommunicationFault"),
    _kind(_C.METER_SILENT, "meter silent", "FiscalMetering", _V.FAILURE, _S.PAUSE, _U.GONE, "",
          "powermeter/CommunicationFault"),
    _kind(_C.METER_IMPLAUSIBLE, "meter implausible", "FiscalMetering", _V.FAILURE, _S.PAUSE, _U.GONE,
          "", "powermeter/VendorError"),
    _kind(_C.SENSOR_LOST, "temperature sensor lost", "TemperatureSensor",
          _V.FAILURE, _S.DERATE, _U.GONE, "", _SILENT),
    _kind(_C.INPUT_LOST, "safety input lost", "ChargingStation", _V.FAILURE, _S.CUT, _U.GONE,
          "", _SILENT),
    _kind(_C.SITE_METER, "meter of a circuit silent", "ControlMetering",
          _V.FAILURE, _S.NOTHING, _U.GONE, "", "powermeter/CommunicationFault"),
    _kind(_C.METER_CONTRADICTS, "meter contradicts itself", "FiscalMetering",
          _V.FAILURE, _S.ORDERLY, _U.TECHNICIAN, "", "powermeter/VendorError"),
    # 2: relay, interlock, contactor
    _kind(_C.CONTACTOR_WELDED, "contactor welded", "PowerContactor",
          _V.DANGER, _S.AT_ONCE, _U.TECHNICIAN, "CX017",
          _CONTACTOR, "evse_board_support/MREC24ConnectorVoltageHigh"),
    _kind(_C.CONTACTOR_NOT_CLOSED, "contactor did not close", "PowerContactor",
          _V.FAILURE, _S.AT_ONCE, _U.UNPLUG, "CX017", _CONTACTOR),
    _kind(_C.MIRROR_MISMATCH, "mirror contacts disagree", "PowerContactor",
          _V.DANGER, _S.AT_ONCE, _U.GONE, "CX017", _CONTACTOR),
    _kind(_C.RELAY_STUCK, "relay channel stuck", "PowerContactor",
          _V.FAILURE, _S.AT_ONCE, _U.TECHNICIAN, "CX017", _CONTACTOR, _BROKEN),
    _kind(_C.INTERLOCK_STUCK, "interlock channel stuck", "PowerContactor",
          _V.FAILURE, _S.AT_ONCE, _U.TECHNICIAN, "CX017", _CONTACTOR, _BROKEN),
    _kind(_C.CONTACTOR_WORN, "contactor near the end of its life", "PowerContactor",
          _V.NOTICE, _S.NOTHING, _U.TECHNICIAN, "", _WARNING),
    _kind(_C.HAMMERING, "contactor closed too often", "PowerContactor", _V.NOTICE, _S.PAUSE, _U.GONE),
    _kind(_C.FOUND_CLOSED, "contactor found closed at start", "PowerContactor",
          _V.FAILURE, _S.NOTHING, _U.TECHNICIAN, "", _WARNING),
    # 3: the car, its cable, its driver
    _kind(_C.DIODE, "no diode in the car's pilot circuit", "CPPWMController",
          _V.FAILURE, _S.AT_ONCE, _U.UNPLUG, "CX014", "evse_board_support/DiodeFault"),
    _kind(_C.PILOT_SHORT, "control pilot shorted", "CPPWMController",
          _V.FAILURE, _S.AT_ONCE, _U.GONE, "CX014", _PILOT),
    _kind(_C.VENTILATION, "car asks for ventilation", "AreaVentilation",
          _V.NOTICE, _S.AT_ONCE, _U.UNPLUG, "", "evse_board_support/VentilationNotAvailable"),
    _kind(_C.PROXIMITY, "cable not recognised", "Connector", _V.FAILURE, _S.ORDERLY, _U.UNPLUG,
          "CX023", "evse_board_support/MREC23ProximityFault"),
    _kind(_C.PILOT_ODD, "control pilot at no known level", "CPPWMController",
          _V.FAILURE, _S.CUT, _U.GONE, "CX014", _PILOT),
    _kind(_C.CAR_MODE, "car asks before it is offered anything", "ConnectedEV",
          _V.NOTICE, _S.NOTHING, _U.GONE, "CX010", "evse_board_support/MREC10InvalidVehicleMode"),
    _kind(_C.AUTH_TIMEOUT, "no card in time", "TokenReader", _V.NOTICE, _S.ORDERLY, _U.UNPLUG, "CX009",
          "evse_manager/MREC9AuthorizationTimeout"),
    # 4: electricity, heat, surroundings
    _kind(_C.RESIDUAL_CURRENT, "residual current", "RCD", _V.DANGER, _S.AT_ONCE, _U.TECHNICIAN,
          "CX002", "evse_board_support/MREC2GroundFailure", "ac_rcd/MREC2GroundFailure", "ac_rcd/DC",
          "ac_rcd/AC"),
    _kind(_C.EMERGENCY_STOP, "emergency stop", "EmergencyStopSensor", _V.DANGER, _S.AT_ONCE, _U.GONE,
          "CX008", "evse_board_support/MREC8EmergencyStop"),
    _kind(_C.BROWN_OUT, "board supply too low", "ELVSupply", _V.FAILURE, _S.CUT, _U.GONE, "",
          "evse_board_support/BrownOut"),
    _kind(_C.SELF_TEST, "residual current self-test failed", "RCD",
          _V.FAILURE, _S.AT_ONCE, _U.TECHNICIAN, "", "ac_rcd/Selftest"),
    _kind(_C.TEMPERATURE, "too hot, or no temperature", "TemperatureSensor",
          _V.FAILURE, _S.CUT, _U.GONE, "CX003", "evse_board_support/VendorError"),
    _kind(_C.BOARD_MEMORY, "board memory lost", "CPPWMController", _V.NOTICE, _S.NOTHING, _U.GONE, "",
          _WARNING),
    _kind(_C.HOT, "hot, less current offered", "TemperatureSensor", _V.NOTICE, _S.DERATE, _U.GONE,
          "CX003", "evse_board_support/MREC3HighTemperature"),
    _kind(_C.OVERCURRENT, "car takes more than offered", "OverCurrentProtection",
          _V.FAILURE, _S.ORDERLY, _U.UNPLUG, "CX004", "evse_manager/MREC4OverCurrentFailure"),
    _kind(_C.OVERVOLTAGE, "voltage too high", "ElectricalFeed", _V.FAILURE, _S.PAUSE, _U.GONE, "CX005",
          "evse_board_support/MREC5OverVoltage"),
    _kind(_C.UNDERVOLTAGE, "voltage too low", "ElectricalFeed", _V.FAILURE, _S.PAUSE, _U.GONE, "CX006",
          "evse_board_support/MREC6UnderVoltage"),
    _kind(_C.DOOR_OPEN, "enclosure open", "CaseAccessSensor", _V.DANGER, _S.AT_ONCE, _U.GONE, "",
          "evse_board_support/EnclosureOpen"),
    _kind(_C.TILTED, "charging post tilted", "TiltSensor", _V.DANGER, _S.AT_ONCE, _U.TECHNICIAN, "",
          "evse_board_support/TiltDetected"),
    _kind(_C.WATER, "water in the enclosure", "FloodSensor", _V.DANGER, _S.AT_ONCE, _U.TECHNICIAN, "",
          "evse_board_support/WaterIngressDetected"),
    _kind(_C.BREAKER_OPEN, "breaker in front of the outlet open", "OverCurrentProtection",
          _V.FAILURE, _S.PAUSE, _U.GONE, "CX015", "evse_board_support/MREC15PowerLoss",
          "evse_board_support/MREC4OverCurrentFailure"),
    _kind(_C.CIRCUIT_OVERLOAD, "circuit overloaded", "DistributionPanel",
          _V.FAILURE, _S.DERATE, _U.GONE, "", "evse_board_support/EnergyManagement"),
    _kind(_C.EARTH_LOST, "protective earth lost", "GroundIsolationProtection",
          _V.DANGER, _S.AT_ONCE, _U.GONE, "", "evse_board_support/VendorError"),
    _kind(_C.CABLE_HOT, "cable hot, less current offered", "TemperatureSensor",
          _V.NOTICE, _S.DERATE, _U.GONE, "CX018", "evse_board_support/MREC18CableOverTempDerate"),
    _kind(_C.CABLE_TOO_HOT, "cable too hot", "TemperatureSensor", _V.FAILURE, _S.CUT, _U.GONE, "CX019",
          "evse_board_support/MREC19CableOverTempStop"),
    # 5 to 7: card readers, the computer, the line to the cloud
    _kind(_C.READER_LOST, "card reader lost", "TokenReader", _V.FAILURE, _S.NOTHING, _U.GONE, "",
          _SILENT),
    _kind(_C.CARDS_DAMAGED, "list of cards damaged", "TokenReader", _V.FAILURE, _S.NOTHING, _U.GONE),
    _kind(_C.JOURNAL_STALLED, "journal stalled", "Controller", _V.FAILURE, _S.NOTHING, _U.GONE),
    _kind(_C.JOURNAL_DAMAGED, "journal damaged", "Controller", _V.FAILURE, _S.NOTHING, _U.RESTART),
    _kind(_C.DISK_LOW, "disk nearly full", "Controller", _V.NOTICE, _S.NOTHING, _U.GONE),
    _kind(_C.JOURNAL_FULL, "disk full", "Controller", _V.FAILURE, _S.ORDERLY, _U.GONE),
    _kind(_C.CLOCK_UNTRUSTED, "clock not to be trusted", "ClockCtrlr",
          _V.NOTICE, _S.NOTHING, _U.GONE),
    _kind(_C.RESTART_LOOP, "controller stopped after repeated failures", "Controller",
          _V.FAILURE, _S.CUT, _U.RESTART),
    _kind(_C.JOURNAL_SLOW, "journal slow", "Controller", _V.NOTICE, _S.NOTHING, _U.GONE),
    _kind(_C.CLOUD_OFFLINE, "no contact with the cloud", "OCPPCommCtrlr",
          _V.NOTICE, _S.NOTHING, _U.GONE),
)}
