"""Takes in what is known of cards besides a tap: the list, the cloud's word, quotas, reservations."""

import msgspec

from edge.controller.authorisation import asking, reserving
from edge.controller.events import (
    CardAnswered,
    ContactRestored,
    CostSeen,
    ListSeen,
    ReservationRestored,
    UnknownRestored,
    UsageRestored,
)
from edge.controller.state import CardList
from edge.controller.turn import Turn

CardFact = (CardAnswered | ListSeen | UsageRestored | ReservationRestored | CostSeen
            | ContactRestored | UnknownRestored)


def take(turn: Turn, event: CardFact) -> None:
    """Nothing is decided here but where it belongs."""
    match event:
        case ListSeen():
            turn.change(card_list=CardList(version=event.version, tokens=event.tokens,
                                           confirmed_utc=event.confirmed_utc, hurt=event.hurt))
        case UsageRestored():
            turn.change(usage={**turn.site.usage, event.usage.account: event.usage})
        case ContactRestored():
            turn.change(contact_utc=event.utc)
        case ReservationRestored():
            reserving.restore(turn, event.reservation)
        case UnknownRestored():
            turn.change(unknown_taken=event.taken)
        case CostSeen():
            session = turn.outlets[event.evse_id].session
            if session is not None and session.transaction_id == event.transaction_id:
                turn.set(event.evse_id, session=msgspec.structs.replace(session, cost=event.cost))
        case CardAnswered():
            asking.answered(turn, event)
