"""The controller is killed at any moment of overlapping sessions at three bays, and started again.

A seed draws the moments, so that a failure can be run again. At the end the CDRs add up to the
registers, and each session is once in the journal and once in the cloud.
"""

import asyncio
import contextlib
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from site_desk import SiteDesk, site_desk

from edge.controller.effects import Stream
from edge.journal.journal import MAX_READ_ROWS, Journal
from edge.journal.verify import verify
from hil_tests.scenarios.trial import Trial

BAYS = 3
CHARGES_S = (2.0, 7.0)
ALIVE_S = (0.3, 14.0)  # a contactor that was found open rests for 5 s after a start, by rule


async def _drive(desk: SiteDesk, trial: Trial, dice: random.Random, ends: asyncio.Event) -> None:
    """One driver after the other, until it is evening."""
    while not ends.is_set():
        async with desk.reader_free:
            await desk.rig.plug(trial.evse)
            await _tap_until_charging(desk, trial)
        await asyncio.sleep(dice.uniform(*CHARGES_S))  # it charges; nothing is waited for
        await desk.rig.unplug(trial.evse)

        async def vacant() -> bool:
            return (await desk.evse(trial.evse))["state"] == "Available"
        await desk.until(vacant, f"bay {trial.evse} vacant", 90)


async def _tap_until_charging(desk: SiteDesk, trial: Trial) -> None:
    """As a person does: again, wherever the screen asks for a card (again)."""
    screens = []
    for _ in range(40):
        screens.append((await trial.view())["screen"])
        if screens[-1] == "tap_card":
            await desk.rig.tap(trial.card)

        async def charging() -> bool:
            return await desk.rig.coil_on(trial.evse)
        with contextlib.suppress(AssertionError):
            await desk.until(charging, "it charges", 4)
            return
    raise AssertionError(f"bay {trial.evse} did not charge, its screens were {screens}")


async def _kill(desk: SiteDesk, dice: random.Random, kills: int) -> None:
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(*ALIVE_S))
        await desk.kill_controller()
        await asyncio.sleep(dice.choice((0.0, 0.0, 0.5, 3.0)))
        await desk.start_controller()


async def _sample(desk: SiteDesk, seed: int, kills: int) -> dict[str, int]:
    dice, ends = random.Random(seed), asyncio.Event()
    before = {e: await desk.rig.register_wh(e) for e in desk.site.evses}
    trials = [await desk.trial(evse) for evse in desk.site.evses]
    async with asyncio.TaskGroup() as people:
        for trial in trials:
            people.create_task(_drive(desk, trial, random.Random(f"{seed} {trial.evse}"), ends))
        await _kill(desk, dice, kills)
        ends.set()
    drawn = {e: await desk.rig.register_wh(e) - before[e] for e in desk.site.evses}
    sessions = await _in_the_cloud(desk, drawn)
    await desk.kill_controller()
    assert await _in_the_journal(desk.site.state_dir / "journal.db") == sessions
    return {"kills": kills, "sessions": len(sessions), "wh": sum(drawn.values())}


async def _in_the_cloud(desk: SiteDesk, drawn: dict[str, int]) -> dict[str, int]:
    """What each session was billed, once all is told: together what the registers say."""
    async def told() -> bool:
        rows = await desk.transactions()
        pending = (await desk.snapshot())["sync"]["pending"]
        return bool(rows) and all(row["stops"] for row in rows) and not any(pending.values())
    await desk.until(told, "every session ended and acknowledged", 120)
    transactions = await desk.transactions()
    assert all((t["starts"], t["stops"]) == (1, 1) for t in transactions), transactions
    cdrs = await desk.cdrs(len(transactions))
    billed = Counter[str]()
    for cdr in cdrs:
        billed[cdr["cdr_location"]["evse_uid"]] += round(cdr["total_energy"] * 1000)
    assert dict(billed) == drawn
    return {cdr["session_id"]: round(cdr["total_energy"] * 1000) for cdr in cdrs}


async def _in_the_journal(path: Path) -> dict[str, int]:
    """The same by the journal alone, whose chains are whole."""
    assert not verify(path).breaks
    told, billed = Counter[tuple[str, str]](), dict[str, int]()
    books = await Journal.open(path)
    try:
        after = 0
        while rows := await books.read(Stream.TX, after, MAX_READ_ROWS):
            after = rows[-1].seq
            for row in rows:
                data = msgspec.json.decode(row.data)
                if row.type == "tx.cdr.v1":
                    assert data["id"] not in billed, "priced twice"
                    billed[data["id"]] = round(data["total_energy"] * 1000)
                else:
                    told[data["transactionInfo"]["transactionId"], data["eventType"]] += 1
        assert not await books.sessions(), "a session is kept that is closed"
    finally:
        await books.close()
    for transaction in billed:
        assert (told[transaction, "Started"], told[transaction, "Ended"]) == (1, 1), transaction
    assert {transaction for transaction, _ in told} == set(billed), "one CDR for each session"
    return billed


@pytest.mark.site
@pytest.mark.timeout(300)
async def test_three_kills_among_overlapping_sessions_cost_nobody_anything(tmp_path):
    async with site_desk(tmp_path, evses=BAYS) as desk:
        print(await _sample(desk, seed=1, kills=3))


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_twenty_kills_among_overlapping_sessions_cost_nobody_anything(tmp_path):
    async with site_desk(tmp_path, evses=BAYS) as desk:
        print(await _sample(desk, seed=2, kills=20))
