"""How long ago anybody could last have said that a card is no longer good. Pure."""

from edge.controller import kept
from edge.controller.authorisation.card_policy import Stale, Untrusted
from edge.controller.clockwork import parse_ms
from edge.controller.idtoken import Level
from edge.controller.turn import Turn

NOTED_MS = 3_600_000  # no more often is it kept that the cloud is there
DAY_MS = 86_400_000


def note_contact(turn: Turn) -> None:
    """The cloud is there, by a clock that can be trusted: kept once an hour."""
    now_ms = parse_ms(turn.at.utc) if turn.at.clock_ok else None
    if turn.site.cloud_connected is not True or now_ms is None or turn.at.utc is None:
        return
    was_ms = parse_ms(turn.site.contact_utc)
    if was_ms is None or not 0 <= now_ms - was_ms < NOTED_MS:
        turn.change(contact_utc=turn.at.utc)
        turn.emit(kept.keep_contact(turn.at.utc))


def too_old(turn: Turn, level: Level) -> bool:
    """Whether a card shown at this level is no longer good by a list (or a cache) of this age.

    A site that never had an operator's list nor a cloud has nothing that could grow old. While the
    clock cannot be trusted, what it says still counts against the list (without a battery it goes slow,
    not fast), unless the site's policy does not look at such a clock. By a clock that can be trusted, a
    list of a day that is still to come says nothing of its age: it would never grow old.
    """
    policy = turn.plan.cards
    if policy.stale_days is None or policy.stale_keeps is Stale.ALL:
        return False
    if policy.stale_keeps is Stale.PROVEN and level >= Level.MUTUAL:
        return False
    card_list = turn.site.card_list
    words = [utc for utc in (turn.site.contact_utc,
                             None if card_list is None else card_list.confirmed_utc) if utc is not None]
    if not words or turn.site.cloud_connected is True:
        return False
    now_ms = parse_ms(turn.at.utc)
    if not turn.at.clock_ok and (now_ms is None or policy.untrusted_clock is Untrusted.ALLOW):
        return False
    latest_ms = None if now_ms is None or not turn.at.clock_ok else now_ms + DAY_MS
    moments = [ms for ms in map(parse_ms, words)
               if ms is not None and (latest_ms is None or ms <= latest_ms)]
    return not moments or now_ms is None or now_ms - max(moments) >= policy.stale_days * DAY_MS
