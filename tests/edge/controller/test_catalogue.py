"""The catalogue of faults: whole, without contradictions, and in the names of others' lists."""

import re
from pathlib import Path

from looped import looped

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import LATCHING, FaultCode, Severity, Stops, Until
from edge.controller.rules import board

KINDS = list(CATALOGUE.values())


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Components of OCPP 2.0.1, part 2, appendix 3 (1.3), of which a fault could speak.
COMPONENTS = words("""
AccessBarrier AcDcConverter AcPhaseSelector Actuator AirCoolingSystem AreaVentilation
BayOccupancySensor BeaconLighting CableBreakawaySensor CaseAccessSensor CHAdeMOCtrlr ChargingStation
ChargingStatusIndicator ClockCtrlr ConnectedEV Connector ConnectorHolsterRelease
ConnectorHolsterSensor ConnectorPlugRetentionLock ConnectorProtectionRelease Controller
ControlMetering CPPWMController DataLink Display DistributionPanel ElectricalFeed ELVSupply
EmergencyStopSensor EnvironmentalLighting EVRetentionLock EVSE ExternalTemperatureSensor
FiscalMetering FloodSensor GroundIsolationProtection Heater HumiditySensor LightSensor
LiquidCoolingSystem LocalAvailabilitySensor LocalController LocalEnergyStorage OCPPCommCtrlr
OverCurrentProtection OverCurrentProtectionRecloser PowerContactor RCD RCDRecloser RealTimeClock
ShockSensor SpacesCountSignage Switch TemperatureSensor TiltSensor TokenReader UIInput
UpstreamProtectionTrigger VehicleIdSensor
""")

# What EVerest's list (its errors/*.yaml) has for an AC station, but for what docs/faults.md excepts.
EVEREST = words("""
evse_board_support/DiodeFault evse_board_support/VentilationNotAvailable evse_board_support/BrownOut
evse_board_support/EnergyManagement evse_board_support/PermanentFault
evse_board_support/MREC2GroundFailure evse_board_support/MREC3HighTemperature
evse_board_support/MREC4OverCurrentFailure evse_board_support/MREC5OverVoltage
evse_board_support/MREC6UnderVoltage evse_board_support/MREC8EmergencyStop
evse_board_support/MREC10InvalidVehicleMode evse_board_support/MREC14PilotFault
evse_board_support/MREC15PowerLoss evse_board_support/MREC17EVSEContactorFault
evse_board_support/MREC18CableOverTempDerate evse_board_support/MREC19CableOverTempStop
evse_board_support/MREC23ProximityFault evse_board_support/MREC24ConnectorVoltageHigh
evse_board_support/TiltDetected evse_board_support/WaterIngressDetected
evse_board_support/EnclosureOpen evse_board_support/VendorError evse_board_support/VendorWarning
evse_board_support/CommunicationFault evse_manager/MREC4OverCurrentFailure
evse_manager/MREC9AuthorizationTimeout ac_rcd/Selftest ac_rcd/DC ac_rcd/AC ac_rcd/MREC2GroundFailure
powermeter/CommunicationFault powermeter/VendorError generic/CommunicationFault
""")


def test_every_code_has_one_row_and_a_name_of_its_own():
    assert list(CATALOGUE) == list(FaultCode), "in the order of the codes"
    assert len({k.name for k in KINDS}) == len(KINDS)
    assert all(k.code == code for code, k in CATALOGUE.items())


def test_codes_are_short_enough_to_say_and_come_in_order():
    codes = [c.value for c in FaultCode]
    assert all(re.fullmatch(r"F[1-7]\d\d", c) for c in codes)
    assert codes == sorted(set(codes))


def test_every_error_that_an_ac_site_can_see_is_here_under_everests_name():
    named = {name for k in KINDS for name in k.everest}
    assert named == EVEREST


@looped("kind", KINDS)
def test_components_and_error_codes_are_of_the_lists(kind):
    assert kind.component in COMPONENTS
    assert kind.mrec == "" or re.fullmatch(r"CX0(0[1-9]|1\d|2[0-6])", kind.mrec)
    numbers = {int(n) for name in kind.everest for n in re.findall(r"/MREC(\d+)", name)}
    if kind.mrec and numbers:
        assert int(kind.mrec[2:]) in numbers, "both lists number the same errors"


@looped("kind", KINDS)
def test_what_is_dangerous_opens_at_once(kind):
    if kind.severity is Severity.DANGER:
        assert kind.stops is Stops.AT_ONCE


@looped("kind", KINDS)
def test_what_keeps_the_transaction_ends_by_itself(kind):
    if kind.stops in (Stops.CUT, Stops.PAUSE, Stops.DERATE):
        assert kind.until in (Until.GONE, Until.RESTART), "or the transaction could never go on"


@looped("kind", KINDS)
def test_what_only_a_technician_ends_is_no_everyday_matter_of_drivers(kind):
    if kind.until is Until.TECHNICIAN and kind.stops is not Stops.NOTHING:
        assert kind.severity is not Severity.NOTICE


def test_latching_faults_outlast_their_cause():
    assert {Until.UNPLUG, Until.TECHNICIAN} == LATCHING


def test_every_fault_that_a_board_can_name_has_a_kind():
    assert set(board._BOARD_FAULTS.values()) <= set(CATALOGUE)


@looped("code", FaultCode)
def test_every_kind_has_a_rule_that_finds_it(code):
    sources = "".join(p.read_text("utf-8") for p in Path(board.__file__).parent.glob("*.py"))
    # While this one stands no core runs: what it does is done by edge/station/safe_stop.py.
    assert code is FaultCode.RESTART_LOOP or re.search(rf"FaultCode\.{code.name}\b", sources), (
        "it could never stand")
