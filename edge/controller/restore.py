"""A session that the journal held open when the controller started: resumed or closed, exactly once.

It is the same car if the board has not restarted and has seen no new plug (`plug_seq`). Then the
session goes on, if it is not older than `resume_s`, with the contactor left as it is if everything
about it is as it was when charging. Otherwise it ends with reason PowerLoss at the last register value;
so it does where its board stays lost for as long.
"""

import msgspec

from edge.controller import clockwork
from edge.controller.closing import asks, is_open
from edge.controller.effects import OpenContactor, SaveSession
from edge.controller.faults import FaultCode
from edge.controller.moves import make
from edge.controller.phase import Do, Phase, Sign
from edge.controller.plug import PLUGGED_IN, pilot
from edge.controller.reading import Reading
from edge.controller.requests import STOPS
from edge.controller.session import ChargingState, Session, StopReason
from edge.controller.state import Offer, Outlet, Stop
from edge.controller.turn import NS, Turn

GOLDEN = 0.6180339887498949


def resolve(turn: Turn, outlet: Outlet) -> bool:
    """Decide about `outlet.restored`. False: the board has not been seen yet, so wait for it."""
    session, board = outlet.restored, outlet.board
    if session is None:
        return True
    known = outlet.board_error is None and outlet.seen_ns is not None
    if (board is None or not known) and not _given_up(turn, outlet):
        return False
    same_car = (board is not None and known and board.plug_seq == session.plug_seq
                and board.boot_count == session.board_boot)
    resumed = (session.ended is None and same_car and pilot(outlet) in PLUGGED_IN
               and not _too_old(turn, session))
    if turn.site.same_computer:
        session = clockwork.continued(session, turn.at)
    elif resumed:
        session = clockwork.rebased(session, turn.at)
    began_ns = min(session.began.mono_ns, turn.now_ns)  # of an earlier boot it may be any number
    outlet = turn.set(outlet.evse_id, restored=None, session=session, began_ns=began_ns,
                      sampled_ns=turn.now_ns, stop=_stop_under_way(session), paused=session.paused,
                      offer=Offer(raised_ns=turn.now_ns) if board is None else Offer(
                          current_a=board.offered_a, told_ns=board.mono_ns, raised_ns=turn.now_ns))
    if is_open(outlet):  # since when, nobody remembers
        outlet = turn.set(outlet.evse_id, not_before_ns=max(
            outlet.not_before_ns, turn.now_ns + int(turn.timers.min_off_s * NS)))
    if resumed:
        _resume(turn, outlet, session)
    else:
        _close(turn, outlet, session)
    return True


def _given_up(turn: Turn, outlet: Outlet) -> bool:
    """Its driver shall have his bill, and his card for another outlet, although the board is dead."""
    return (turn.has(FaultCode.BOARD_LOST, outlet.evse_id)
            and turn.past(turn.site.started_ns, turn.timers.resume_s))


def _too_old(turn: Turn, session: Session) -> bool:
    """Last kept so long ago that it shall not go on. Where no clock can say, the board is believed."""
    seen = session.saved or session.began
    age_s = clockwork.age_s(seen, turn.at, same_computer=turn.site.same_computer)
    return age_s is not None and age_s > turn.timers.resume_s


def metered_while_down(turn: Turn, outlet: Outlet, reading: Reading) -> None:
    """The first register after a start: what it has grown by is this session's, and marked so.

    Nobody else could be charged by this outlet meanwhile. A register that went back says nothing.
    """
    session, from_wh = outlet.session or outlet.restored, outlet.down_from_wh
    to_wh = reading.energy_import_wh
    if session is None or from_wh is None or to_wh is None or reading.meter_id != session.meter_id:
        return
    if to_wh < from_wh:
        return
    outlet = turn.set(outlet.evse_id, down_from_wh=None)
    if to_wh == from_wh:
        return
    session = msgspec.structs.replace(session, last_wh=to_wh,
                                      down_wh=session.down_wh + to_wh - from_wh)
    turn.set(outlet.evse_id, **{"restored" if outlet.session is None else "session": session})
    turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))


def keep_alive(turn: Turn) -> None:
    """Keep each open session anew a few times in `resume_s`, also where nothing happens in it."""
    for outlet in turn.judged():
        session = outlet.session
        if session is None or session.ended is not None or session.saved is None:
            continue
        here = session.saved.boot == turn.at.boot
        if not here or turn.past(session.saved.mono_ns, turn.timers.resume_s / 4):
            session = msgspec.structs.replace(session, saved=turn.instant)
            turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
            turn.set(outlet.evse_id, session=session)


def found_closed(turn: Turn) -> tuple[str, ...]:
    """At the start, with all sessions known: EVSEs whose contactor nothing explains. They open now.

    A session that was charging explains it, and is decided about when its board has been seen. One
    that was about to close, or had its X1, explains it too, but is no reason to leave it closed.
    """
    found = []
    for outlet in list(turn.outlets.values()):
        if not outlet.relay_on and outlet.pi_mirror_closed is not True:
            continue
        session = outlet.restored
        if session is not None and _charging(session):
            continue
        explained = session is not None and session.ended is None and session.start_reading is not None
        turn.emit(OpenContactor(evse_id=outlet.evse_id, urgent=True, reason="found closed"))
        turn.set(outlet.evse_id, opened_at_ns=turn.now_ns, found_closed=not explained)
        if not explained:
            found.append(outlet.evse_id)
    return tuple(found)


def _charging(session: Session) -> bool:
    return session.ended is None and session.charging_state is ChargingState.CHARGING


def stagger(turn: Turn) -> None:
    """The mains are back for everybody: no outlet closes at once, and each after a time of its own.

    One number is drawn for the event; the golden ratio spreads any number of outlets evenly from it.
    """
    for n, evse_id in enumerate(turn.outlets):
        share = (turn.at.random + n * GOLDEN) % 1.0
        turn.set(evse_id, not_before_ns=turn.now_ns + round(share * turn.timers.stagger_s * NS))


def _resume(turn: Turn, outlet: Outlet, session: Session) -> None:
    board = outlet.board
    charging = (board is not None and board.permit and outlet.relay_on and board.mirror_closed is True
                and outlet.pi_mirror_closed is True and asks(turn, outlet)
                and session.start_reading is not None and board.pwm_on)
    if charging:
        turn.set(outlet.evse_id, phase=Phase.CHARGING, since_ns=turn.now_ns, closing=True,
                 granted_ns=turn.now_ns, renewed_ns=0)
        return
    if not is_open(outlet):
        make(turn, outlet.evse_id, Sign.PERMIT_LOST, Phase.READY, Do.OPEN)
        return
    if session.charging_state is ChargingState.CHARGING:
        make(turn, outlet.evse_id, Sign.FREE, Phase.READY, Do.RESUME)
        return
    turn.set(outlet.evse_id, phase=Phase.READY, since_ns=turn.now_ns)


def _stop_under_way(session: Session) -> Stop | None:
    """The stop that was asked for keeps its reason."""
    if session.stop_reason is None:
        return None
    known = next((stop for stop in STOPS if stop.reason is session.stop_reason), None)
    return known or Stop(reason=session.stop_reason, trigger="AbnormalCondition")


def _close(turn: Turn, outlet: Outlet, session: Session) -> None:
    """Power was lost, or the car has left. Nobody knows when: it is billed as long as it was seen."""
    if session.ended is None:
        session = msgspec.structs.replace(session, ended=session.saved or session.began)
    stop = outlet.stop or Stop(reason=StopReason.POWER_LOSS, trigger="AbnormalCondition")
    turn.set(outlet.evse_id, session=session, stop=stop)
    make(turn, outlet.evse_id, Sign.STOP_ASKED, Phase.ENDING, Do.OPEN_ENDING)
