"""Reads the signs of an outlet: one predicate each, pure, in the words of `phase.Sign`.

Unknown is never a reason to grant: a sign that leads towards closing is false unless every fact
that it rests on is known and fresh.
"""

from collections.abc import Callable, Mapping

from edge.controller.authorisation import allowed
from edge.controller.closing import ASKING, CLOSING, is_open, meets, spent
from edge.controller.faults import Stops
from edge.controller.phase import ENERGISED, TABLE, Move, Phase, Sign
from edge.controller.pilot import PilotState
from edge.controller.plug import PLUGGED_IN, back, bounced, pilot, unplugged
from edge.controller.reading import Reading, ReadingContext
from edge.controller.state import Card, Outlet
from edge.controller.turn import NS, Turn

LOW_CURRENT_A = 1.0  # below it the contacts may open without wear


def is_closed(outlet: Outlet) -> bool:
    """Proven closed by both mirrors, by a poll that left after the grant."""
    return (outlet.board is not None and outlet.granted_ns is not None
            and outlet.board.mono_ns > outlet.granted_ns
            and outlet.pi_mirror_closed is True and outlet.board.mirror_closed is True)


def _permit_lost(outlet: Outlet) -> bool:
    if outlet.phase not in ENERGISED or outlet.board is None:
        return False
    if outlet.board_error is None and outlet.board.pilot in (PilotState.UNKNOWN, PilotState.F):
        return True  # unknown is no C
    return (outlet.granted_ns is not None and outlet.board.mono_ns > outlet.granted_ns
            and not outlet.board.permit)


def _released(turn: Turn, outlet: Outlet) -> bool:
    """IEC 61851-1 seq. 10.2: the car had 6 s, or stopped drawing before."""
    if turn.past(outlet.x1_ns, turn.timers.stop_open_s):
        return True
    reading = turn.site.readings.get(turn.evse(outlet.evse_id).meter_id)
    if reading is None or outlet.x1_ns is None or reading.mono_ns <= outlet.x1_ns:
        return False
    phases = (reading.current_a.L1, reading.current_a.L2, reading.current_a.L3)
    known = [a for a in phases if a is not None]
    return bool(known) and all(a < LOW_CURRENT_A for a in known)


def _end_read(turn: Turn, outlet: Outlet) -> bool:
    session, evse = outlet.session, turn.evse(outlet.evse_id)
    if turn.past(outlet.since_ns, turn.timers.end_read_s):
        return True  # whatever hangs, a session ends
    if session is None or session.start_reading is None:
        return is_open(outlet) or _welded(turn, outlet)
    return session.end_reading is not None or (
        not evse.meter_on_supply_side and is_open(outlet))


def _welded(turn: Turn, outlet: Outlet) -> bool:
    return turn.stands(outlet.evse_id, Stops.AT_ONCE) and turn.past(
        outlet.since_ns, turn.timers.mirror_open_s * 2)


def _sleeps(turn: Turn, outlet: Outlet) -> bool:
    """Offered for long, and the car never asked in this session, or at a time that does not count."""
    return (not outlet.woken and turn.timers.wake_after_s > 0
            and turn.past(outlet.idle_ns, turn.timers.wake_after_s))


def _held(turn: Turn, outlet: Outlet) -> bool:
    return (outlet.paused or turn.stands(outlet.evse_id, Stops.PAUSE)
            or turn.shares.get(outlet.evse_id, (0.0, ""))[0] < 6.0)


def _free(turn: Turn, outlet: Outlet) -> bool:
    return (not outlet.paused
            and not turn.stands(outlet.evse_id, Stops.PAUSE, Stops.CUT, Stops.AT_ONCE)
            and pilot(outlet) in PLUGGED_IN
            and turn.shares.get(outlet.evse_id, (0.0, ""))[0] >= 6.0)


def in_use(turn: Turn, card: Card) -> bool:
    """As many sessions as its account may have at once run on this site, or wait to be resumed."""
    return allowed.in_use(turn, card.record) is not None


def _card(turn: Turn, outlet: Outlet) -> bool:
    """A card may begin a session only where nothing stands against it, and only one."""
    return (outlet.card is not None and outlet.operational
            and pilot(outlet) in PLUGGED_IN and is_open(outlet)
            and not in_use(turn, outlet.card)
            and not turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY))


_PREDICATES: Mapping[Sign, Callable[[Turn, Outlet], bool]] = {
    Sign.BOUNCED: bounced,
    Sign.UNPLUGGED: unplugged,
    Sign.TRIPPED: lambda t, o: t.stands(o.evse_id, Stops.AT_ONCE),
    Sign.CUT: lambda t, o: t.stands(o.evse_id, Stops.CUT),
    Sign.PERMIT_LOST: lambda _, o: _permit_lost(o),
    Sign.CAR_RESTS: lambda _, o: pilot(o) is PilotState.B,
    Sign.STOP_ASKED: lambda t, o: (o.stop is not None or spent(t, o)
                                   or t.stands(o.evse_id, Stops.ORDERLY)),
    Sign.HELD: _held,
    Sign.GRANT_FAILED: lambda _, o: o.close_error is not None,
    Sign.RELEASED: _released,
    Sign.END_READ: _end_read,
    Sign.CLOSED: lambda _, o: is_closed(o),
    Sign.BACK: lambda _, o: back(o),
    Sign.START_READ: lambda t, o: meets(t, o, CLOSING),
    Sign.CAR_ASKS: lambda t, o: meets(t, o, ASKING),
    Sign.SLEEPS: _sleeps,
    Sign.FREE: _free,
    Sign.CARD: _card,
    Sign.PLUGGED: lambda _, o: pilot(o) in PLUGGED_IN,
}


def next_move(turn: Turn, outlet: Outlet) -> tuple[Sign, Move] | None:
    """The most urgent sign that has a move in this phase, if any is true now."""
    for sign, move, stands in _BY_PHASE[outlet.phase]:
        if stands(turn, outlet):
            return sign, move
    return None


_BY_PHASE: Mapping[Phase, tuple[tuple[Sign, Move, Callable[[Turn, Outlet], bool]], ...]] = {
    phase: tuple((sign, move, _PREDICATES[sign]) for sign in Sign
                 if (move := TABLE[phase, sign]) is not None) for phase in Phase
}


def wants_start_reading(outlet: Outlet) -> bool:
    """Whether a reading taken now would be the start register."""
    return (outlet.phase is Phase.PREPARING and outlet.session is not None
            and outlet.session.start_reading is None)


def is_start(outlet: Outlet, reading: Reading) -> bool:
    """A reading that was asked for as the start register, made after it was asked for first."""
    return (reading.context is ReadingContext.TRANSACTION_BEGIN and wants_start_reading(outlet)
            and outlet.read_asked_ns is not None and reading.energy_ns >= outlet.since_ns)


def at_rest(turn: Turn, outlet: Outlet) -> Reading | None:
    """The last register that was believed, if no energy can have flowed since: it was read behind a
    contactor that has been proven open from before the meter made it until now.
    """
    evse = turn.evse(outlet.evse_id)
    reading = turn.site.readings.get(evse.meter_id)
    if (reading is None or reading.energy_import_wh is None or evse.meter_id in turn.site.suspects
            or outlet.open_ns is None or not is_open(outlet)
            or reading.energy_ns < outlet.open_ns + evse.meter_refresh_s * NS):
        return None
    return reading


def is_end(turn: Turn, outlet: Outlet, mono_ns: int) -> bool:
    """Whether the meter made a register that was read then after the contactor was proven open."""
    refresh_s = turn.evse(outlet.evse_id).meter_refresh_s
    return (outlet.phase is Phase.ENDING and outlet.open_ns is not None
            and mono_ns >= outlet.open_ns + refresh_s * NS)
