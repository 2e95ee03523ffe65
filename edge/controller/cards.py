"""What a card may do: start, stop, or be told why not. First form of offline authorisation.

The display never tells a blocked card from an unknown one more than it must ("refused"), and a card
enrolled at a higher level is refused when it shows only its UID (no downgrade).
"""

import msgspec

from edge.controller.clockwork import over
from edge.controller.effects import Stream
from edge.controller.events import CardPresented
from edge.controller.faults import FaultCode, Stops
from edge.controller.idtoken import IdToken, TokenRecord, TokenStatus
from edge.controller.phase import LIVE, Phase
from edge.controller.plug import PLUGGED_IN, pilot
from edge.controller.records import EV_SECURITY, SecurityEvent
from edge.controller.session import StopReason
from edge.controller.signs import in_use
from edge.controller.state import Card, Outlet, Stop
from edge.controller.turn import NS, Turn

UNKNOWN, REFUSED, BUSY, TOO_SOON = "card_unknown", "card_refused", "card_busy", "card_too_soon"
OUT_OF_ORDER, UNPLUG_FIRST = "card_out_of_order", "card_unplug_first"
ACCEPTED = "card_accepted"


def present(turn: Turn, event: CardPresented) -> None:
    """A card was shown at a reader that serves these EVSEs."""
    mine = [o for o in (turn.outlets[e] for e in event.evse_ids) if may_stop(o, event)]
    if mine:
        _stop(turn, mine[0])
        return
    refusal = _refusal(turn, event)
    if refusal is not None:
        _say(turn, event.evse_ids, refusal)
        return
    assert event.record is not None
    _authorise(turn, event, event.record)


def may_stop(outlet: Outlet, event: CardPresented) -> bool:
    """The card that started a session stops it; so does any card of its group."""
    session = outlet.session
    if session is None or outlet.phase not in LIVE:
        return False
    group = event.record.group_ref if event.record is not None else None
    return session.token.ref == event.token.ref or (
        group is not None and session.group_ref == group and _accepted(event.record))


def _accepted(record: TokenRecord | None) -> bool:
    return record is not None and record.status is TokenStatus.ACCEPTED


def _stop(turn: Turn, outlet: Outlet) -> None:
    if not turn.past(outlet.began_ns, turn.timers.card_dead_s):
        _say(turn, (outlet.evse_id,), TOO_SOON)  # held to the reader: no start-stop flapping
        return
    turn.set(outlet.evse_id, stop=Stop(reason=StopReason.LOCAL, trigger="StopAuthorized"))


def _refusal(turn: Turn, event: CardPresented) -> str | None:
    record = event.record
    if record is None:
        return UNKNOWN
    if event.level < record.min_level:
        turn.record(Stream.EV, EV_SECURITY, SecurityEvent(
            type="TokenDowngrade", timestamp=turn.at.utc,
            tech_info=f"token {record.token.ref} shown at level {event.level}"))
        return REFUSED
    if not _accepted(record):
        return REFUSED
    if record.expires_utc is not None and (
            not turn.at.clock_ok or turn.at.utc is None or over(record.expires_utc, turn.at)):
        return REFUSED  # an expiry cannot be judged by a clock that is not trusted
    if record.evse_ids and not set(record.evse_ids) & set(event.evse_ids):
        return REFUSED
    return None


def _authorise(turn: Turn, event: CardPresented, record: TokenRecord) -> None:
    allowed = [e for e in event.evse_ids if not record.evse_ids or e in record.evse_ids]
    if in_use(turn, record.token):
        _say(turn, event.evse_ids, BUSY)
        return
    open_to_all = [e for e in allowed if _serves(turn, turn.outlets[e])]
    if allowed and not open_to_all:
        late = all(turn.has(FaultCode.AUTH_TIMEOUT, e) for e in allowed)
        _say(turn, allowed, UNPLUG_FIRST if late else OUT_OF_ORDER)
        return
    allowed = open_to_all
    card = Card(record=record, level=event.level, evse_ids=tuple(allowed),
                until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS))
    outlets = [turn.outlets[e] for e in allowed]
    waiting = [o for o in outlets if o.phase is Phase.AWAITING_CARD
               or (o.phase is Phase.FINISHED and pilot(o) in PLUGGED_IN
                   and turn.past(o.receipt_ns, turn.timers.card_dead_s))]
    waited = _take_back(turn, record.token)
    if waiting:
        first = min(waiting, key=lambda o: (o.phase is Phase.FINISHED, o.plugged_ns or 0, o.evse_id))
        turn.set(first.evse_id, card=card)
        return
    if not any(o.phase is Phase.VACANT for o in outlets):
        _say(turn, event.evse_ids, BUSY)
        return
    if not waited:  # shown twice without a plug: taken back
        turn.change(cards=(*turn.site.cards, card))
    _say(turn, allowed, None)


def _serves(turn: Turn, outlet: Outlet) -> bool:
    """Neither out of service nor with a fault that lets no session begin."""
    return outlet.operational and not turn.stands(outlet.evse_id, Stops.AT_ONCE, Stops.ORDERLY)


def _take_back(turn: Turn, token: IdToken) -> bool:
    """A card waits in one place at most; whether it waited for a plug."""
    for outlet in list(turn.outlets.values()):
        if outlet.card is not None and outlet.card.record.token.ref == token.ref:
            turn.set(outlet.evse_id, card=None)
    kept = tuple(c for c in turn.site.cards if c.record.token.ref != token.ref)
    waited = len(kept) < len(turn.site.cards)
    turn.change(cards=kept)
    return waited


def assign(turn: Turn) -> None:
    """Give a waiting card to the outlet where a car was plugged in; forget what waited too long."""
    cards = [c for c in turn.site.cards if not turn.reached(c.until_ns)]
    for outlet in sorted(turn.judged(), key=lambda o: (o.plugged_ns or 0, o.evse_id)):
        if outlet.phase is Phase.AWAITING_CARD and outlet.card is None and _serves(turn, outlet):
            for card in cards:
                if outlet.evse_id in card.evse_ids:
                    cards.remove(card)
                    turn.set(outlet.evse_id, card=msgspec.structs.replace(
                        card, until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS)))
                    break
        elif outlet.card is not None and turn.reached(outlet.card.until_ns):
            turn.set(outlet.evse_id, card=None)
    if tuple(cards) != turn.site.cards:
        turn.change(cards=tuple(cards))


def _say(turn: Turn, evse_ids: tuple[str, ...] | list[str], message: str | None) -> None:
    """A passing note on the screens of these EVSEs that are not busy charging for somebody."""
    until_ns = turn.now_ns + int(turn.timers.message_s * NS)
    for evse_id in evse_ids:
        turn.set(evse_id, message=message, message_until_ns=until_ns)
