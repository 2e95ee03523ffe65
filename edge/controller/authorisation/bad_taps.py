"""Slows down whoever tries cards out: so many bad taps at a reader are free, then they have to wait.

A tap is bad if nobody vouches for its card, or if the card does not prove what it should. The wait
doubles while they go on, up to ten minutes; a card that is good is served at any time. A card that was
taken away too soon is no bad tap, unless it should have proven itself: so does a copy that cannot.
"""

import msgspec

from edge.controller.authorisation import telling
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.events import CardPresented
from edge.controller.state import Taps
from edge.controller.turn import NS, Turn

MAX_WAIT_S = 600.0


def refuse(turn: Turn, tap: CardPresented, refused: Refused, event: str | None = None) -> None:
    """Refuse a card by its own fault. `event`: the name of a security event; it is told of within the
    budget only, so that nobody fills the journal with a card.
    """
    if not spend(turn, tap.reader_id):
        too_many(turn, tap, refused.log)
        return
    if event is not None:
        telling.security(turn, event, f"token {tap.token.ref} at reader {tap.reader_id}: {refused.log}")
    telling.refuse(turn, tap, refused)


def too_many(turn: Turn, tap: CardPresented, log: str) -> None:
    """Refused unseen."""
    telling.refuse(turn, tap, Refused(why=Why.TRY_LATER, log=f"too many bad taps; {log}"))


def any_left(turn: Turn, reader_id: str) -> bool:
    """Whether a card may be looked into at all. One that the cloud is asked about counts, too."""
    taps = turn.site.taps.get(reader_id)
    left = turn.plan.cards.bad_taps if taps is None else taps.left
    return left > sum(q.reader_id == reader_id for q in turn.site.questions.values())


def spend(turn: Turn, reader_id: str) -> bool:
    """Count a bad tap; whether it was still free."""
    policy = turn.plan.cards
    full = Taps(left=policy.bad_taps, more_ns=0, wait_s=policy.bad_tap_s)
    taps = turn.site.taps.get(reader_id, full)
    if taps.left <= 0:
        return False
    left, wait_s = taps.left - 1, taps.wait_s
    if left == 0 and taps.told:
        wait_s = min(2 * wait_s, MAX_WAIT_S)  # it was forgiven one, and at once did it again
    if left == 0 and not taps.told:
        telling.security(turn, telling.INVALID,
                         f"{policy.bad_taps} unknown or failed cards in a row at reader {reader_id}")
    more_ns = turn.now_ns + int(wait_s * NS) if taps is full or left == 0 else taps.more_ns
    _put(turn, reader_id, Taps(left=left, more_ns=more_ns, wait_s=wait_s, told=taps.told or left == 0))
    return True


def forgive(turn: Turn) -> None:
    """Give one back to each reader whose wait is over; who has all of them is forgotten."""
    full, least_s = turn.plan.cards.bad_taps, turn.plan.cards.bad_tap_s
    for reader_id, taps in list(turn.site.taps.items()):
        if not turn.reached(taps.more_ns):
            continue
        if taps.left + 1 >= full:
            _put(turn, reader_id, None)
            continue
        wait_s = taps.wait_s if taps.left == 0 else max(least_s, taps.wait_s / 2)
        _put(turn, reader_id, msgspec.structs.replace(
            taps, left=taps.left + 1, wait_s=wait_s, more_ns=turn.now_ns + int(wait_s * NS)))


def _put(turn: Turn, reader_id: str, taps: Taps | None) -> None:
    others = {key: value for key, value in turn.site.taps.items() if key != reader_id}
    turn.change(taps=others if taps is None else {**others, reader_id: taps})
