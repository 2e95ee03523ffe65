"""What a good card does at one outlet: begin a session, end one, or neither, and why."""

import msgspec

from edge.controller.authorisation import reserving, telling
from edge.controller.authorisation.allowed import judge
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.events import CardPresented
from edge.controller.faults import FaultCode, Stops
from edge.controller.idtoken import IdToken, Role, TokenRecord, TokenStatus
from edge.controller.phase import LIVE, Phase
from edge.controller.plug import PLUGGED_IN, pilot
from edge.controller.session import Session, StopReason
from edge.controller.state import Card, Choice, Outlet, Stop
from edge.controller.turn import NS, Turn


def card_of(turn: Turn, tap: CardPresented, record: TokenRecord) -> Card:
    """A tap as it waits for a plug, or for a word at the screen."""
    return Card(record=record, level=tap.level, evse_ids=tap.evse_ids, source=tap.source,
                until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS))


def tap_of(choice: Choice) -> CardPresented:
    """The tap that a choice came of."""
    card = choice.card
    return CardPresented(reader_id=choice.reader_id, evse_ids=choice.evse_ids, token=card.record.token,
                         level=card.level, record=card.record, source=card.source)


def waits(outlet: Outlet) -> bool:
    """A car is there that a card would start: it waits for one, or its session is over."""
    return outlet.phase in (Phase.AWAITING_CARD, Phase.FINISHED) and outlet.card is None


def why_not(turn: Turn, card: Card, outlet: Outlet) -> Refused | None:
    """Why this card begins no session here; None: it does as soon as a car is plugged in."""
    return (judge(turn, card.record, card.level, outlet.evse_id, card.source)
            or closed_to(turn, card, outlet))


def closed_to(turn: Turn, card: Card, outlet: Outlet) -> Refused | None:
    """What stands against it that is of the outlet and not of the card."""
    if not serves(turn, outlet):
        late = turn.has(FaultCode.AUTH_TIMEOUT, outlet.evse_id)
        return Refused(why=Why.UNPLUG_FIRST if late else Why.OUT_OF_ORDER, log=(
            "the car waited too long" if late else f"EVSE {outlet.evse_id} serves nobody"))
    if reserving.forbids(turn, outlet.evse_id, card.record):
        return Refused(why=Why.RESERVED, log=f"EVSE {outlet.evse_id} is reserved")
    return _taken(turn, card, outlet)


def serves(turn: Turn, outlet: Outlet) -> bool:
    """Neither out of service nor with a fault that lets no session begin."""
    return outlet.operational and not turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.ORDERLY)


def _taken(turn: Turn, card: Card, outlet: Outlet) -> Refused | None:
    if outlet.phase in LIVE:
        return Refused(why=Why.NOT_YOURS, log=f"another's session at EVSE {outlet.evse_id}")
    busy = Refused(why=Why.BUSY, log=f"EVSE {outlet.evse_id} is {outlet.phase}")
    if outlet.restored is not None or (
            outlet.card is not None and outlet.card.record.token.ref != card.record.token.ref):
        return busy
    if outlet.phase is Phase.FINISHED and pilot(outlet) in PLUGGED_IN:
        if turn.past(outlet.receipt_ns, turn.timers.card_dead_s):
            return None
        return Refused(why=Why.TOO_SOON, log="a session has just ended")
    return None if outlet.phase in (Phase.VACANT, Phase.AWAITING_CARD) else busy


def is_own(session: Session | None, token: IdToken) -> bool:
    """Whether this very token began it. Nobody's (free-vend) is nobody's own."""
    return session is not None and token.ref != "" and session.token.ref == token.ref


def may_end(session: Session | None, record: TokenRecord | None) -> bool:
    """Whether a token may end a session that another one began: of the same user or group, a
    technician's, or a master's.
    """
    if session is None or record is None or record.status is not TokenStatus.ACCEPTED:
        return False
    return (record.role in (Role.SERVICE, Role.MASTER)
            or (record.group_ref is not None and session.group_ref == record.group_ref)
            or (record.user_ref is not None and session.account == record.account))


def begin(turn: Turn, tap: CardPresented, card: Card, evse_id: str) -> None:
    """The session begins as soon as the contactor is proven open; the card waits there for that."""
    turn.set(evse_id, card=msgspec.structs.replace(
        card, until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS)))
    telling.accept(turn, tap.reader_id, telling.idle(turn, tap.evse_ids))


def end(turn: Turn, tap: CardPresented, outlet: Outlet) -> None:
    """Stop in order. A card that is held to the reader does not start and stop, whosever it is."""
    evse_id, session, role = outlet.evse_id, outlet.session, Role.DRIVER
    if tap.record is not None:
        role = tap.record.role
    if not turn.past(outlet.began_ns, turn.timers.card_dead_s):
        telling.refuse(turn, msgspec.structs.replace(tap, evse_ids=(evse_id,)),
                       Refused(why=Why.TOO_SOON, log="its session has just begun"))
        return
    if session is not None and role in (Role.SERVICE, Role.MASTER):
        telling.security(turn, telling.MAINTENANCE, f"{role} card {tap.token.ref} ended "
                         f"{session.transaction_id} at EVSE {evse_id}")
    by_master = role is Role.MASTER and not is_own(session, tap.token)
    reason = StopReason.MASTER_PASS if by_master else StopReason.LOCAL
    turn.set(evse_id, stop=outlet.stop or Stop(reason=reason, trigger="StopAuthorized"))
    telling.accept(turn, tap.reader_id, (evse_id, *telling.idle(turn, tap.evse_ids)))


def take_back(turn: Turn, token: IdToken) -> bool:
    """A card waits in one place at most; whether it waited for a plug."""
    for outlet in list(turn.outlets.values()):
        if outlet.card is not None and outlet.card.record.token.ref == token.ref:
            turn.set(outlet.evse_id, card=None)
    kept = tuple(c for c in turn.site.cards if c.record.token.ref != token.ref)
    waited = len(kept) < len(turn.site.cards)
    choices = {key: choice for key, choice in turn.site.choices.items()
               if choice.card.record.token.ref != token.ref}
    if waited or len(choices) < len(turn.site.choices):
        turn.change(cards=kept, choices=choices)
    return waited
