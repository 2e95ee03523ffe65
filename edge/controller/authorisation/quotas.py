"""What an account may take in a day, a week, a month or ever, and what it has taken. Pure.

A session counts in the period in which it began, by the site's clock on the wall, to its end: one that
runs past midnight is yesterday's. While it runs its energy and cost count live; when it ends its energy
is counted for good, in the step of its Ended row, and its money when it is priced. Whoever shares an
account shares what is left, and all its sessions stop when nothing is.

A session that began while no clock could be trusted, and was not dated since, counts for "ever" alone.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

import msgspec

from edge.controller import kept
from edge.controller.authorisation.usage import Taken, Unpriced, Usage
from edge.controller.clockwork import parse_ms
from edge.controller.idtoken import Per, Quota, Role, TokenRecord
from edge.controller.session import Session
from edge.controller.state import Outlet, Site
from edge.controller.turn import Turn
from edge.controller.wallclock import Wall, Zone, wall_at

EVER = ""
COUNTED = 16  # so many transactions are remembered: one that comes twice comes soon
SWEPT = 32  # so many accounts are looked at when one is counted, whether they may be forgotten

Period = tuple[Per, str]


def bound(record: TokenRecord) -> tuple[Quota, ...]:
    """The quotas that hold for a session of this token."""
    return () if record.role is Role.SERVICE else record.quotas


def begins(per: Per, wall: Wall) -> str:
    """The name of the period that a moment is in: its first day."""
    if per is Per.EVER:
        return EVER
    day = date.fromordinal(wall.day)
    if per is Per.WEEK:
        day = date.fromordinal(max(wall.day - wall.weekday + 1, 1))
    return (day.replace(day=1) if per is Per.MONTH else day).isoformat()


def used_up(turn: Turn, account: str, quotas: tuple[Quota, ...], utc_ms: int | None) -> Quota | None:
    """The first quota of which nothing is left for a session that begins at this moment.

    `utc_ms` None: no clock can tell; then those of "ever" alone are looked at.
    """
    wall = None if utc_ms is None else wall_at(turn.plan.zone, utc_ms)
    for quota in quotas:
        if wall is None and quota.per is not Per.EVER:
            continue
        begun = EVER if wall is None else begins(quota.per, wall)
        if _reached(turn, account, quota, begun):
            return quota
    return None


def spent(turn: Turn, session: Session) -> bool:
    """Whether a quota of a running session's account is used up, in the period of its beginning."""
    if not session.quotas:
        return False
    wall = _begun(turn.plan.zone, session)
    return any(_reached(turn, session.account, quota, EVER if wall is None else begins(quota.per, wall))
               for quota in session.quotas if wall is not None or quota.per is Per.EVER)


def partners(outlets: dict[str, Outlet], evse_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Other EVSEs whose sessions share a quota with those at these: what one takes ends the other's."""
    accounts = {session.account for evse_id in evse_ids for session in _of(outlets[evse_id])
                if session.quotas}
    if not accounts:
        return ()
    return tuple(evse_id for evse_id, outlet in outlets.items() if evse_id not in evse_ids
                 and any(s.quotas and s.account in accounts for s in _of(outlet)))


def count(turn: Turn, session: Session) -> None:
    """A session has ended: its energy is its account's, and its money when it is priced."""
    usage = turn.site.usage.get(session.account, Usage(account=session.account))
    periods = tuple(_periods(turn.plan.zone, session))
    if not periods or session.transaction_id in usage.transactions:
        return
    known = {(one.per, one.begins): one for one in usage.taken}
    for per, begun in periods:
        was = known.get((per, begun), Taken(per=per, begins=begun))
        known[per, begun] = msgspec.structs.replace(was, energy_wh=was.energy_wh + session.energy_wh)
    usage = msgspec.structs.replace(
        usage, taken=tuple(known.values()),
        transactions=(*usage.transactions, session.transaction_id)[-COUNTED:],
        unpriced=(*usage.unpriced, Unpriced(transaction_id=session.transaction_id,
                                            cost=session.cost or "0", periods=periods)))
    _put(turn, usage)
    _sweep(turn)


def price(turn: Turn, account: str, transaction_id: str, total_incl_vat: str) -> None:
    """A session that was counted has its price. Comes once: after that it is no longer unpriced."""
    usage = turn.site.usage.get(account)
    found = None if usage is None else next(
        (one for one in usage.unpriced if one.transaction_id == transaction_id), None)
    if usage is None or found is None:
        return
    cost = amount(total_incl_vat)
    cost = amount(found.cost) or Decimal(0) if cost is None else cost
    taken = tuple(
        one if (one.per, one.begins) not in found.periods else msgspec.structs.replace(
            one, cost=f"{(amount(one.cost) or Decimal(0)) + cost:f}") for one in usage.taken)
    _put(turn, msgspec.structs.replace(
        usage, taken=taken, unpriced=tuple(one for one in usage.unpriced if one is not found)))


def amount(text: str | None) -> Decimal | None:
    """A decimal text; None for anything else."""
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _reached(turn: Turn, account: str, quota: Quota, begun: str) -> bool:
    """A quota whose amount cannot be read leaves nothing."""
    energy_wh, cost = _used(turn.site, turn.outlets, turn.plan.zone, account, (quota.per, begun))
    if quota.energy_wh is not None and energy_wh >= quota.energy_wh:
        return True
    limit = amount(quota.cost)
    return quota.cost is not None and (limit is None or cost >= limit)


def _used(site: Site, outlets: dict[str, Outlet], zone: Zone, account: str,
          period: Period) -> tuple[int, Decimal]:
    """Of ended sessions, of those without a price yet, and of those that run or wait to be resumed."""
    energy_wh, cost = 0, Decimal(0)
    usage = site.usage.get(account)
    if usage is not None:
        for one in usage.taken:
            if (one.per, one.begins) == period:
                energy_wh, cost = energy_wh + one.energy_wh, cost + (amount(one.cost) or 0)
        cost += sum((amount(one.cost) or Decimal(0) for one in usage.unpriced
                     if period in one.periods), Decimal(0))
    for outlet in outlets.values():
        for session in _of(outlet):
            if session.account == account and period in _periods(zone, session):
                energy_wh += session.energy_wh
                cost += amount(session.cost) or 0
    return energy_wh, cost


def _of(outlet: Outlet) -> Iterator[Session]:
    if outlet.session is not None:
        yield outlet.session
    if outlet.restored is not None:
        yield outlet.restored


def _periods(zone: Zone, session: Session) -> Iterator[Period]:
    """In which of its quotas' periods a session counts."""
    wall = _begun(zone, session)
    for per in dict.fromkeys(quota.per for quota in session.quotas):
        if wall is not None or per is Per.EVER:
            yield per, EVER if wall is None else begins(per, wall)


def _begun(zone: Zone, session: Session) -> Wall | None:
    utc_ms = parse_ms(session.began.utc) if session.began.clock_ok else None
    return None if utc_ms is None else wall_at(zone, utc_ms)


def _put(turn: Turn, usage: Usage) -> None:
    others = {name: one for name, one in turn.site.usage.items() if name != usage.account}
    turn.change(usage={**others, usage.account: usage})
    turn.emit(kept.keep_usage(usage.account, usage))


def _sweep(turn: Turn) -> None:
    """Forget periods that are over, of the accounts that were looked at longest ago.

    Not by a clock that cannot be trusted, not while a session counts in them, and not "ever".
    """
    now_ms = parse_ms(turn.at.utc) if turn.at.clock_ok else None
    if now_ms is None:
        return
    wall, usages = wall_at(turn.plan.zone, now_ms), dict(turn.site.usage)
    current = {(per, begins(per, wall)) for per in Per}
    for account in list(usages)[:SWEPT]:
        usage = usages.pop(account)
        used = {period for outlet in turn.outlets.values() for session in _of(outlet)
                if session.account == account for period in _periods(turn.plan.zone, session)}
        used |= current | {period for one in usage.unpriced for period in one.periods}
        left = tuple(one for one in usage.taken if (one.per, one.begins) in used)
        if left != usage.taken:
            usage = msgspec.structs.replace(usage, taken=left)
            turn.emit(kept.keep_usage(account, usage if left else None))
        if left:
            usages[account] = usage  # behind all others
    turn.change(usage=usages)
