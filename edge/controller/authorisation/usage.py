"""What an account has taken in the periods of its quotas. Kept over restarts."""

from edge.controller.idtoken import Per
from edge.controller.struct import Value


class Taken(Value):
    """In one period, which is named by its first day on the site's wall: `2026-11-01`, or "" (ever)."""

    per: Per
    begins: str
    energy_wh: int = 0
    cost: str = "0"  # decimal text, incl. VAT


class Unpriced(Value):
    """A session that has ended and whose price is still to come. `cost`: what it was known to cost."""

    transaction_id: str
    cost: str
    periods: tuple[tuple[Per, str], ...]


class Usage(Value):
    """Of one account (`TokenRecord.account`); `transactions`: those counted last, so that none counts
    twice.
    """

    account: str
    taken: tuple[Taken, ...] = ()
    transactions: tuple[str, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
