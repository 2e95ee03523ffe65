"""Whether a token may charge, here and now: the judgement about its record. Pure.

It is asked of a token that is known: by the list, by the cache, or by the cloud just now. Whatever
cannot be told is refused. A master card is not judged here: it starts nothing.
"""

from edge.controller.authorisation import list_age, quotas
from edge.controller.authorisation.card_policy import Untrusted
from edge.controller.authorisation.refusal import Refused, Why
from edge.controller.authorisation.windows import open_at
from edge.controller.clockwork import parse_ms
from edge.controller.idtoken import Level, Per, Role, Source, TokenRecord, TokenStatus
from edge.controller.session import Session
from edge.controller.turn import Turn
from edge.controller.wallclock import wall_at

_AGEING = frozenset({Source.LIST, Source.CACHE})


def judge(turn: Turn, record: TokenRecord, level: Level, evse_id: str,
          source: Source) -> Refused | None:
    """Why this token may not begin a session at this EVSE now; None: it may.

    What a driver can do least about comes first. `level`: what the card has just proven.
    """
    return (_known(turn, record, level) or _dates(turn, record, level) or _here(turn, record, evse_id)
            or _hours(turn, record) or _fresh(turn, level, source) or _quotas(turn, record)
            or in_use(turn, record))


def judge_ending(turn: Turn, record: TokenRecord, level: Level, evse_id: str,
                 source: Source) -> Refused | None:
    """Why this token may not end here what another began: hours and what it takes do not matter. What
    makes a technician's card good for every session has to be good itself.
    """
    refused = _known(turn, record, level) or _dates(turn, record, level)
    if refused is None and record.role is Role.SERVICE:
        return _here(turn, record, evse_id) or _fresh(turn, level, source)
    return refused


def in_use(turn: Turn, record: TokenRecord) -> Refused | None:
    """Whether its account has as many sessions as it may, those too that wait to be resumed."""
    most = record.concurrent
    if most is None and record.role is Role.DRIVER:
        most = 1
    if most is None:
        return None
    running = sum(_is_of(session, record) for outlet in turn.outlets.values()
                  for session in (outlet.session, outlet.restored))
    if running < most:
        return None
    return Refused(why=Why.IN_USE, log=f"{running} of {most} sessions of its account run")


def _is_of(session: Session | None, record: TokenRecord) -> bool:
    """Its account's, or its own (a session of an earlier version says no account)."""
    return session is not None and (
        session.account == record.account or session.token.ref == record.token.ref)


def _known(turn: Turn, record: TokenRecord, level: Level) -> Refused | None:
    if record.status is not TokenStatus.ACCEPTED:
        return Refused(why=Why.REFUSED, log=f"its status is {record.status}")
    if level < record.min_level:
        return Refused(why=Why.COPY, log=f"shown at level {level}, enrolled at {record.min_level}")
    if level < turn.plan.cards.min_level:
        return Refused(why=Why.REFUSED,
                       log=f"shown at level {level}, the site wants {turn.plan.cards.min_level}")
    return None


def _now_ms(turn: Turn) -> int | None:
    """By a clock that can be trusted."""
    return parse_ms(turn.at.utc) if turn.at.clock_ok else None


def _dates(turn: Turn, record: TokenRecord, level: Level) -> Refused | None:
    now_ms = _now_ms(turn)
    if now_ms is None:
        dated = _needs_clock(record) or level is Level.CERTIFICATE  # whose own dates nobody judged
        if turn.plan.cards.untrusted_clock is Untrusted.REFUSE and dated:
            return Refused(why=Why.CLOCK, log="it has dates, hours or quotas; the clock is not sure")
        return None
    if record.valid_from_utc is not None:
        from_ms = parse_ms(record.valid_from_utc)
        if from_ms is None or now_ms < from_ms:
            return Refused(why=Why.NOT_YET, log=f"it begins at {record.valid_from_utc}")
    if record.expires_utc is not None:
        until_ms = parse_ms(record.expires_utc)
        if until_ms is None or now_ms >= until_ms:
            return Refused(why=Why.EXPIRED, log=f"it expired at {record.expires_utc}")
    return None


def _needs_clock(record: TokenRecord) -> bool:
    if record.valid_from_utc is not None or record.expires_utc is not None:
        return True
    return record.role is not Role.SERVICE and (
        bool(record.windows) or any(quota.per is not Per.EVER for quota in record.quotas))


def _here(turn: Turn, record: TokenRecord, evse_id: str) -> Refused | None:
    if not record.evse_ids and not record.evse_groups:
        return None
    if evse_id in record.evse_ids or set(record.evse_groups) & set(turn.evse(evse_id).groups):
        return None
    return Refused(why=Why.NOT_HERE, log=f"not for EVSE {evse_id}")


def _hours(turn: Turn, record: TokenRecord) -> Refused | None:
    now_ms = _now_ms(turn)
    if not record.windows or record.role is Role.SERVICE or now_ms is None:
        return None
    if open_at(record.windows, wall_at(turn.plan.zone, now_ms)):
        return None
    return Refused(why=Why.NOT_NOW, log="outside its hours")


def _fresh(turn: Turn, level: Level, source: Source) -> Refused | None:
    if source not in _AGEING or not list_age.too_old(turn, level):
        return None
    return Refused(why=Why.OFFLINE, log=f"the {source} is too old, and nobody could be asked")


def _quotas(turn: Turn, record: TokenRecord) -> Refused | None:
    bound = quotas.bound(record)
    if not bound:
        return None
    quota = quotas.used_up(turn, record.account, bound, _now_ms(turn))
    return None if quota is None else Refused(
        why=Why.QUOTA, log=f"nothing is left of what it may take per {quota.per}")
