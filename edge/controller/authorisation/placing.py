"""Where a good card takes effect, of the EVSEs that its reader serves (decision 0031).

1. Its own session ends, unless it may have several at once and a car waits for a card.
2. A car that waits for a card gets it: the only one, or the one that is chosen (`choosing.py`). One
   whose session this very card began and ended charges again.
3. A session of the same user or group ends; any session, for a master's or a technician's card.
4. It waits for the next plug; shown again before that, it is taken back.
5. Where no EVSE is free for a plug, a car whose session another card began and that is over gets it.
"""

from edge.controller.authorisation import bad_taps, choosing, reserving, telling
from edge.controller.authorisation.allowed import judge, judge_ending
from edge.controller.authorisation.at_outlet import (
    card_of,
    end,
    is_own,
    may_end,
    take_back,
    why_not,
)
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.effects import TellReader
from edge.controller.events import CardPresented
from edge.controller.idtoken import Level, Role, TokenRecord
from edge.controller.phase import LIVE, Phase
from edge.controller.state import Card, Outlet
from edge.controller.turn import NS, Turn

#: Where nothing comes of a card, the log says what is of the card first, then the nearest hope.
_LEAST = (Why.RESERVED, Why.NOT_YOURS, Why.BUSY, Why.TOO_SOON, Why.UNPLUG_FIRST, Why.OUT_OF_ORDER,
          Why.NOT_HERE)


def place(turn: Turn, tap: CardPresented, record: TokenRecord) -> None:
    """A card that somebody vouches for, by `record`, and that has proven what it should."""
    card = card_of(turn, tap, record)
    if choosing.is_pending(turn, tap, card):
        turn.emit(TellReader(reader_id=tap.reader_id, accepted=True))  # the screen asks already
        return
    live, own = sessions_at(turn, tap), own_sessions(turn, tap)
    if record.role is Role.MASTER:
        _master(turn, tap, record, live)
        return
    young = [o for o in own if not turn.past(o.began_ns, turn.timers.card_dead_s)]
    if young:
        end(turn, tap, young[0])  # which says why it does not
        return
    refusals = {e: refused for e in tap.evse_ids
                if (refused := why_not(turn, card, turn.outlets[e])) is not None}
    waiting = _waiting(turn, record, [turn.outlets[e] for e in tap.evse_ids if e not in refusals])
    shared = [o for o in live if may_end(o.session, record)
              and judge_ending(turn, record, tap.level, o.evse_id, tap.source) is None]
    if own and all(o.phase is Phase.FINISHED for o in waiting):
        _end_one_of(turn, tap, card, own)
    elif not waiting and _ends(turn, tap):
        telling.refuse(turn, tap, Refused(why=Why.TOO_SOON, log="its session is on its way out"))
    elif waiting:
        take_back(turn, record.token)
        choosing.among(turn, tap, card, waiting, stops=False)
    elif shared:
        _end_one_of(turn, tap, card, shared)
    else:
        _wait(turn, tap, card, refusals)


def sessions_at(turn: Turn, tap: CardPresented) -> list[Outlet]:
    """The EVSEs of this reader with a session that can be ended, the oldest first."""
    live = [o for e in tap.evse_ids if (o := turn.outlets[e]).phase in LIVE and o.session is not None]
    return sorted(live, key=lambda o: (o.began_ns, o.evse_id))


def own_sessions(turn: Turn, tap: CardPresented) -> list[Outlet]:
    """Those that this very card began."""
    return [o for o in sessions_at(turn, tap) if is_own(o.session, tap.token)]


def _end_one_of(turn: Turn, tap: CardPresented, card: Card, outlets: list[Outlet]) -> None:
    choosing.among(turn, tap, card, outlets, stops=True)


def _master(turn: Turn, tap: CardPresented, record: TokenRecord, live: list[Outlet]) -> None:
    """It ends any session that its record lets it, and starts none."""
    refusals = {o.evse_id: refused for o in live if (
        refused := judge(turn, record, tap.level, o.evse_id, tap.source)) is not None}
    ends = [o for o in live if o.evse_id not in refusals]
    if ends:
        _end_one_of(turn, tap, card_of(turn, tap, record), ends)
        return
    telling.refuse(turn, tap, next(iter(refusals.values()), Refused(
        why=Why.STOPS_ONLY, log="a master card, and no session runs at this reader")))


def _waiting(turn: Turn, record: TokenRecord, free: list[Outlet]) -> list[Outlet]:
    """The cars that this card could start, who has waited longest first.

    One at an EVSE that was reserved for it is meant before all others; and where none waits, its own
    whose session is over. (A fleet's may be any of its cars.)
    """
    found = [o for o in free if o.phase is Phase.AWAITING_CARD]
    mine = [o for o in found if (kept := reserving.at(turn, o.evse_id)) is not None
            and reserving.is_for(kept, record)]
    if not found and record.role is not Role.FLEET:
        found = [o for o in free if o.phase is Phase.FINISHED and o.last_ref == record.token.ref]
    return _longest(mine or found)


def _longest(outlets: list[Outlet]) -> list[Outlet]:
    return sorted(outlets, key=lambda o: (o.plugged_ns or 0, o.evse_id))


def _ends(turn: Turn, tap: CardPresented) -> bool:
    """A session that it began here is on its way out, or has just ended: nothing new is meant yet."""
    return any(
        (is_own(o.session, tap.token) and o.phase not in LIVE) or is_own(o.restored, tap.token)
        or (o.phase is Phase.FINISHED and o.last_ref == tap.token.ref
            and not turn.past(o.receipt_ns, turn.timers.card_dead_s))
        for o in (turn.outlets[e] for e in tap.evse_ids))


def _wait(turn: Turn, tap: CardPresented, card: Card, refusals: dict[str, Refused]) -> None:
    free = tuple(e for e in tap.evse_ids if e not in refusals)
    over = [o for e in free if (o := turn.outlets[e]).phase is Phase.FINISHED]
    if not free:
        take_back(turn, tap.token)
        _flag_copy(turn, tap, refusals)
        telling.refuse(turn, tap, min(refusals.values(), key=_rank), refusals)
        return
    if len(over) == len(free):
        choosing.among(turn, tap, card, _longest(over), stops=False)
        return
    waits = _just_shown(turn, card) or not take_back(turn, tap.token)
    if waits and all(c.record.token.ref != tap.token.ref for c in turn.site.cards):
        turn.change(cards=(*turn.site.cards, _at(card, free)))
    telling.say(turn, telling.idle(turn, tap.evse_ids), None)
    _say_where_not(turn, refusals)
    turn.emit(TellReader(reader_id=tap.reader_id, accepted=waits))


def _just_shown(turn: Turn, card: Card) -> bool:
    """It waits for a plug here since so short a time that it may be the same tap."""
    dead_ns = int(turn.timers.card_dead_s * NS)
    return any(c.record.token.ref == card.record.token.ref and set(c.evse_ids) <= set(card.evse_ids)
               and card.until_ns - c.until_ns < dead_ns for c in turn.site.cards)


def _at(card: Card, evse_ids: tuple[str, ...]) -> Card:
    return Card(record=card.record, level=card.level, evse_ids=evse_ids, until_ns=card.until_ns,
                source=card.source)


def _say_where_not(turn: Turn, refusals: dict[str, Refused]) -> None:
    """It waits for a plug elsewhere: who stands with his car where it is not good for is told."""
    for evse_id, refused in refusals.items():
        if turn.outlets[evse_id].phase is Phase.AWAITING_CARD:
            telling.say_why(turn, (evse_id,), refused.why)


def _rank(refused: Refused) -> int:
    return 1 + _LEAST.index(refused.why) if refused.why in _LEAST else 0


def _flag_copy(turn: Turn, tap: CardPresented, refusals: dict[str, Refused]) -> None:
    """A number that charges at one end of the site is shown at the other: one of the two is a copy.

    Nothing else would tell of it, where a card shows only its number.
    """
    elsewhere = any(is_own(session, tap.token) for o in turn.outlets.values()
                    if o.evse_id not in tap.evse_ids for session in (o.session, o.restored))
    in_use = any(refused.why is Why.IN_USE for refused in refusals.values())
    if elsewhere and in_use and tap.level is Level.UID and bad_taps.spend(turn, tap.reader_id):
        telling.security(turn, telling.REPLAY, f"token {tap.token.ref} at reader {tap.reader_id}: "
                         "it charges elsewhere on this site")
