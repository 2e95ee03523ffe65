"""Faults of a contactor's life, and of the state that it was found in at the start."""

from edge.controller.closing import is_open
from edge.controller.faults import FaultCode
from edge.controller.rules.found import Standing, at_evse
from edge.controller.turn import Turn
from edge.controller.wear import worn_share


def standing(turn: Turn) -> Standing:
    """Near the end of its rated life; found closed where nothing explained it."""
    for outlet in turn.judged():
        if outlet.found_closed:
            yield at_evse(outlet.evse_id, FaultCode.FOUND_CLOSED,
                          "closed at the start, and no session in the journal explains it")
            if is_open(outlet):
                turn.set(outlet.evse_id, found_closed=False)  # said, and it stands until cleared
        wear = outlet.wear
        if wear is None:
            continue
        share = worn_share(turn.evse(outlet.evse_id), wear)
        if share >= turn.plan.wear_warning:
            yield at_evse(outlet.evse_id, FaultCode.CONTACTOR_WORN,
                          f"{wear.cycles} cycles and {wear.load_breaks} openings under load, the more"
                          f" of them {share:.0%} of its rated life")
