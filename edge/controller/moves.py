"""What a move of the outlet machine does on its way: one function per `phase.Do`.

Order within a step matters to the shell only in this: effects that take power run at once, records
are committed together, effects that grant wait for them.
"""

from collections.abc import Callable, Mapping

import msgspec

from edge.controller.authorisation import quotas, reserving, telling, unknown
from edge.controller.closing import is_open, just_opened
from edge.controller.effects import (
    CloseContactor,
    OpenContactor,
    PriceSession,
    ReadMeter,
    SaveSession,
    Stream,
    WakeCar,
    WithdrawOffer,
)
from edge.controller.ending import last_seen, receipt, stop_reason
from edge.controller.faults import Stops
from edge.controller.idtoken import Role, Source
from edge.controller.phase import CHARGING_STATES, ENERGISED, TRIGGERS, Do, Phase, Sign
from edge.controller.pilot import PilotState
from edge.controller.plug import PLUGGED_IN, pilot
from edge.controller.reading import Reading, ReadingContext
from edge.controller.records import TX_EVENT, meter_value, transaction_event
from edge.controller.session import ChargingState, Period, Session
from edge.controller.state import Card, Offer, Outlet
from edge.controller.turn import NS, Turn

WAKE_X1_S = 1.0  # X1 after F, so that the car sees the edge of PWM (EVerest: 0.75 s)


def tell(turn: Turn, session: Session, event_type: str, trigger: str,
         reading: Reading | None = None, context: ReadingContext | None = None) -> Session:
    """Record one TransactionEvent of a session and keep the session; returns it moved on."""
    meter = () if reading is None else (
        meter_value(reading, turn.at.utc, context or reading.context),)
    turn.record(Stream.TX, TX_EVENT, transaction_event(
        session, turn.evse(session.evse_id), event_type=event_type, trigger=trigger,
        utc=turn.at.utc, meter=meter))
    session = msgspec.structs.replace(session, seq_no=session.seq_no + 1, saved=turn.instant)
    turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
    return session


def set_charging_state(turn: Turn, outlet: Outlet, state: ChargingState, trigger: str) -> None:
    """Open a new period and record the change, if it is one."""
    session = outlet.session
    if session is None or session.charging_state is state:
        return
    session = msgspec.structs.replace(
        session, charging_state=state, periods=(*session.periods, _period(turn, session, state)))
    turn.set(outlet.evse_id, session=tell(turn, session, "Updated", trigger))


def _period(turn: Turn, session: Session, state: ChargingState) -> Period:
    return Period(start=turn.instant, energy_wh=(session.start_wh or 0) + session.energy_wh,
                  charging=state is ChargingState.CHARGING,
                  ev_idle=state is ChargingState.SUSPENDED_EV)


def begin(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """A transaction begins at authorisation with a car plugged in."""
    card, board = outlet.card, outlet.board
    if card is None or board is None:
        return
    evse = turn.evse(outlet.evse_id)
    session = Session(
        transaction_id=turn.at.fresh_id if turn.at.fresh_id not in turn.used_ids
        else f"{turn.at.fresh_id}-{evse.ordinal}",
        evse_id=outlet.evse_id, began=turn.instant, plug_seq=board.plug_seq,
        token=msgspec.structs.replace(card.record.token, level=card.level),
        group_ref=card.record.group_ref, board_boot=board.boot_count, meter_id=evse.meter_id,
        tariff=turn.plan.tariff, limit_wh=card.record.limit_wh, source=card.source,
        role=card.record.role, account=card.record.account, quotas=quotas.bound(card.record))
    _note_card(turn, card, session)
    turn.used_ids.add(session.transaction_id)
    session = msgspec.structs.replace(
        session, periods=(_period(turn, session, ChargingState.EV_CONNECTED),))
    session = tell(turn, session, "Started", "Authorized")
    turn.set(outlet.evse_id, session=session, card=None, stop=None, receipt=None, message=None,
             began_ns=turn.now_ns, sampled_ns=turn.now_ns, language=card.record.language, shorts=0,
             idle_ns=None, woken=False, paused=False, replug_ns=None, last_ref=None)


def _note_card(turn: Turn, card: Card, session: Session) -> None:
    """What follows of whose card it is, besides the session."""
    reserving.used(turn, session.evse_id, card.record)
    if card.source is Source.POLICY:
        unknown.count(turn)
    if card.record.role is Role.SERVICE:
        telling.security(turn, telling.MAINTENANCE, f"service card {session.token.ref} began "
                         f"{session.transaction_id} at EVSE {session.evse_id}")


def read_start(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """The start register is read before the contactor closes."""
    evse = turn.evse(outlet.evse_id)
    if evse.meter_on_supply_side:
        turn.emit(ReadMeter(meter_id=evse.meter_id, context=ReadingContext.TRANSACTION_BEGIN))
    turn.set(outlet.evse_id, read_asked_ns=turn.now_ns)


def close(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """Record first; the grant waits for the commit (rule 3: no power that the journal knows not of)."""
    session = outlet.session
    if session is None:
        return
    reading, context = session.start_reading, ReadingContext.TRANSACTION_BEGIN
    if reading is not None and session.last_wh != reading.energy_import_wh:
        reading, context = turn.site.readings.get(session.meter_id), ReadingContext.SAMPLE_PERIODIC
    session = tell(turn, session, "Updated", "ChargingStateChanged", reading, context)
    turn.set(outlet.evse_id, session=session, closing=True, close_error=None, granted_ns=None,
             open_ns=None, renewed_ns=turn.now_ns)
    turn.emit(CloseContactor(evse_id=outlet.evse_id, grant_s=turn.timers.grant_s,
                             current_a=outlet.offer.current_a))


def take_power(turn: Turn, outlet: Outlet, reason: str, *, urgent: bool) -> Outlet:
    """Relay off and grant revoked; safe to repeat, so it is done whenever it might be needed."""
    if reason in _BY_FAULT and (outlet.phase in ENERGISED or just_opened(turn, outlet)):
        outlet = turn.set(outlet.evse_id, fault_open_ns=turn.now_ns)
    if outlet.closing or outlet.relay_on or not is_open(outlet):
        turn.emit(OpenContactor(evse_id=outlet.evse_id, urgent=urgent, reason=reason))
        outlet = turn.set(outlet.evse_id, opened_at_ns=turn.now_ns)
    return turn.set(outlet.evse_id, closing=False, close_error=None, granted_ns=None, x1_ns=None)


def open_(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """C -> B, or the board took PERMIT back: open at once (IEC seq. 8.1).

    Where the board has, the relay is the second channel, and lets it prove itself (decision 0016).
    """
    long = outlet.phase is Phase.CHARGING and turn.past(outlet.since_ns, turn.timers.short_s)
    outlet = take_power(turn, outlet, sign, urgent=not _board_was_first(turn, outlet))
    turn.set(outlet.evse_id, shorts=0 if long else outlet.shorts + 1)


def _board_was_first(turn: Turn, outlet: Outlet) -> bool:
    """The car went from C to B, PERMIT fell by itself, and nothing else is wrong."""
    board = outlet.board
    return (outlet.phase is Phase.CHARGING and board is not None and not board.permit
            and pilot(outlet) is PilotState.B
            and not turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY, Stops.PAUSE))


def withdraw_offer(turn: Turn, outlet: Outlet, because: str = "") -> Outlet:
    """X1. The car has 6 s to open S2."""
    if outlet.offer.current_a > 0 or (outlet.board is not None and outlet.board.pwm_on):
        turn.emit(WithdrawOffer(evse_id=outlet.evse_id))
    return turn.set(outlet.evse_id, offer=Offer(
        told_ns=turn.now_ns, raised_ns=outlet.offer.raised_ns, because=because,
        before_a=max(outlet.offer.current_a, outlet.offer.before_a)))


def withdraw(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    outlet = withdraw_offer(turn, outlet)
    outlet = turn.set(outlet.evse_id, x1_ns=outlet.x1_ns or turn.now_ns)
    if sign is Sign.STOP_ASKED:
        _keep_stop(turn, outlet)


def _keep_stop(turn: Turn, outlet: Outlet) -> None:
    """A stop that was asked for is not forgotten, whatever becomes of us until it is done."""
    stop = stop_reason(turn, outlet, Sign.STOP_ASKED)
    if outlet.session is not None:
        session = msgspec.structs.replace(outlet.session, stop_reason=stop.reason)
        turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
        turn.set(outlet.evse_id, session=session, stop=stop)


def _urgent(outlet: Outlet, sign: Sign) -> bool:
    """Everything but the end of an orderly X1 with the car still there and the pilot still known.

    The board has opened by then or the car had its time, so that the channels may prove themselves
    one after the other (`edge/outlet/opening.py`).
    """
    after_x1 = outlet.phase in (Phase.PAUSING, Phase.STOPPING) and sign in _ENDS_X1
    return not (after_x1 and pilot(outlet) in PLUGGED_IN)


def open_paused(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    withdraw_offer(turn, take_power(turn, outlet, sign, urgent=_urgent(outlet, sign)))


def open_ending(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """Power goes first; then the reason is fixed, the rest of the end follows the meter."""
    left = outlet.session.periods[-1].start if (
        outlet.phase is Phase.REPLUG and outlet.session is not None) else None
    outlet = take_power(turn, outlet, sign, urgent=_urgent(outlet, sign))
    outlet = withdraw_offer(turn, outlet)
    stop = stop_reason(turn, outlet, sign)
    session = outlet.session
    if session is not None:
        session = msgspec.structs.replace(session, stop_reason=stop.reason,
                                           ended=session.ended or left or turn.instant)
        turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
    turn.set(outlet.evse_id, session=session, stop=stop, read_asked_ns=None, open_ns=None,
             replug_ns=None)


def open_replug(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """The plug left. Its first edge (the row that this makes) is the end if nothing comes back."""
    withdraw_offer(turn, take_power(turn, outlet, sign, urgent=True))


def plugged_again(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """The session goes on with this plug; the board looked at its cable and looks at its diode."""
    session, board = outlet.session, outlet.board
    if session is not None and board is not None:
        turn.set(outlet.evse_id, replug_ns=None, idle_ns=None, session=msgspec.structs.replace(
            session, plug_seq=board.plug_seq))


def wake(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """F for some seconds, then X1, then the offer anew: some cars that sleep wake up by it."""
    pulse_s = turn.timers.wake_pulse_s
    withdraw_offer(turn, outlet)
    turn.emit(WakeCar(evse_id=outlet.evse_id, pulse_s=pulse_s))
    turn.set(outlet.evse_id, woken=True, idle_ns=None,
             not_before_ns=turn.now_ns + int((pulse_s + WAKE_X1_S) * NS))


def resume(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """Nothing holds it any more; the offer follows."""
    turn.set(outlet.evse_id, idle_ns=None)


def finish(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    """Record the end with the end register, then have it priced."""
    session, stop = outlet.session, outlet.stop
    if session is None or stop is None:
        return
    if session.end_reading is None and session.start_reading is not None:
        session = msgspec.structs.replace(session, end_reading=last_seen(turn, session))
    session = msgspec.structs.replace(session, charging_state=ChargingState.IDLE, told=True)
    session = tell(turn, session, "Ended", stop.trigger, session.end_reading,
                   ReadingContext.TRANSACTION_END)
    quotas.count(turn, session)
    turn.emit(PriceSession(evse_id=outlet.evse_id, session=session))
    turn.set(outlet.evse_id, session=None, stop=None, receipt=receipt(session),
             receipt_ns=turn.now_ns, last_ref=session.token.ref)


def forget(turn: Turn, outlet: Outlet, sign: Sign) -> None:
    turn.set(outlet.evse_id, card=None, stop=None, plugged_ns=None, language=None, read_asked_ns=None,
             last_ref=None)


_BY_FAULT = frozenset({Sign.TRIPPED, Sign.CUT})
_ENDS_X1 = frozenset({Sign.RELEASED, Sign.CAR_RESTS, Sign.PERMIT_LOST})

_ACTIONS: Mapping[Do, Callable[[Turn, Outlet, Sign], None]] = {
    Do.NOTHING: lambda _turn, _outlet, _sign: None,
    Do.BEGIN: begin, Do.READ_START: read_start, Do.CLOSE: close,
    Do.OPEN: open_, Do.WITHDRAW: withdraw, Do.OPEN_PAUSED: open_paused,
    Do.OPEN_ENDING: open_ending, Do.OPEN_REPLUG: open_replug, Do.PLUGGED_AGAIN: plugged_again,
    Do.WAKE: wake, Do.RESUME: resume, Do.FINISH: finish, Do.FORGET: forget,
}


def make(turn: Turn, evse_id: str, sign: Sign, to: Phase, do: Do) -> None:
    """Carry out a move: the action with the outlet as it was, then the new phase and its state."""
    _ACTIONS[do](turn, turn.outlets[evse_id], sign)
    outlet = turn.set(evse_id, phase=to, since_ns=turn.now_ns)
    states, session = CHARGING_STATES[to], outlet.session
    if states is not None and session is not None:
        set_charging_state(turn, outlet, states[any(p.charging for p in session.periods)],
                           TRIGGERS[do])
