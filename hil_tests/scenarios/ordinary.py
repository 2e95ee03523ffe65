"""How sessions begin, rest, go on and end when nothing is broken. The numbers are those of the table
in docs/proofs.md.
"""

import asyncio
from itertools import pairwise

from hil_tests.scenarios.trial import Trial, View
from hil_tests.scenarios.waiting import DidNotHappen, settled_wh

CAR_RESTS_OHM, CAR_ASKS_OHM = 2740, 882  # IEC 61851-1 table A.2, states B and C
CARD_REST_S = 3.5  # a card that began a session does not end it sooner
AWAY_S = 1.0  # the same card counts again only after it was away
ENOUGH_WH = 2
QUIET_S = 4.0  # what may begin does so within one


def states(rows: list[View]) -> list[str]:
    """The charging states of a transaction's events, each change once."""
    all_states = [row["transactionInfo"]["chargingState"] for row in rows]
    return all_states[:1] + [after for before, after in pairwise(all_states) if before != after]


async def once(trial: Trial, transaction_id: str, reason: str) -> list[View]:
    """The transaction has one start, one end for this reason, and no gap between; its events."""
    rows = await trial.told(transaction_id)
    kinds = [row["eventType"] for row in rows]
    assert (kinds.count("Started"), kinds.count("Ended")) == (1, 1), kinds
    assert (kinds[0], kinds[-1]) == ("Started", "Ended"), kinds
    assert [row["seqNo"] for row in rows] == list(range(len(rows)))
    assert rows[-1]["transactionInfo"]["stoppedReason"] == reason, rows[-1]
    return rows


async def basic_session(trial: Trial) -> None:
    """1: plug, card, C, unplug: every event in its order, and every Wh."""
    before_wh = await trial.rig.register_wh(trial.evse)
    async with trial.reader_free:
        await trial.rig.plug(trial.evse)
        await trial.until_screen("tap_card")
        assert not 0 < await trial.rig.duty(trial.evse) < 1, "an offer without a card"
        await trial.tap_until(trial.card, lambda v: v["screen"] != "tap_card")
    await trial.until_screen("charging")
    await trial.energy(ENOUGH_WH)
    await trial.rig.unplug(trial.evse)
    await trial.coil(False)
    receipt = await trial.receipt()
    rows = await once(trial, receipt["transaction_id"], "EVDisconnected")
    assert rows[0]["triggerReason"] == "Authorized"
    assert states(rows) == ["EVConnected", "Charging", "Idle"]
    after_wh = await settled_wh(trial.rig, trial.evse)
    assert receipt["energy_wh"] == after_wh - before_wh > 0


async def paused_by_car(trial: Trial) -> None:
    """4: C, B, C: the contactor opens, closes again, and it is one transaction."""
    await trial.start()
    await trial.rig.set_cp(trial.evse, CAR_RESTS_OHM)
    await trial.coil(False)
    await trial.until("SuspendedEV", lambda v: v["charging_state"] == "SuspendedEV")
    await trial.pwm(True)  # the contactor had its rest; a car that asks before is not to be trusted
    await trial.rig.set_cp(trial.evse, CAR_ASKS_OHM)
    await trial.until_screen("charging")
    await trial.rig.unplug(trial.evse)
    rows = await once(trial, (await trial.receipt())["transaction_id"], "EVDisconnected")
    assert states(rows) == ["EVConnected", "Charging", "SuspendedEV", "Charging", "Idle"]


async def plug_first(trial: Trial) -> None:
    """6, first order: a car waits for its card."""
    await trial.begin()
    await trial.until_screen("charging")
    await trial.rig.unplug(trial.evse)
    await once(trial, (await trial.receipt())["transaction_id"], "EVDisconnected")


async def card_first(trial: Trial) -> None:
    """6, second order: a card waits for its car."""
    async with trial.reader_free:
        await trial.tap_until(trial.card, lambda v: v["screen"] == "plug_in")
        await trial.rig.plug(trial.evse)
        await trial.until_screen("charging")
    await trial.rig.unplug(trial.evse)
    await once(trial, (await trial.receipt())["transaction_id"], "EVDisconnected")


async def card_without_a_plug(trial: Trial) -> None:
    """6, third: the authorisation is withdrawn after its time; the same card works again."""
    async with trial.reader_free:
        await trial.tap_until(trial.card, lambda v: v["screen"] == "plug_in")
        await trial.until("the card forgotten", lambda v: v["screen"] != "plug_in", 90.0)
        await trial.rig.plug(trial.evse)
        await trial.until_screen("tap_card")
        await trial.stays_open(1.0)
        await trial.tap_until(trial.card, lambda v: v["screen"] != "tap_card")
    await trial.until_screen("charging")


async def same_card_twice(trial: Trial) -> None:
    """7: too soon it does nothing, later it stops; and nobody begins a second session with it."""
    async with trial.reader_free:
        await trial.rig.plug(trial.evse)
        await trial.until_screen("tap_card")
        await trial.tap_until(trial.card, lambda v: v["screen"] != "tap_card")
        await asyncio.sleep(AWAY_S)
        await trial.rig.tap(trial.card)
    await trial.until_screen("charging")
    await asyncio.sleep(CARD_REST_S)
    receipt = await trial.finish()
    await once(trial, receipt["transaction_id"], "Local")
    await trial.stays_open(1.0)


async def card_taken_back(trial: Trial) -> None:
    """14: a card that waits for a plug is shown again, and withdrawn; a plug alone gets nothing."""
    async with trial.reader_free:
        await trial.tap_until(trial.card, lambda v: v["screen"] == "plug_in")
        await asyncio.sleep(AWAY_S)
        await trial.tap_until(trial.card, lambda v: v["screen"] != "plug_in")
        await trial.rig.plug(trial.evse)
        await trial.until_screen("tap_card")
        await trial.stays_open(QUIET_S)
        await trial.rig.unplug(trial.evse)
        await trial.until("no car", lambda v: v["screen"] != "tap_card")


async def late_card_after_a_cancel(trial: Trial) -> None:
    """16: cancelled at the screen, and the card comes a moment later: ignored, and one transaction."""
    await trial.start()
    await trial.ask("session.stop", evse_id=trial.evse)
    async with trial.reader_free:
        await trial.rig.tap(trial.card)
        receipt = await trial.receipt()
        await once(trial, receipt["transaction_id"], "Local")
        await trial.stays_open(QUIET_S)
        await trial.card_forgotten()
    assert (await trial.view())["charging_state"] is None


async def two_outlets_one_reader(first: Trial, second: Trial) -> None:
    """8: two plugs, an unknown card, two cards: each outlet gets one, the earlier plug the first, or
    whichever is said to be meant where the screen asks.
    """
    async with first.reader_free:
        for trial in (first, second):
            await trial.rig.plug(trial.evse)
            await trial.until_screen("tap_card")
        await first.rig.tap("0411223344556A")
        for trial in (first, second):
            await trial.until("the refusal", lambda v: v["message"] == "card_refused")
        await first.tap_for_this()
        assert (await second.view())["screen"] == "tap_card"
        await second.tap_until(second.card, lambda v: v["screen"] != "tap_card")
    last4 = [(await trial.until_screen("charging"))["token_last4"] for trial in (first, second)]
    assert len(set(last4)) == 2
    for trial in (first, second):
        await trial.rig.unplug(trial.evse)
        await once(trial, (await trial.receipt())["transaction_id"], "EVDisconnected")


async def no_card_in_time(trial: Trial) -> None:
    """11: a plug without a card for too long: no card is taken any more until the car was unplugged."""
    async with trial.reader_free:
        await trial.rig.plug(trial.evse)
        await trial.until_fault("F307")
        await trial.rig.tap(trial.card)
        await trial.stays_open(QUIET_S)
        assert (await trial.view())["charging_state"] is None
        await trial.rig.unplug(trial.evse)
        await trial.until_fault("F307", stands=False)
        try:
            await trial.until("the card forgotten", lambda v: v["screen"] != "plug_in", 1.0)
        except DidNotHappen:  # that tap waits for a plug, as any does
            await trial.tap_until(trial.card, lambda v: v["screen"] != "plug_in")
    await trial.start()
