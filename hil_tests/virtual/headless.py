"""The demo without a terminal: plays sessions and compares the cloud with what the rig saw."""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

from hil_tests.rig import Rig
from hil_tests.scenarios import sessions, waiting
from hil_tests.virtual.progress import Progress
from hil_tests.virtual.site import VirtualSite

ENERGY_WH = 4  # per session: a second or so at 9 to 11 kW
CLOUD_S = 60.0


async def play(site: VirtualSite, count: int, progress: Progress, *, as_json: bool,
               kill_broker: bool = False) -> int:
    """Play `count` sessions; 0 if the database holds exactly those, else 1."""
    seen: list[sessions.Seen] = []
    async with site.rig() as rig:
        for number in range(count):
            if kill_broker and number == min(1, count - 1):
                progress.say("broker: kill -9")
                site.kill9("broker")
            began_s = time.monotonic()
            with progress.step(f"session {number + 1} of {count}", line=False):
                seen.append(await _session(rig, site, number))
            progress.say(_words(number, count, seen[-1], time.monotonic() - began_s))
    if kill_broker:
        progress.say("broker: started again")
        await site.start("broker")
    with progress.step("the cloud"):
        cdrs = await _cdrs(site, count)
    for cdr in cdrs:
        print(cdr if as_json else _text(json.loads(cdr)), flush=True)
    return _compare([json.loads(cdr, parse_float=Decimal) for cdr in cdrs], seen,
                    [json.loads(session) for session in await site.sessions()], progress)


async def _session(rig: Rig, site: VirtualSite, number: int) -> sessions.Seen:
    """Bays in turn; card first and plug first in turn on each bay; the last stop is by the plug."""
    bay, turn = number % len(site.evses), number // len(site.evses)
    evse = site.evses[bay]
    card = site.cards[evse]
    if (bay + turn) % 2 == 0:
        running = await sessions.start_card_first(rig, evse, card)
    else:
        running = await sessions.start_plug_first(rig, evse, card)
    await waiting.metered(rig, evse, running.start_wh, ENERGY_WH)
    if number % 3 == 2:
        return await sessions.stop_by_unplugging(rig, running)
    return await sessions.stop_by_card(rig, running)


async def _cdrs(site: VirtualSite, count: int) -> list[str]:
    """The database's CDRs, once there are enough of them (or time is up)."""
    deadline = time.monotonic() + CLOUD_S
    while True:
        cdrs = await site.cdrs()
        if len(cdrs) >= count or time.monotonic() > deadline:
            return cdrs
        await asyncio.sleep(0.2)


def _compare(cdrs: list[dict[str, Any]], seen: list[sessions.Seen],
             rows: list[dict[str, Any]], progress: Progress) -> int:
    """Whether cloud and rig tell the same story; what differs is said."""
    differences = []
    if len(cdrs) != len(seen):
        differences.append(f"CDRs in the database: got {len(cdrs)}, expected {len(seen)}")
    if len({cdr["session_id"] for cdr in cdrs}) != len(cdrs):
        differences.append("a session has two CDRs")
    in_time = sorted(cdrs, key=lambda cdr: cdr["start_date_time"])
    for cdr, session in zip(in_time, seen, strict=False):
        got = (cdr["cdr_location"]["evse_uid"], int(Decimal(cdr["total_energy"]) * 1000))
        if got != (session.evse, session.energy_wh):
            differences.append(f"CDR {cdr['id']}: got EVSE {got[0]} with {got[1]} Wh, expected EVSE "
                               f"{session.evse} with {session.energy_wh} Wh (the meter's register)")
    ids = sorted(cdr["session_id"] for cdr in cdrs)
    if sorted(row["transaction_id"] for row in rows) != ids:
        got_ids = [row["transaction_id"] for row in rows]
        differences.append(f"transactions: got {got_ids}, expected {ids}")
    differences += [f"transaction {row['transaction_id']}: got {row['starts']} starts and "
                    f"{row['stops']} stops, expected 1 and 1"
                    for row in rows if (row["starts"], row["stops"]) != (1, 1)]
    for difference in differences:
        progress.say(difference)
    progress.say("the cloud has exactly what the rig saw" if not differences
                 else f"{len(differences)} difference(s)")
    return 1 if differences else 0


def _words(number: int, count: int, seen: sessions.Seen, took_s: float) -> str:
    return (f"session {number + 1} of {count}: bay {seen.evse}, {seen.energy_wh} Wh, contactor closed "
            f"{seen.to_coil_s:.1f} s after the offer, {took_s:.1f} s in all")


def _text(cdr: dict[str, Any]) -> str:
    cost = cdr["total_cost"].get("incl_vat", cdr["total_cost"]["excl_vat"])
    return (f"{cdr['start_date_time']}  bay {cdr['cdr_location']['evse_uid']}  "
            f"{cdr['total_energy']} kWh  {cost} {cdr['currency']}")
