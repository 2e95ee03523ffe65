"""Whether a token may charge, here and now: the judgement about its record. Pure.

It is asked of a token that is known (by the list, the cache, or the cloud just now); what is unknown is
`asking`'s. Whatever cannot be told is refused.
"""

from edge.controller.idtoken import Level, Source, TokenRecord, TokenStatus
from edge.controller.refusal import Refused, Why
from edge.controller.turn import Turn


def judge(turn: Turn, record: TokenRecord, level: Level, evse_id: str,
          source: Source) -> Refused | None:
    """Why this token may not begin a session at this EVSE now; None: it may."""
    return _known(turn, record, level) or _here(turn, record, evse_id)


def _known(turn: Turn, record: TokenRecord, level: Level) -> Refused | None:
    if record.status is not TokenStatus.ACCEPTED:
        return Refused(why=Why.REFUSED, log=f"its status is {record.status}")
    if level < record.min_level:
        return Refused(why=Why.COPY, log=f"shown at level {level}, enrolled at {record.min_level}")
    if level < turn.plan.cards.min_level:
        return Refused(why=Why.REFUSED,
                       log=f"shown at level {level}, the site wants {turn.plan.cards.min_level}")
    return None


def _here(turn: Turn, record: TokenRecord, evse_id: str) -> Refused | None:
    if not record.evse_ids and not record.evse_groups:
        return None
    if evse_id in record.evse_ids or set(record.evse_groups) & set(turn.evse(evse_id).groups):
        return None
    return Refused(why=Why.NOT_HERE, log=f"not for EVSE {evse_id}")
