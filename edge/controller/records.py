"""What rows say: OCPP 2.0.1 shapes and names, camelCase as on its wire.

`evse.id` is OCPP's integer; our own id travels in `customData.evseId`, and tokens appear only as
their `ref` (the plan: rows never hold a UID in clear).
"""

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import Fault, Severity
from edge.controller.idtoken import IdToken, Source
from edge.controller.reading import Quality, Reading, ReadingContext
from edge.controller.session import Session
from edge.controller.site import PHASES, Evse
from edge.controller.struct import Value

VENDOR = "org.forecourt"

TX_EVENT = "tx.event.v1"
TX_CDR = "tx.cdr.v1"
EV_FAULT = "ev.fault.v1"
EV_STATUS = "ev.status.v1"
EV_BOOT = "ev.boot.v1"
EV_CLOCK = "ev.clock.v1"
EV_GAP = "ev.gap.v1"
EV_METER = "ev.meter.v1"
EV_SECURITY = "ev.security.v1"
TM_METER = "tm.meter.v1"
SALVAGED = {"tx": "tx.salvaged.v1", "ev": "ev.salvaged.v1", "tm": "tm.salvaged.v1"}
"""By the stream of the row inside, which is the stream that it is told in."""

_ALERT = 5
_SEVERITY = {Severity.DANGER: 0, Severity.FAILURE: 3, Severity.NOTICE: 6}


class Wire(Value, rename="camel", omit_defaults=True):
    """Base of the shapes: optional members that are absent are left out, as OCPP wants it."""


class CustomData(Wire):
    vendor_id: str
    evse_id: str | None = None
    level: int | None = None
    last4: str | None = None
    contract_id: str | None = None
    source: str | None = None
    sealed: str | None = None
    energy_raw: str | None = None
    energy_scale: str | None = None
    meter_id: str | None = None
    plug_seq: int | None = None
    boot: int | None = None
    mono_ns: int | None = None
    because: str | None = None
    down_wh: int | None = None
    carried_wh: int | None = None
    from_wh: int | None = None
    to_wh: int | None = None
    estimated: bool | None = None
    energy_mono_ns: int | None = None


class EvseRef(Wire):
    id: int
    connector_id: int
    custom_data: CustomData


class IdTokenType(Wire):
    id_token: str
    type: str
    custom_data: CustomData


class SampledValue(Wire):
    value: float
    context: str
    measurand: str
    unit_of_measure: dict[str, str]
    phase: str | None = None


class MeterValue(Wire):
    timestamp: str | None
    sampled_value: tuple[SampledValue, ...]
    custom_data: CustomData | None = None


class TransactionInfo(Wire):
    transaction_id: str
    charging_state: str | None = None
    stopped_reason: str | None = None


class TransactionEvent(Wire):
    event_type: str
    timestamp: str | None
    trigger_reason: str
    seq_no: int
    transaction_info: TransactionInfo
    evse: EvseRef
    id_token: IdTokenType
    meter_value: tuple[MeterValue, ...] = ()
    custom_data: CustomData | None = None


class StatusNotification(Wire):
    timestamp: str | None
    connector_status: str
    evse_id: int
    connector_id: int
    custom_data: CustomData


class Component(Wire):
    name: str
    evse: EvseRef | None = None
    custom_data: CustomData | None = None


class Variable(Wire):
    name: str


class EventData(Wire):
    event_id: int
    timestamp: str | None
    trigger: str
    actual_value: str
    event_notification_type: str
    component: Component
    variable: Variable
    tech_info: str
    cleared: bool
    severity: int
    tech_code: str = ""
    transaction_id: str | None = None
    custom_data: CustomData | None = None


class NotifyEvent(Wire):
    generated_at: str | None
    seq_no: int
    event_data: tuple[EventData, ...]


class BootData(Wire):
    """What this start found: journal, open sessions, kept values, contactors that nobody closed."""

    vendor_id: str
    epoch: str = ""
    journal_new: bool = False
    sessions: tuple[str, ...] = ()
    tallies: int = 0
    wear: int = 0
    found_closed: tuple[str, ...] = ()  # EVSE ids


class BootNotification(Wire):
    reason: str
    timestamp: str | None
    firmware_version: str
    custom_data: BootData | None = None


class ClockSet(Wire):
    """At `mono_ns` of boot `boot` it was `utc`, while the clock had said `was_utc` (None: nothing)."""

    boot: int
    mono_ns: int
    utc: str
    was_utc: str | None = None


class Gap(Wire):
    """Rows of `stream` that nobody need wait for: given up for room, or never written.

    With `first_seq` to `last_seq` they had numbers, and the chain goes on after `hash`, the hash (64
    hex digits) of the last one. Without, `rows` of them were dropped before they got any.
    """

    stream: str
    rows: int
    because: str  # "disk low", "disk full"
    first_seq: int | None = None
    last_seq: int | None = None
    hash: str | None = None
    from_utc: str | None = None
    to_utc: str | None = None


class Salvaged(Wire):
    """A row of a journal that was found damaged, told in the one that began after it.

    It is the same row: whoever holds `epoch`, its stream and `seq` already has it. `hash` holds for
    its content after `prev` (`chain.row_hash`; 64 hex digits each). `data`: its exact bytes, base64.
    """

    epoch: str
    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    prev: str
    hash: str
    data: bytes


class SecurityEvent(Wire):
    type: str
    timestamp: str | None
    tech_info: str = ""


class OutletSample(Wire):
    evse: EvseRef
    meter_value: tuple[MeterValue, ...]


class SiteSample(Wire):
    """Telemetry of all outlets in one message, and of the site's own meters."""

    timestamp: str | None
    outlets: tuple[OutletSample, ...]
    meters: tuple[MeterValue, ...] = ()


def evse_ref(evse: Evse) -> EvseRef:
    return EvseRef(id=evse.ordinal, connector_id=1,
                   custom_data=CustomData(vendor_id=VENDOR, evse_id=evse.id))


def id_token(token: IdToken, level: int, source: Source) -> IdTokenType:
    """`source`: who said that it may charge; `policy` marks an unknown card that was let in."""
    return IdTokenType(id_token=token.ref, type=token.type, custom_data=CustomData(
        vendor_id=VENDOR, level=level, last4=token.last4 or None, contract_id=token.contract_id,
        source=source, sealed=token.sealed or None))


def meter_value(reading: Reading, utc: str | None, context: ReadingContext) -> MeterValue:
    """Everything that a reading holds. The register value is in Wh, its raw form beside it."""
    values: list[SampledValue] = []

    def add(value: float | None, measurand: str, unit: str, phase: str | None = None) -> None:
        if value is not None:
            values.append(SampledValue(value=value, context=context, measurand=measurand,
                                       unit_of_measure={"unit": unit}, phase=phase))

    add(reading.energy_import_wh, "Energy.Active.Import.Register", "Wh")
    add(reading.power_w, "Power.Active.Import", "W")
    for phase in PHASES:
        add(getattr(reading.current_a, phase), "Current.Import", "A", phase)
        add(getattr(reading.voltage_v, phase), "Voltage", "V", f"{phase}-N")
    return MeterValue(timestamp=utc, sampled_value=tuple(values), custom_data=CustomData(
        vendor_id=VENDOR, meter_id=reading.meter_id, energy_raw=reading.energy_raw or None,
        energy_scale=reading.energy_scale or None, mono_ns=reading.mono_ns,
        energy_mono_ns=reading.energy_mono_ns,
        estimated=reading.quality is Quality.ESTIMATED or None))


def transaction_event(session: Session, evse: Evse, *, event_type: str, trigger: str,
                      utc: str | None, meter: tuple[MeterValue, ...] = ()) -> TransactionEvent:
    """`seqNo` is the session's; the caller moves it on."""
    return TransactionEvent(
        event_type=event_type, timestamp=utc, trigger_reason=trigger, seq_no=session.seq_no,
        transaction_info=TransactionInfo(
            transaction_id=session.transaction_id, charging_state=session.charging_state,
            stopped_reason=session.stop_reason if event_type == "Ended" else None),
        evse=evse_ref(evse), id_token=id_token(session.token, session.token.level, session.source),
        meter_value=meter,
        custom_data=CustomData(vendor_id=VENDOR, plug_seq=session.plug_seq,
                               down_wh=session.down_wh or None,
                               carried_wh=session.carried_wh or None))


def notify_event(fault: Fault, evse: Evse | None, *, event_id: int, utc: str | None,
                 cleared: bool) -> NotifyEvent:
    """A fault that began or ended. `techCode` is the catalogue's code."""
    kind = CATALOGUE[fault.code]
    component = Component(name=kind.component, evse=evse_ref(evse) if evse else None,
                          custom_data=CustomData(vendor_id=VENDOR, meter_id=fault.where))
    return NotifyEvent(generated_at=utc, seq_no=0, event_data=(EventData(
        event_id=event_id, timestamp=utc, trigger="Alerting", actual_value=str(not cleared).lower(),
        event_notification_type="HardWiredNotification", component=component,
        variable=Variable(name="Problem"), tech_code=fault.code, cleared=cleared,
        tech_info=f"{kind.name} at {fault.where}: {fault.detail}".strip(": "),
        severity=_SEVERITY[kind.severity]),))


def meter_event(reading: Reading, evse: Evse | None, *, event_id: int, utc: str | None,
                transaction_id: str | None) -> NotifyEvent:
    """A register that began anew: of which meter, from what, to what, and why. No fault."""
    from_wh, to_wh = reading.rebased_from_wh, reading.energy_import_wh
    component = Component(name="FiscalMetering" if evse else "ControlMetering",
                          evse=evse_ref(evse) if evse else None,
                          custom_data=CustomData(vendor_id=VENDOR, meter_id=reading.meter_id))
    return NotifyEvent(generated_at=utc, seq_no=0, event_data=(EventData(
        event_id=event_id, timestamp=utc, trigger="Delta", actual_value=str(to_wh), cleared=False,
        event_notification_type="HardWiredNotification", component=component,
        variable=Variable(name="EnergyImportRegister"), severity=_ALERT,
        tech_info=f"register of {reading.meter_id} began anew ({reading.rebased_why}): "
                  f"{from_wh} Wh before, {to_wh} Wh now",
        transaction_id=transaction_id, custom_data=CustomData(
            vendor_id=VENDOR, from_wh=from_wh, to_wh=to_wh, because=reading.rebased_why or None)),))


def raw(data: Value) -> msgspec.Raw:
    """The bytes of a row."""
    return msgspec.Raw(msgspec.json.encode(data))
