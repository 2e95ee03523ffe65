"""How many cards a core decides about in a second: a row of `tests/bench_micro.py`. Asserts nothing."""

import time
from collections.abc import Iterator

from core_desk import Desk, plan
from msgspec import structs

from edge.controller.authorisation.allowed import judge
from edge.controller.authorisation.usage import Taken, Usage
from edge.controller.core import step
from edge.controller.events import CardPresented, Header, Stamped
from edge.controller.idtoken import IdToken, Level, Per, Quota, Source, TokenRecord, Window
from edge.controller.turn import Turn
from edge.station.zone import transitions
from hil_tests.bench.report import Row, distribution

_UTC = "2026-11-21T10:00:00.000Z"
_ACCOUNTS = 1000


def rows(evses: int, count: int, command: str) -> Iterator[Row]:
    """CPU time of one decision: the whole step with a tap at a site where nobody charges, and the
    judgement alone. Bound: the card has dates, hours, groups and two quotas that were used before.
    """
    desk = Desk(structs.replace(plan(evses, groups=("staff",)), zone=transitions("Europe/Stockholm")))
    desk.run(3)
    used = {f"u:{n}": Usage(account=f"u:{n}", taken=(
        Taken(per=Per.DAY, begins="2026-11-21", energy_wh=100),
        Taken(per=Per.MONTH, begins="2026-11-01", energy_wh=900, cost="31.50")))
        for n in range(_ACCOUNTS)}
    site = structs.replace(desk.site, usage=used)
    plain = [TokenRecord(token=IdToken(ref=f"{n:032x}")) for n in range(_ACCOUNTS)]
    bound = [_bound(known, n) for n, known in enumerate(plain)]
    at = Header(mono_ns=desk.now_ns + 1, boot=1, fresh_id="f", utc=_UTC, clock_ok=True)
    everywhere = tuple(desk.devices)
    for name, records in (("plain", plain), ("bound", bound)):
        taps = [Stamped(at=at, event=CardPresented(
            reader_id="front", evse_ids=everywhere, token=one.token, level=Level.UID, record=one))
            for one in records]
        stepped, judged = [], []
        for n in range(count):
            began_ns = time.thread_time_ns()
            step(site, taps[n % _ACCOUNTS])
            stepped.append((time.thread_time_ns() - began_ns) / 1e3)
            turn = Turn(site, at)
            began_ns = time.thread_time_ns()
            refused = judge(turn, records[n % _ACCOUNTS], Level.UID, "1", Source.LIST)
            judged.append((time.thread_time_ns() - began_ns) / 1e3)
            if refused is not None:
                raise RuntimeError(f"a card of the benchmark was refused: {refused.log}")
        for what, taken in (("step of a tap", stepped), ("judgement alone", judged)):
            yield distribution(f"card: {what}, {name} card, {evses} EVSEs", taken, "us", command,
                               note=f"{1e6 * len(taken) / sum(taken):.0f} decisions/s on one core")


def _bound(known: TokenRecord, n: int) -> TokenRecord:
    return structs.replace(
        known, user_ref=str(n), evse_groups=("staff",), valid_from_utc="2026-01-01T00:00:00Z",
        expires_utc="2027-01-01T00:00:00Z",
        windows=(Window(days=(1, 2, 3, 4, 5), from_min=360, until_min=1320),
                 Window(days=(6, 7), from_min=480, until_min=1200)),
        quotas=(Quota(per=Per.DAY, energy_wh=20_000), Quota(per=Per.MONTH, cost="500.00")))
