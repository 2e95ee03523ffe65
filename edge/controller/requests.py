"""What may be asked of the core, and its refusals. Taking power away is refused to nobody."""

import math
from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge.controller import clockwork, fault_register, kept, limits, wearing
from edge.controller.authorisation import asking, choosing, reserving
from edge.controller.authorisation.at_outlet import serves
from edge.controller.catalogue import CATALOGUE
from edge.controller.closing import is_open
from edge.controller.effects import AcknowledgeBoard, SaveSession
from edge.controller.faults import Until
from edge.controller.phase import ENERGISED, LIVE, Phase
from edge.controller.request import Origin, Request
from edge.controller.session import StopReason
from edge.controller.state import Outlet, Reservation, Stop
from edge.controller.turn import Turn

MAX_WORDS = 40  # of somebody else's reason, on our screen
MAX_ID = 64  # characters of a name that somebody else gives
MAX_TTL_S = 366 * 86_400.0

#: What somebody may end a session for, with OCPP 2.0.1's trigger for each. The others are ours to say.
STOPS = (
    Stop(reason=StopReason.LOCAL, trigger="StopAuthorized"),
    Stop(reason=StopReason.REMOTE, trigger="RemoteStop"),
    Stop(reason=StopReason.DE_AUTHORIZED, trigger="Deauthorized"),
    Stop(reason=StopReason.ENERGY_LIMIT_REACHED, trigger="EnergyLimitReached"),
    Stop(reason=StopReason.REBOOT, trigger="ResetCommand"),
    Stop(reason=StopReason.OTHER, trigger="AbnormalCondition"),
)


def answer(turn: Turn, request: Request) -> str | None:
    """Carry a request out; returns why not, or None."""
    if request.expires_utc is not None and clockwork.over(request.expires_utc, turn.at):
        return f"request {request.id} expired at {request.expires_utc}"
    handler = _REQUESTS.get(request.action)
    if handler is None:
        return f"action: got {request.action!r}, expected one of {', '.join(_REQUESTS)}"
    return handler(turn, request.args, request.origin)


Args = dict[str, msgspec.Raw]
T = TypeVar("T")


def _get(args: Args, name: str, kind: type[T]) -> T | None:
    """A member of the arguments; None if it is not there or not of that kind."""
    try:
        return msgspec.json.decode(args[name], type=kind)
    except (KeyError, msgspec.DecodeError, UnicodeError):
        return None


def _find(turn: Turn, args: Args) -> Outlet | str:
    evse_id = _get(args, "evse_id", str)
    if evse_id is None or evse_id not in turn.outlets:
        return f"evse_id: got {evse_id!r}, expected one of {', '.join(turn.outlets)}"
    return turn.outlets[evse_id]


def _find_live(turn: Turn, args: Args) -> Outlet | str:
    outlet = _find(turn, args)
    if isinstance(outlet, Outlet) and outlet.phase not in LIVE:
        return f"evse {outlet.evse_id}: no session runs"
    return outlet


def _session_stop(turn: Turn, args: Args, origin: Origin) -> str | None:
    """Stop in order. Anybody at the post may take power away. `reason`: OCPP 2.0.1 ReasonEnumType."""
    outlet = _find_live(turn, args)
    if isinstance(outlet, str):
        return outlet
    usual = StopReason.REMOTE if origin is Origin.SYNC else StopReason.LOCAL
    reason = _get(args, "reason", str) if "reason" in args else usual.value
    stop = next((s for s in STOPS if s.reason == reason), None)
    if stop is None:
        return f"reason: got {reason!r}, expected one of {', '.join(s.reason for s in STOPS)}"
    turn.set(outlet.evse_id, stop=outlet.stop or stop)
    return None


def _session_pause(turn: Turn, args: Args, _: Origin) -> str | None:
    """Pause in order; the transaction goes on with `session.resume`."""
    outlet = _find_live(turn, args)
    if isinstance(outlet, str):
        return outlet
    _pause(turn, outlet, paused=True)
    return None


def _session_resume(turn: Turn, args: Args, _: Origin) -> str | None:
    """Take the pause back. Whatever else holds the session up still does."""
    outlet = _find_live(turn, args)
    if isinstance(outlet, str):
        return outlet
    _pause(turn, outlet, paused=False)
    return None


def _pause(turn: Turn, outlet: Outlet, *, paused: bool) -> None:
    """A restart does not take the wish back, so the session keeps it."""
    session = outlet.session
    if session is not None and session.paused != paused:
        session = msgspec.structs.replace(session, paused=paused)
        turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
    turn.set(outlet.evse_id, paused=paused, session=session)


def _limit_set(turn: Turn, args: Args, _: Origin) -> str | None:
    """At most `current_a` per phase at `where` (an EVSE, or a circuit for all below it) for `ttl_s`
    seconds, or until it is changed; null takes the limit away.
    """
    where, because = _get(args, "where", str), _get(args, "because", str)
    places = [*turn.outlets, *(c.id for c in turn.plan.circuits)]
    if where is None or where not in places:
        return f"where: got {where!r}, expected one of {', '.join(places)}"
    current_a, ttl_s = _get(args, "current_a", float), _get(args, "ttl_s", float)
    if current_a is None and bytes(args.get("current_a", b"")) != b"null":
        return "current_a: expected amperes or null"
    if current_a is not None and not 0 <= current_a < math.inf:
        return f"current_a: got {current_a:g}, expected 0 or more"
    if "ttl_s" in args and not (ttl_s is not None and 0 < ttl_s <= MAX_TTL_S):
        return f"ttl_s: expected seconds, more than 0 and at most {MAX_TTL_S:g}"
    limits.allow(turn, where, current_a, (because or "")[:MAX_WORDS], ttl_s)
    return None


def _availability_set(turn: Turn, args: Args, _: Origin) -> str | None:
    """Take an EVSE out of service as soon as no session runs on it, or back. Kept over a restart."""
    outlet, operational = _find(turn, args), _get(args, "operational", bool)
    if isinstance(outlet, str):
        return outlet
    if operational is None:
        return "operational: expected true or false"
    if operational != outlet.operational:
        turn.set(outlet.evse_id, operational=operational,
                 card=outlet.card if operational else None)
        turn.emit(kept.keep_availability(outlet.evse_id, operational=operational))
    return None


def _card_withdraw(turn: Turn, args: Args, _: Origin) -> str | None:
    """Take back a card that waits for a plug at this EVSE; a session is stopped, not withdrawn."""
    outlet = _find(turn, args)
    if isinstance(outlet, str):
        return outlet
    if outlet.session is not None:
        return f"evse {outlet.evse_id}: a session runs"
    waiting = [c for c in turn.site.cards if outlet.evse_id in c.evse_ids]
    asked = choosing.withdraw(turn, outlet.evse_id) | asking.withdraw(turn, outlet.evse_id)
    if outlet.card is None and not waiting and not asked:
        return f"evse {outlet.evse_id}: no card waits"
    turn.set(outlet.evse_id, card=None)
    turn.change(cards=tuple(c for c in turn.site.cards if c not in waiting))
    return None


def _card_choose(turn: Turn, args: Args, _: Origin) -> str | None:
    """Which EVSE is meant by a card, where the screen asks (`Snapshot.choices`)."""
    choice_id, evse_id = _get(args, "choice_id", str), _get(args, "evse_id", str)
    return choosing.choose(turn, choice_id or "", evse_id or "")


def _reservation_set(turn: Turn, args: Args, _: Origin) -> str | None:
    """Keep a free EVSE for a token or a group until a moment; one with the same id is replaced."""
    outlet, name = _find(turn, args), _get(args, "id", str)
    token_ref, group_ref = _get(args, "token_ref", str), _get(args, "group_ref", str)
    until_utc = _get(args, "until_utc", str)
    if isinstance(outlet, str):
        return outlet
    if not name or len(name) > MAX_ID:
        return f"id: got {name!r}, expected a text of at most {MAX_ID} characters"
    if not token_ref and not group_ref:
        return "token_ref, group_ref: got neither, expected one of them"
    if until_utc is None or clockwork.parse_ms(until_utc) is None:
        return f"until_utc: got {until_utc!r}, expected ISO 8601 with an offset or Z"
    if turn.at.clock_ok and clockwork.over(until_utc, turn.at):
        return f"until_utc: got {until_utc}, which has passed"
    other = reserving.at(turn, outlet.evse_id)
    if other is not None and other.id != name:
        return f"evse {outlet.evse_id}: reserved already, as {other.id}"
    if outlet.phase is not Phase.VACANT or outlet.restored is not None:
        return f"evse {outlet.evse_id}: occupied"
    if not serves(turn, outlet):
        return f"evse {outlet.evse_id}: out of order or out of service"
    reserving.put(turn, Reservation(id=name, evse_id=outlet.evse_id, token_ref=token_ref or None,
                                    group_ref=group_ref or None, until_utc=until_utc))
    return None


def _reservation_cancel(turn: Turn, args: Args, _: Origin) -> str | None:
    """Let everybody charge there again."""
    name = _get(args, "id", str)
    if name is None or name not in turn.site.reservations:
        return f"id: got {name!r}, and nothing is reserved as that"
    reserving.cancel(turn, name)
    return None


def _contactor_replaced(turn: Turn, args: Args, origin: Origin) -> str | None:
    """A technician put a new contactor in: its counters begin at nothing."""
    outlet = _find(turn, args)
    if isinstance(outlet, str):
        return outlet
    if origin is not Origin.SERVICE:
        return "only a technician at the cabinet may say so"
    if outlet.phase in ENERGISED or not is_open(outlet):
        return f"evse {outlet.evse_id}: the contactor is not open"
    wearing.replaced(turn, outlet.evse_id)
    return None


def _fault_clear(turn: Turn, args: Args, _: Origin) -> str | None:
    """A technician looked. The fault ends only if its cause does."""
    code, where = _get(args, "code", str), _get(args, "where", str)
    fault = turn.faults.get(f"{code}@{where}")
    if fault is None:
        return f"no fault {code} stands at {where}"
    if CATALOGUE[fault.code].until is Until.TECHNICIAN:
        board = None if fault.evse_id is None else turn.outlets[fault.evse_id].board
        if fault.evse_id is not None and board is not None:
            turn.emit(AcknowledgeBoard(evse_id=fault.evse_id, fault_seq=board.fault_seq))
        fault_register.acknowledge(turn, fault)
    else:
        fault_register.withdraw(turn, fault)
    return None


_REQUESTS: dict[str, Callable[[Turn, Args, Origin], str | None]] = {
    "session.stop": _session_stop,
    "session.pause": _session_pause,
    "session.resume": _session_resume,
    "limit.set": _limit_set,
    "availability.set": _availability_set,
    "card.withdraw": _card_withdraw,
    "card.choose": _card_choose,
    "reservation.set": _reservation_set,
    "reservation.cancel": _reservation_cancel,
    "contactor.replaced": _contactor_replaced,
    "fault.clear": _fault_clear,
}
