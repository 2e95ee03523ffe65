"""What has to be done again and again: renewals, readings that are due, status and telemetry rows."""

import msgspec

from edge.controller import limits, seldom
from edge.controller.authorisation import reserving
from edge.controller.catalogue import CATALOGUE
from edge.controller.closing import asks
from edge.controller.effects import OpenContactor, RaiseFault, ReadMeter, RenewGrant, Stream
from edge.controller.faults import FaultCode, Stops
from edge.controller.moves import tell
from edge.controller.phase import ENERGISED, Phase
from edge.controller.pilot import PilotState
from edge.controller.plug import pilot
from edge.controller.reading import Quality, ReadingContext
from edge.controller.records import (
    EV_STATUS,
    TM_METER,
    VENDOR,
    CustomData,
    OutletSample,
    SiteSample,
    StatusNotification,
    evse_ref,
    meter_value,
)
from edge.controller.signs import at_rest, wants_start_reading
from edge.controller.state import Outlet
from edge.controller.turn import Turn

ASK_AGAIN_S = 1.0
REOPEN_S = 1.0


def run(turn: Turn) -> None:
    for outlet in turn.judged():
        evse_id = outlet.evse_id
        _renew(turn, outlet)
        _reopen(turn, turn.outlets[evse_id])
        _ask_start(turn, turn.outlets[evse_id])
        _ask_end(turn, turn.outlets[evse_id])
        _sample(turn, turn.outlets[evse_id])
        _status(turn, turn.outlets[evse_id])
        _expire(turn, turn.outlets[evse_id])
        _note_idle(turn, turn.outlets[evse_id])
    if turn.few is None:
        limits.expire(turn)
    _telemetry(turn)


def _renew(turn: Turn, outlet: Outlet) -> None:
    """A grant expires unless renewed; a renewal never starts and never raises, so it may pass.

    After X1 there is none: the board ends its PERMIT by itself at B, or after 6 s.
    """
    due = turn.past(outlet.renewed_ns, turn.timers.renew_s)
    if outlet.phase in (Phase.CLOSING, Phase.CHARGING) and outlet.granted_ns is not None and due:
        turn.emit(RenewGrant(evse_id=outlet.evse_id, grant_s=turn.timers.grant_s,
                             current_a=outlet.offer.current_a))
        turn.set(outlet.evse_id, renewed_ns=turn.now_ns)


def _reopen(turn: Turn, outlet: Outlet) -> None:
    """Energised without a phase that explains it: open, and again until it is proven."""
    if turn.site.started_ns is None:
        return  # what explains it may still be on its way out of the journal
    board = outlet.board
    live = outlet.relay_on or (board is not None and board.permit and outlet.board_error is None)
    lost = turn.has(FaultCode.BOARD_LOST, outlet.evse_id)
    trips = turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.CUT)
    waits = outlet.restored is not None and not (lost or trips)
    live = live or (lost and outlet.pi_mirror_closed is None)  # never looked at in this boot
    unexplained = live and outlet.phase not in ENERGISED and not waits
    due = outlet.opened_at_ns is None or turn.past(outlet.opened_at_ns, REOPEN_S)
    if unexplained and (due or (trips and _tripped_now(turn, outlet))):
        turn.emit(OpenContactor(evse_id=outlet.evse_id, urgent=True, reason="not explained"))
        turn.set(outlet.evse_id, opened_at_ns=turn.now_ns)


def _tripped_now(turn: Turn, outlet: Outlet) -> bool:
    """An opening in order that is under way takes half a second, which is too long now."""
    return outlet.opened_at_ns != turn.now_ns and any(
        isinstance(e, RaiseFault) and e.fault.concerns(outlet.evse_id)
        and CATALOGUE[e.fault.code].stops in (Stops.AT_ONCE, Stops.CUT) for e in turn.effects)


def _ask_start(turn: Turn, outlet: Outlet) -> None:
    """The start register, asked for again and again; after a while one that nothing can have moved."""
    late = wants_start_reading(outlet) and turn.past(outlet.since_ns, turn.timers.start_read_s)
    reading = at_rest(turn, outlet) if late else None
    if reading is not None and outlet.session is not None:
        turn.set(outlet.evse_id, session=msgspec.structs.replace(
            outlet.session, last_wh=reading.energy_import_wh,
            start_reading=msgspec.structs.replace(reading, quality=Quality.ESTIMATED)))
        return
    if (outlet.phase is Phase.PREPARING and turn.past(outlet.read_asked_ns, ASK_AGAIN_S)
            and turn.evse(outlet.evse_id).meter_on_supply_side):
        turn.emit(ReadMeter(meter_id=turn.evse(outlet.evse_id).meter_id,
                            context=ReadingContext.TRANSACTION_BEGIN))
        turn.set(outlet.evse_id, read_asked_ns=turn.now_ns)


def _ask_end(turn: Turn, outlet: Outlet) -> None:
    """The end register: what the meter produced after the contactor was proven open."""
    session = outlet.session
    if (session is None or session.start_reading is None or session.end_reading is not None
            or outlet.phase is not Phase.ENDING
            or not turn.past(outlet.open_ns, turn.evse(outlet.evse_id).meter_refresh_s)
            or not turn.evse(outlet.evse_id).meter_on_supply_side):
        return
    if outlet.read_asked_ns is None or turn.past(outlet.read_asked_ns, ASK_AGAIN_S):
        turn.emit(ReadMeter(meter_id=session.meter_id, context=ReadingContext.TRANSACTION_END))
        turn.set(outlet.evse_id, read_asked_ns=turn.now_ns)


def _sample(turn: Turn, outlet: Outlet) -> None:
    session = outlet.session
    if session is None or not turn.past(outlet.sampled_ns, turn.timers.sample_s):
        return
    reading = turn.site.readings.get(session.meter_id)
    if reading is not None and outlet.phase is Phase.CHARGING:
        session = tell(turn, session, "Updated", "MeterValuePeriodic", reading)
        turn.set(outlet.evse_id, session=session)
    turn.set(outlet.evse_id, sampled_ns=turn.now_ns)


def _note_idle(turn: Turn, outlet: Outlet) -> None:
    """Since when a car sleeps: offered and at rest, never having asked in this session; or asking
    since a time without PWM, which the board does not count until the car has let go.
    """
    session, board = outlet.session, outlet.board
    sleeps = (outlet.phase is Phase.READY and outlet.offer.current_a > 0 and session is not None
              and board is not None and board.pwm_on and not board.waking
              and ((pilot(outlet) is PilotState.B and session.start_reading is None)
                   or (asks(turn, outlet) and board.dark)))
    idle_ns = (outlet.idle_ns or turn.now_ns) if sleeps else None
    if idle_ns != outlet.idle_ns:
        turn.set(outlet.evse_id, idle_ns=idle_ns)


def connector_status(turn: Turn, outlet: Outlet) -> str:
    """OCPP 2.0.1 ConnectorStatusEnumType."""
    if turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY, Stops.PAUSE):
        return "Faulted"
    in_session = outlet.session is not None or outlet.restored is not None
    if outlet.seen_ns is None or (not outlet.operational and not in_session):
        return "Unavailable"
    if outlet.phase is not Phase.VACANT:
        return "Occupied"
    return "Available" if reserving.at(turn, outlet.evse_id) is None else "Reserved"


def _status(turn: Turn, outlet: Outlet) -> None:
    status = connector_status(turn, outlet)
    if turn.site.started_ns is None:
        return
    if status != outlet.status:
        turn.set(outlet.evse_id, status=status)
    if status == outlet.status_told or not seldom.may(turn, outlet.status_rows):
        return
    evse = turn.evse(outlet.evse_id)
    turn.set(outlet.evse_id, status_told=status,
             status_rows=seldom.noted(turn, outlet.status_rows))
    turn.record(Stream.EV, EV_STATUS, StatusNotification(
        timestamp=turn.at.utc, connector_status=status, evse_id=evse.ordinal, connector_id=1,
        custom_data=CustomData(vendor_id=VENDOR, evse_id=evse.id)))


def _expire(turn: Turn, outlet: Outlet) -> None:
    if outlet.message is not None and turn.reached(outlet.message_until_ns):
        turn.set(outlet.evse_id, message=None)
    if (outlet.receipt is not None and outlet.phase is not Phase.FINISHED
            and turn.past(outlet.receipt_ns, turn.timers.receipt_s)):
        turn.set(outlet.evse_id, receipt=None)


def _telemetry(turn: Turn) -> None:
    """One row for all outlets (one commit per period spares the SD card)."""
    if not turn.past(turn.site.telemetry_ns, turn.timers.telemetry_s):
        return
    turn.change(telemetry_ns=turn.now_ns)
    fresh = {m: r for m, r in turn.site.readings.items()
             if not turn.past(r.mono_ns, turn.timers.meter_lost_s)}
    if not fresh:
        return
    context = ReadingContext.SAMPLE_PERIODIC
    turn.record(Stream.TM, TM_METER, SiteSample(
        timestamp=turn.at.utc,
        outlets=tuple(OutletSample(evse=evse_ref(e), meter_value=(
            meter_value(fresh[e.meter_id], turn.at.utc, context),))
            for e in turn.plan.evses if e.meter_id in fresh),
        meters=tuple(meter_value(fresh[m], turn.at.utc, context)
                     for m in turn.plan.site_meters if m in fresh)))


