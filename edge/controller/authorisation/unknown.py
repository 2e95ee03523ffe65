"""How many sessions of unknown cards there were lately, where the site lets them charge while nobody
can be asked. Kept over a restart.
"""

from edge.controller import kept
from edge.controller.clockwork import parse_ms
from edge.controller.idtoken import IdToken, Source
from edge.controller.turn import Turn

DAY_MS = 86_400_000
UNDATED = ""  # one of a time when the clock was not to be trusted: it counts until it can be dated
MOST = 200


def is_left(turn: Turn, token: IdToken) -> bool:
    """Whether one more may begin now: within 24 hours, with those that others wait to begin."""
    cards = [*turn.site.cards, *(o.card for o in turn.outlets.values() if o.card is not None),
             *(c.card for c in turn.site.choices.values())]
    begins = sum(card.source is Source.POLICY and card.record.token.ref != token.ref for card in cards)
    return len(_lately(turn)) + begins < turn.plan.cards.unknown_per_day


def count(turn: Turn) -> None:
    """One begins."""
    now = (turn.at.utc or UNDATED) if turn.at.clock_ok else UNDATED
    turn.change(unknown_taken=(*_lately(turn), now)[-MOST:])
    turn.emit(kept.keep_unknown(turn.site.unknown_taken))


def _lately(turn: Turn) -> tuple[str, ...]:
    """Those of the last 24 hours, by a clock that can be trusted; else all. One without a date is given
    the first that is known after it.
    """
    now_ms = parse_ms(turn.at.utc) if turn.at.clock_ok else None
    if now_ms is None or turn.at.utc is None:
        return turn.site.unknown_taken
    dated = [utc if parse_ms(utc) is not None else turn.at.utc for utc in turn.site.unknown_taken]
    return tuple(utc for utc in dated if now_ms - (parse_ms(utc) or 0) < DAY_MS)
