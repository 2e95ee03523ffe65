"""The outlet machine: ONE table of phases and signs. All transition logic lives here.

Theory of operation. A *phase* is where an outlet is on its way from vacant to finished. A *sign* is
a fact about the present moment (`signs.py`), not an edge: it is true or false, so that a missed
event, a restart or a doubled frame cannot lose a transition. After each event the signs are read in
the order of `Sign`, which is their urgency, and the first one with a move in the table is taken,
until none is left. What shall be done on the way is named by `Do` and written in `moves.py`.

Names of the phases map to OCPP 2.0.1 ChargingState in `records.py`; the times are IEC 61851-1
Table A.6: opening on A (8.2) and on C -> B (8.1) at once, closing within 3 s of C (4), opening at
the latest 6 s after X1 if the car ignores it (10.2).
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from edge.controller.session import ChargingState
from edge.controller.struct import Value


class Phase(enum.StrEnum):
    """Where an outlet is."""

    VACANT = "vacant"  # no car
    AWAITING_CARD = "awaiting_card"  # car, nobody authorised
    READY = "ready"  # transaction, current offered, contactor open, the car rests
    PREPARING = "preparing"  # the car asks; waiting for the start register
    CLOSING = "closing"  # grant asked for; waiting for commit, board and mirror
    CHARGING = "charging"
    PAUSING = "pausing"  # X1 sent; the transaction will go on
    PAUSED = "paused"  # contactor open by our wish, transaction alive
    REPLUG = "replug"  # the plug left a young session; perhaps it only bounces
    STOPPING = "stopping"  # X1 sent; the transaction ends
    ENDING = "ending"  # opening, then the end register
    FINISHED = "finished"  # priced or being priced; the car is still plugged in


class Sign(enum.StrEnum):
    """Facts, most urgent first. Definition order is the order of evaluation."""

    BOUNCED = "bounced"  # the plug left a young session a moment ago
    UNPLUGGED = "unplugged"  # pilot A, or not surely the same car any more
    TRIPPED = "tripped"  # a fault that opens at once and ends the session
    CUT = "cut"  # a fault that opens at once; the transaction may go on
    PERMIT_LOST = "permit_lost"  # the board took its half of the interlock back, or knows no pilot
    CAR_RESTS = "car_rests"  # pilot B
    STOP_ASKED = "stop_asked"  # card, screen, cloud, or a fault that ends in order
    HELD = "held"  # a fault that pauses, or no current to share
    GRANT_FAILED = "grant_failed"
    RELEASED = "released"  # after X1: B, or below 1 A, or 6 s over
    END_READ = "end_read"  # open, and a register that the meter made after that
    CLOSED = "closed"  # grant passed and both mirrors say closed
    BACK = "back"  # a plug is in again, in time and by the same board
    START_READ = "start_read"  # all that closing needs (`closing.py`)
    CAR_ASKS = "car_asks"  # pilot C, diode seen, current offered, minimum off time over
    SLEEPS = "sleeps"  # offered for long, and the car never asked
    FREE = "free"  # nothing holds it any more
    CARD = "card"  # an accepted token waits for this outlet
    PLUGGED = "plugged"  # pilot B, C or D


class Do(enum.StrEnum):
    """What a move does on its way; each is a function in `moves.py`."""

    NOTHING = "nothing"
    BEGIN = "begin"  # open a transaction
    READ_START = "read_start"
    CLOSE = "close"  # record, then grant
    OPEN = "open"  # at once
    WITHDRAW = "withdraw"  # X1, the contactor stays closed for now
    OPEN_PAUSED = "open_paused"
    OPEN_ENDING = "open_ending"
    OPEN_REPLUG = "open_replug"
    PLUGGED_AGAIN = "plugged_again"  # the session goes on with this plug
    WAKE = "wake"  # once
    RESUME = "resume"
    FINISH = "finish"  # record the end, then price
    FORGET = "forget"  # the car left


class Move(Value):
    """Where to go and what to do on the way. `None` in the table means: stay."""

    to: Phase
    do: Do = Do.NOTHING


def _to(phase: Phase, do: Do = Do.NOTHING) -> Move:
    return Move(to=phase, do=do)


P, S = Phase, Sign

#: Phases in which a transaction is open and not yet on its way out.
LIVE = frozenset({P.READY, P.PREPARING, P.CLOSING, P.CHARGING, P.PAUSING, P.PAUSED, P.REPLUG})
#: Phases in which current may be offered.
OFFERING = frozenset({P.READY, P.PREPARING, P.CLOSING, P.CHARGING})
#: Phases in which the contactor may be closed.
ENERGISED = frozenset({P.CLOSING, P.CHARGING, P.PAUSING, P.STOPPING})

_END = _to(P.ENDING, Do.OPEN_ENDING)
_CUT = _to(P.PAUSED, Do.OPEN_PAUSED)
_BOUNCE = _to(P.REPLUG, Do.OPEN_REPLUG)

_MOVES: dict[Phase, dict[Sign, Move]] = {
    P.VACANT: {S.PLUGGED: _to(P.AWAITING_CARD)},
    P.AWAITING_CARD: {
        S.UNPLUGGED: _to(P.VACANT, Do.FORGET),
        S.CARD: _to(P.READY, Do.BEGIN),
    },
    P.READY: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _CUT,
        S.STOP_ASKED: _END,
        S.HELD: _to(P.PAUSED, Do.OPEN_PAUSED),
        S.CAR_ASKS: _to(P.PREPARING, Do.READ_START),
        S.SLEEPS: _to(P.READY, Do.WAKE),
    },
    P.PREPARING: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _CUT,
        S.STOP_ASKED: _END,
        S.CAR_RESTS: _to(P.READY),
        S.HELD: _to(P.PAUSED, Do.OPEN_PAUSED),
        S.START_READ: _to(P.CLOSING, Do.CLOSE),
    },
    P.CLOSING: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _CUT,
        S.PERMIT_LOST: _to(P.READY, Do.OPEN),
        S.CAR_RESTS: _to(P.READY, Do.OPEN),
        S.STOP_ASKED: _to(P.STOPPING, Do.WITHDRAW),
        S.HELD: _to(P.PAUSING, Do.WITHDRAW),
        S.GRANT_FAILED: _to(P.READY, Do.OPEN),
        S.CLOSED: _to(P.CHARGING),
    },
    P.CHARGING: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _CUT,
        S.PERMIT_LOST: _to(P.READY, Do.OPEN),
        S.CAR_RESTS: _to(P.READY, Do.OPEN),
        S.STOP_ASKED: _to(P.STOPPING, Do.WITHDRAW),
        S.HELD: _to(P.PAUSING, Do.WITHDRAW),
    },
    P.PAUSING: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _CUT,
        S.PERMIT_LOST: _to(P.PAUSED, Do.OPEN_PAUSED),
        S.CAR_RESTS: _to(P.PAUSED, Do.OPEN_PAUSED),
        S.STOP_ASKED: _to(P.STOPPING, Do.WITHDRAW),
        S.RELEASED: _to(P.PAUSED, Do.OPEN_PAUSED),
    },
    P.PAUSED: {
        S.BOUNCED: _BOUNCE, S.UNPLUGGED: _END, S.TRIPPED: _END, S.STOP_ASKED: _END,
        S.FREE: _to(P.READY, Do.RESUME),
    },
    P.REPLUG: {
        S.UNPLUGGED: _END, S.TRIPPED: _END, S.STOP_ASKED: _END,
        S.BACK: _to(P.READY, Do.PLUGGED_AGAIN),
    },
    P.STOPPING: {
        S.UNPLUGGED: _END, S.TRIPPED: _END, S.CUT: _END, S.PERMIT_LOST: _END,
        S.CAR_RESTS: _END, S.RELEASED: _END,
    },
    P.ENDING: {S.END_READ: _to(P.FINISHED, Do.FINISH)},
    P.FINISHED: {
        S.UNPLUGGED: _to(P.VACANT, Do.FORGET),
        S.CARD: _to(P.READY, Do.BEGIN),
    },
}

#: Every phase with every sign: a move, or `None` for "stay".
TABLE: Mapping[tuple[Phase, Sign], Move | None] = MappingProxyType(
    {(phase, sign): _MOVES[phase].get(sign) for phase in Phase for sign in Sign}
)


C = ChargingState

#: OCPP 2.0.1 ChargingState in each phase: before the first charge of a session, and after it.
#: `None`: there is no transaction, or its state stays as it was. Where both sides hold a session up,
#: the EVSE is named (OCPP 2.0.1, ChargingStateEnumType).
CHARGING_STATES: Mapping[Phase, tuple[ChargingState, ChargingState] | None] = MappingProxyType({
    P.VACANT: None,
    P.AWAITING_CARD: None,
    P.READY: (C.EV_CONNECTED, C.SUSPENDED_EV),
    P.PREPARING: (C.EV_CONNECTED, C.SUSPENDED_EV),
    P.CLOSING: (C.EV_CONNECTED, C.SUSPENDED_EV),
    P.CHARGING: (C.CHARGING, C.CHARGING),
    P.PAUSING: (C.SUSPENDED_EVSE, C.SUSPENDED_EVSE),
    P.PAUSED: (C.SUSPENDED_EVSE, C.SUSPENDED_EVSE),
    P.REPLUG: (C.IDLE, C.IDLE),
    P.STOPPING: (C.SUSPENDED_EVSE, C.SUSPENDED_EVSE),
    P.ENDING: None,
    P.FINISHED: None,
})

#: OCPP 2.0.1 TriggerReason of the row that a change of the charging state makes, by what is done on the
#: way; the end of a session has the trigger of its reason (`moves.py`).
TRIGGERS: Mapping[Do, str] = MappingProxyType(
    dict.fromkeys(Do, "ChargingStateChanged")
    | {Do.BEGIN: "Authorized", Do.OPEN_REPLUG: "EVCommunicationLost", Do.PLUGGED_AGAIN: "EVDetected"})


def charging_states() -> str:
    """`CHARGING_STATES` as a table in Markdown, for the documentation."""
    lines = ["| phase | before the first charge | after it |", "|---|---|---|"]
    for phase, states in CHARGING_STATES.items():
        before, after = states or ("", "")
        lines.append(f"| {phase} | {before} | {after} |")
    return "\n".join(lines)


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> vacant"]
    for (phase, sign), move in TABLE.items():
        if move is not None:
            lines.append(f"    {phase} --> {move.to}: {sign}")
    return "\n".join(lines)
