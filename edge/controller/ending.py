"""How a session ends: its reason, its last register, and what the driver is shown of it."""

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.closing import spent
from edge.controller.faults import FaultCode, Stops
from edge.controller.phase import Phase, Sign
from edge.controller.pilot import PilotState
from edge.controller.plug import pilot, same_board
from edge.controller.reading import Quality, Reading, ReadingContext
from edge.controller.session import Session, StopReason
from edge.controller.snapshot import ReceiptView
from edge.controller.state import Outlet, Stop
from edge.controller.turn import Turn

FAULT_REASONS = {
    FaultCode.RESIDUAL_CURRENT: StopReason.GROUND_FAULT,
    FaultCode.EMERGENCY_STOP: StopReason.EMERGENCY_STOP,
    FaultCode.OVERCURRENT: StopReason.OVERCURRENT,
}


def stop_reason(turn: Turn, outlet: Outlet, sign: Sign) -> Stop:
    """A wish that was on its way keeps its reason, whatever happens while it is carried out."""
    if outlet.stop is not None:
        return outlet.stop
    if spent(turn, outlet):
        return Stop(reason=StopReason.ENERGY_LIMIT_REACHED, trigger="EnergyLimitReached")
    if sign is Sign.UNPLUGGED:
        if outlet.phase is Phase.REPLUG:
            return Stop(reason=StopReason.EV_DISCONNECTED, trigger="EVDeparted")
        if pilot(outlet) is not PilotState.A and not same_board(outlet):
            return Stop(reason=StopReason.POWER_LOSS, trigger="AbnormalCondition")
        return Stop(reason=StopReason.EV_DISCONNECTED, trigger="EVDeparted")
    for fault in turn.faults_of(outlet.evse_id):
        if CATALOGUE[fault.code].stops in (Stops.AT_ONCE, Stops.ORDERLY, Stops.CUT):
            return Stop(reason=FAULT_REASONS.get(fault.code, StopReason.OTHER),
                        trigger="AbnormalCondition")
    return Stop(reason=StopReason.OTHER, trigger="AbnormalCondition")


def last_seen(turn: Turn, session: Session) -> Reading | None:
    """The last register value of this session, where the meter gave none after the opening: estimated.

    Of a value that only the session remembers (from before a restart) the raw register is not known.
    """
    start, least_wh = session.start_reading, session.least_wh
    if start is None or least_wh is None:
        return start
    seen = turn.site.readings.get(session.meter_id)
    if seen is not None and seen.energy_import_wh is not None and seen.energy_import_wh >= least_wh:
        return msgspec.structs.replace(seen, quality=Quality.ESTIMATED)
    if least_wh == start.energy_import_wh:
        return msgspec.structs.replace(start, quality=Quality.ESTIMATED)
    return Reading(meter_id=start.meter_id, mono_ns=start.mono_ns, energy_import_wh=least_wh,
                   energy_scale=start.energy_scale, context=ReadingContext.TRANSACTION_END,
                   quality=Quality.ESTIMATED)


def receipt(session: Session) -> ReceiptView:
    end, (start_estimated, end_estimated) = session.end_reading, session.estimated
    return ReceiptView(
        transaction_id=session.transaction_id, began_utc=session.began.utc,
        ended_utc=session.ended.utc if session.ended else None, energy_wh=session.energy_wh,
        start_wh=session.start_wh, start_estimated=start_estimated, end_estimated=end_estimated,
        spans=tuple((span.from_wh, span.to_wh) for span in session.spans) if session.segments else (),
        end_wh=end.energy_import_wh if end else None, stop_reason=session.stop_reason or "")
