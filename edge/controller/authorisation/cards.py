"""What a presented card means: start, stop, or be told why not.

What the card itself shows comes first (`present`), then who vouches for it (`asking.py`), then where
it takes effect (`placing.py`), and whether it may do so there (`at_outlet.py`, `allowed.py`). A display
never tells a blocked card from an unknown one, and a card that is enrolled at a higher level is refused
when it shows only its number (no downgrade).
"""

import msgspec

from edge.controller.authorisation import (
    asking,
    bad_taps,
    choosing,
    free_vend,
    placing,
    reserving,
    telling,
)
from edge.controller.authorisation.allowed import judge
from edge.controller.authorisation.at_outlet import closed_to, end, is_own, may_end
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.events import CardPresented
from edge.controller.idtoken import Level, Unproven
from edge.controller.phase import LIVE, Phase
from edge.controller.state import Card, Outlet
from edge.controller.turn import NS, Turn

_PROOFS = {  # what a proof that did not hold means, and the security event that tells of it
    Unproven.WRONG: (Why.COPY, "it does not hold its key", telling.INVALID),
    Unproven.REPLAYED: (Why.COPY, "a message that was shown before", telling.REPLAY),
    Unproven.FOREIGN: (Why.REFUSED, "a certificate of another authority", telling.INVALID),
}


def present(turn: Turn, tap: CardPresented) -> None:
    """A card was shown at a reader that serves these EVSEs."""
    if not tap.evse_ids:
        return
    if tap.random:
        bad_taps.refuse(turn, tap, Refused(why=Why.RANDOM, log="it makes its number up"))
    elif tap.unproven is Unproven.TORN:
        _torn(turn, tap)
    elif tap.unproven is Unproven.OUTDATED:
        telling.refuse(turn, tap, Refused(why=Why.EXPIRED, log="its certificate is out of date"))
    elif (doubt := _doubt(tap)) is not None:
        refused, event = doubt
        bad_taps.refuse(turn, tap, refused, event)
    else:
        _proven(turn, tap)


def _torn(turn: Turn, tap: CardPresented) -> None:
    """No word about the card, or about who it is: it may end what it began where nothing says that its
    number is too little for that. A copy that falls silent when it is asked would go unseen for ever.
    """
    if tap.record is None and (own := placing.own_sessions(turn, tap)):
        end(turn, tap, own[0])
        return
    if tap.record is not None and tap.record.min_level > Level.UID:
        bad_taps.spend(turn, tap.reader_id)
    telling.refuse(turn, tap, Refused(why=Why.AGAIN, log="it was taken away too soon"))


def _doubt(tap: CardPresented) -> tuple[Refused, str] | None:
    """Why this may be another card than the one that it says it is, and the event that tells of it.

    One that does not speak what it was enrolled with is as good as its number, which may do.
    """
    if tap.unproven is not None and tap.unproven in _PROOFS:
        why, log, event = _PROOFS[tap.unproven]
        return Refused(why=why, log=log), event
    if tap.record is not None and tap.level < tap.record.min_level:
        log = f"shown at level {tap.level}, enrolled at {tap.record.min_level}"
        return Refused(why=Why.COPY, log=log), telling.REPLAY
    return None


def _proven(turn: Turn, tap: CardPresented) -> None:
    record = asking.vouched(turn, tap)
    if record is not None:
        asking.settle(turn, tap)
        placing.place(turn, tap, record)
        return
    own = placing.own_sessions(turn, tap)
    if own:  # whatever became of the card since it began: it may end what it began
        end(turn, tap, own[0])
        return
    asking.ask(turn, tap)


def may_stop(outlet: Outlet, tap: CardPresented) -> bool:
    """Whether this card ends what runs here: its own session, or one of its user or group; a master's
    or technician's card ends any.
    """
    if outlet.session is None or outlet.phase not in LIVE or tap.random or _doubt(tap) is not None:
        return False
    if tap.unproven is Unproven.OUTDATED or (tap.unproven is Unproven.TORN and tap.record is not None):
        return False
    return is_own(outlet.session, tap.token) or may_end(outlet.session, tap.record)


def assign(turn: Turn) -> None:
    """Give a waiting card to the outlet where a car was plugged in; forget what waited too long."""
    before = turn.site
    reserving.expire(turn)
    bad_taps.forgive(turn)
    asking.follow(turn)
    choosing.follow(turn)
    cards = [c for c in turn.site.cards if not turn.reached(c.until_ns)]
    for outlet in sorted(turn.judged(), key=lambda o: (o.plugged_ns or 0, o.evse_id)):
        if outlet.phase is Phase.AWAITING_CARD and outlet.card is None:
            _give(turn, outlet, cards)
        elif outlet.card is not None and turn.reached(outlet.card.until_ns):
            turn.set(outlet.evse_id, card=None)
    if tuple(cards) != turn.site.cards:
        turn.change(cards=tuple(cards))
    if turn.site is not before:
        turn.reaches_others = True


def _give(turn: Turn, outlet: Outlet, cards: list[Card]) -> None:
    """The first card that waits for this one; judged anew, for a minute may have gone by."""
    for card in list(cards):
        if outlet.evse_id not in card.evse_ids or closed_to(turn, card, outlet) is not None:
            continue
        cards.remove(card)
        refused = judge(turn, card.record, card.level, outlet.evse_id, card.source)
        if refused is not None:
            telling.say_why(turn, (outlet.evse_id,), refused.why)
            continue
        turn.set(outlet.evse_id, card=msgspec.structs.replace(
            card, until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS)))
        return
    free_vend.serve(turn, outlet)
