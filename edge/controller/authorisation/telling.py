"""What becomes known of a card that was shown: on the screens, at the reader, in the log, and to who
watches over the site's security.
"""

from collections.abc import Iterable, Mapping

from edge.controller.authorisation.refusal import EXPLAINED, Refused, Why
from edge.controller.effects import NoteRefusal, Stream, TellReader
from edge.controller.events import CardPresented
from edge.controller.phase import LIVE
from edge.controller.records import EV_SECURITY, SecurityEvent
from edge.controller.turn import NS, Turn

# OCPP 2.0.1's list of security events (Part 2, Appendices) has none of its own for a card, so these are
# the nearest of its names; `techInfo` says what it was.
#: Something that was heard before is told again: a number that was copied from a card, or an old proof.
REPLAY = "AttemptedReplayAttacks"
#: What is told is not signed by who should have: a proof that does not hold, or one guess after another
INVALID = "InvalidMessages"
#: Somebody with special rights used them here: a technician's card, or a master's.
MAINTENANCE = "MaintenanceLoginAccepted"


def say(turn: Turn, evse_ids: Iterable[str], message: str | None, for_s: float | None = None) -> None:
    """A passing note on the screens of these EVSEs; None: the last one has had its day."""
    until_ns = turn.now_ns + int((turn.timers.message_s if for_s is None else for_s) * NS)
    for evse_id in evse_ids:
        turn.set(evse_id, message=message, message_until_ns=until_ns)


def say_why(turn: Turn, evse_ids: Iterable[str], why: Why) -> None:
    """A refusal, on the screens of these EVSEs, for as long as it takes to read it."""
    say(turn, evse_ids, why, turn.timers.explained_s if why in EXPLAINED else None)


def idle(turn: Turn, evse_ids: Iterable[str]) -> tuple[str, ...]:
    """Those that charge for nobody; all of them, if there is none: what is said is of no concern to
    who charges next to it.
    """
    asked = tuple(evse_ids)
    return tuple(e for e in asked if turn.outlets[e].phase not in LIVE) or asked


def accept(turn: Turn, reader_id: str, evse_ids: Iterable[str]) -> None:
    """The card was taken: a session begins or ends, or a plug is waited for."""
    say(turn, evse_ids, None)
    turn.emit(TellReader(reader_id=reader_id, accepted=True))


def refuse(turn: Turn, tap: CardPresented, refused: Refused,
           each: Mapping[str, Refused] | None = None) -> None:
    """Nothing comes of this card. `each`: what the screen of each EVSE says instead."""
    for evse_id in idle(turn, tap.evse_ids):
        say_why(turn, (evse_id,), (refused if each is None else each.get(evse_id, refused)).why)
    turn.emit(TellReader(reader_id=tap.reader_id, accepted=False),
              NoteRefusal(reader_id=tap.reader_id, why=refused.why, log=refused.log,
                          token_ref=tap.token.ref, last4=tap.token.last4))


def security(turn: Turn, name: str, info: str) -> None:
    """A row for whoever watches over security. `info` may hold a token's reference, never a number."""
    turn.record(Stream.EV, EV_SECURITY, SecurityEvent(
        type=name, timestamp=turn.at.utc, tech_info=info))
