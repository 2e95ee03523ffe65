"""What closing a contactor needs: every condition has a name here, and no other place decides it.

Unknown is never a reason to grant: a condition is false unless every fact that it rests on is known
and fresh.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge.controller.authorisation import quotas
from edge.controller.faults import Stops
from edge.controller.pilot import PilotState
from edge.controller.plug import pilot
from edge.controller.share import MIN_A
from edge.controller.state import Outlet
from edge.controller.turn import Turn

FREE_SHORTS = 3
_JUST_S = 3.0  # a board opens first, and names its fault with one of its next polls
STOPPING = (Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY, Stops.PAUSE)

Need = Callable[[Turn, Outlet], bool]


def asks(turn: Turn, outlet: Outlet) -> bool:
    """The car asks for energy; in state D it asks for ventilation too, which not every site has."""
    state = pilot(outlet)
    return state is PilotState.C or (
        state is PilotState.D and turn.evse(outlet.evse_id).ventilation)


def is_open(outlet: Outlet) -> bool:
    """Proven open: relay off, and every mirror that can be read says so."""
    board_open = outlet.board_error is not None or (
        outlet.board is not None and outlet.board.mirror_closed is False)
    return not outlet.relay_on and outlet.pi_mirror_closed is False and board_open


def min_off_s(turn: Turn, outlet: Outlet) -> float:
    """A car that asks and rests by turns for hours wears the contacts and fills the journal."""
    return turn.timers.min_off_s * (1 << min(max(outlet.shorts - FREE_SHORTS, 0), 6))


def rested(turn: Turn, outlet: Outlet) -> bool:
    """The minimum off time is over, the longer one after a fault too, and it is this outlet's turn.

    Until then the car is told X1, so that it does not ask in vain.
    """
    timers = turn.timers
    opened_ns, fault_ns = outlet.opened_at_ns, outlet.fault_open_ns
    return (turn.reached(outlet.not_before_ns)
            and (opened_ns is None or turn.past(opened_ns, min_off_s(turn, outlet)))
            and (fault_ns is None or turn.past(fault_ns, timers.fault_off_s)))


def just_opened(turn: Turn, outlet: Outlet) -> bool:
    """So that a fault that is named now has opened it."""
    return outlet.opened_at_ns is not None and not turn.past(outlet.opened_at_ns, _JUST_S)


def spent(turn: Turn, outlet: Outlet) -> bool:
    """The session took all the energy that its card may take, or a quota of its account is used up."""
    session = outlet.session
    return session is not None and (
        (session.limit_wh is not None and session.energy_wh >= session.limit_wh)
        or quotas.spent(turn, session))


def _start_register(turn: Turn, outlet: Outlet) -> bool:
    """Of a meter that is dead until the contactor closes, the first reading after that starts it."""
    return not turn.evse(outlet.evse_id).meter_on_supply_side or (
        outlet.session is not None and outlet.session.start_reading is not None)


def _fresh_reading(turn: Turn, outlet: Outlet) -> bool:
    evse = turn.evse(outlet.evse_id)
    reading = turn.site.readings.get(evse.meter_id)
    return not evse.meter_on_supply_side or (
        reading is not None and not turn.past(reading.energy_ns, turn.timers.meter_lost_s))


def _authorised(turn: Turn, outlet: Outlet) -> bool:
    session = outlet.session
    return (session is not None and session.stop_reason is None and outlet.stop is None
            and not outlet.paused and not spent(turn, outlet))


#: What a car that asks must meet before its start register is read.
ASKING: Mapping[str, Need] = MappingProxyType({
    "the pilot says C (or D)": asks,
    "the board answers": lambda t, o: (o.board is not None and o.board_error is None
                                       and not t.past(o.seen_ns, t.timers.board_lost_s)),
    "a diode was seen": lambda _, o: o.board is not None and o.board.diode_ok,
    "the car waited for PWM": lambda _, o: o.board is not None and not o.board.dark,
    "no self-test runs": lambda _, o: o.board is not None and not o.board.testing,
    "the board shows an offer": lambda _, o: (o.board is not None and o.board.pwm_on
                                              and o.board.offered_a >= MIN_A),
    "current is offered": lambda _, o: o.offer.current_a >= MIN_A,
    "it is proven open": lambda _, o: is_open(o),
    "the minimum off time is over": rested,
    "no fault stops it": lambda t, o: not t.stands(o.evse_id, *STOPPING),
    "it is authorised": _authorised,
})

#: What must be true besides in the very step that asks for the grant.
CLOSING: Mapping[str, Need] = MappingProxyType({
    **ASKING,
    "the start register was read": _start_register,
    "the last reading is fresh": _fresh_reading,
})


def meets(turn: Turn, outlet: Outlet, needs: Mapping[str, Need]) -> bool:
    return all(need(turn, outlet) for need in needs.values())
