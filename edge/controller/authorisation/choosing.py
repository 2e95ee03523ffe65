"""Which EVSE is meant by a card, where it could be several: the screen asks, or the oldest is (decision
0031).
"""

import msgspec

from edge.controller.authorisation import telling
from edge.controller.authorisation.at_outlet import begin, end, is_own, may_end, tap_of, waits, why_not
from edge.controller.authorisation.card_policy import Choosing
from edge.controller.events import CardPresented
from edge.controller.phase import LIVE
from edge.controller.state import Card, Choice, Outlet
from edge.controller.turn import NS, Turn


def among(turn: Turn, tap: CardPresented, card: Card, outlets: list[Outlet], *, stops: bool) -> None:
    """Settle on one of these, the first of which has the best claim; or ask which one is meant."""
    policy = turn.plan.cards
    telling.say(turn, telling.idle(turn, tap.evse_ids), None)
    choice = Choice(id=_fresh(turn), reader_id=tap.reader_id, card=card, stops=stops,
                    evse_ids=tuple(o.evse_id for o in outlets),
                    until_ns=turn.now_ns + int(policy.choose_s * NS))
    if len(outlets) == 1 or policy.choosing is Choosing.OLDEST:
        _settle(turn, choice, outlets[0].evse_id)
        return
    turn.change(choices={**turn.site.choices, choice.id: choice})
    telling.accept(turn, tap.reader_id, telling.idle(turn, tap.evse_ids))


def is_pending(turn: Turn, tap: CardPresented, card: Card) -> bool:
    """Whether the screen at this reader asks about this very card, of which this is known by now."""
    mine = {key: msgspec.structs.replace(choice, card=card) for key, choice in turn.site.choices.items()
            if choice.card.record.token.ref == tap.token.ref and choice.reader_id == tap.reader_id}
    if mine:
        turn.change(choices={**turn.site.choices, **mine})
    return bool(mine)


def choose(turn: Turn, choice_id: str, evse_id: str) -> str | None:
    """Somebody at the screen said which; returns why that is not possible, or None."""
    choice = turn.site.choices.get(choice_id)
    if choice is None:
        return f"choice_id: got {choice_id!r}, and nothing like that is asked (any more)"
    if evse_id not in choice.evse_ids or not _stands(turn, choice, evse_id):
        return f"evse_id: got {evse_id!r}, expected one of {', '.join(choice.evse_ids)}"
    _drop(turn, choice)
    _settle(turn, choice, evse_id)
    return None


def withdraw(turn: Turn, evse_id: str) -> bool:
    """Somebody takes back what is asked about this EVSE; whether there was anything."""
    found = [c for c in turn.site.choices.values() if evse_id in c.evse_ids]
    for choice in found:
        _drop(turn, choice)
    return bool(found)


def follow(turn: Turn) -> None:
    """Settle what can be settled by now, and forget what nobody could mean any more.

    Which of several sessions shall end is for somebody to say: without a word none does, and where one
    of them has ended by itself, it may have been the one that was meant.
    """
    for choice in list(turn.site.choices.values()):
        left = tuple(e for e in choice.evse_ids if _stands(turn, choice, e))
        if not left or (choice.stops and (left != choice.evse_ids or turn.reached(choice.until_ns))):
            _drop(turn, choice)  # one that goes on can be ended later, one that ended cannot go on
        elif len(left) == 1 or turn.reached(choice.until_ns):
            _drop(turn, choice)
            _settle(turn, choice, left[0])
        elif left != choice.evse_ids:
            turn.change(choices={**turn.site.choices, choice.id: msgspec.structs.replace(
                choice, evse_ids=left)})


def _stands(turn: Turn, choice: Choice, evse_id: str) -> bool:
    outlet = turn.outlets[evse_id]
    if not choice.stops:
        return waits(outlet)
    record = choice.card.record
    return outlet.phase in LIVE and outlet.stop is None and (
        is_own(outlet.session, record.token) or may_end(outlet.session, record))


def _settle(turn: Turn, choice: Choice, evse_id: str) -> None:
    tap, outlet = tap_of(choice), turn.outlets[evse_id]
    if choice.stops:
        end(turn, tap, outlet)
        return
    refused = why_not(turn, choice.card, outlet)
    if refused is not None:  # it was good when it was shown, and is no longer
        telling.refuse(turn, tap, refused)
        return
    begin(turn, tap, choice.card, evse_id)


def _drop(turn: Turn, choice: Choice) -> None:
    turn.change(choices={key: one for key, one in turn.site.choices.items() if key != choice.id})


def _fresh(turn: Turn) -> str:
    """One event may ask more than once."""
    known, n = turn.site.choices, 0
    while (name := turn.at.fresh_id if n == 0 else f"{turn.at.fresh_id}-{n}") in known:
        n += 1
    return name
