"""What happens when a car, a cable or the site misbehaves. The numbers are those of docs/proofs.md."""

import asyncio

from hil_tests.scenarios.ordinary import CAR_ASKS_OHM, QUIET_S, once
from hil_tests.scenarios.trial import Trial
from hil_tests.scenarios.waiting import until

VENTILATION_OHM = 246  # IEC 61851-1 table A.2, state D
X1_LATEST_S = 6.0
TOO_MUCH_A = 24.0  # half as much again as any offer to a car of 16 A


async def refused_while_faulted(trial: Trial) -> None:
    """12: a fault, then a card: refused; cleared, and the same driver charges."""
    await trial.rig.rcd_trip(trial.evse)
    await trial.until_fault("F401")
    async with trial.reader_free:
        await trial.rig.plug(trial.evse)
        await trial.rig.tap(trial.card)
        await trial.stays_open(QUIET_S)
        view = await trial.view()
        assert (view["screen"], view["charging_state"]) == ("fault", None)
        await trial.card_forgotten()
        await trial.rig.unplug(trial.evse)
    await trial.rig.restore("rcd", trial.evse)
    await trial.clear("F401")


async def x1_ignored(trial: Trial) -> None:
    """18: the offer ends and the car draws on: opened all the same, 6 s later and not much sooner."""
    await trial.rig.draw(trial.evse, 16.0, obeys=False)
    await trial.start()
    await trial.rig.set_cp(trial.evse, CAR_ASKS_OHM)
    await asyncio.sleep(3.5)
    await trial.ask("session.stop", evse_id=trial.evse)
    await trial.pwm(False)
    took_s = await trial.coil(False)
    assert took_s > X1_LATEST_S - 2.0, f"opened {took_s:g} s after X1 under full load"
    await once(trial, (await trial.receipt())["transaction_id"], "Local")


async def opens_from_c(trial: Trial, ohms: float | None, code: str | None) -> None:
    """19, 20: the pilot leaves C for E, A or D: open at once, and the fault of it ends with it."""
    await trial.start()
    await trial.rig.set_cp(trial.evse, ohms)
    took_s = await trial.coil(False, within_s=3.0)
    assert took_s < 3.0
    if code is not None:
        await trial.until_fault(code)
    receipt = await trial.receipt()
    await once(trial, receipt["transaction_id"], "EVDisconnected" if ohms is None else "Other")
    await trial.rig.unplug(trial.evse)
    if code is not None:
        await trial.until_fault(code, stands=False)


async def causes_are_a_set(trial: Trial) -> None:
    """21: two causes, one Faulted; one ends, and nothing is told twice; both have, and it is free."""
    async def free() -> bool:
        await asyncio.sleep(0.2)
        return (await _statuses(trial))[-1:] == ["Available"]
    await until(trial.rig, f"bay {trial.evse}: free in the cloud", free)
    seen = len(await _statuses(trial))
    await trial.start()
    await trial.rig.set_cp(trial.evse, 0)
    await trial.until_fault("F302")
    await trial.rig.rcd_trip(trial.evse)
    await trial.until_fault("F401")
    assert {fault["code"] for fault in (await trial.view())["faults"]} >= {"F401", "F302"}
    await trial.rig.restore("rcd", trial.evse)
    await trial.clear("F401")
    async with trial.reader_free:
        await trial.rig.tap(trial.card)
        await trial.stays_open(QUIET_S)
        await trial.card_forgotten()
    view = await trial.view()
    assert (view["state"], [fault["code"] for fault in view["faults"]]) == ("Faulted", ["F302"])
    await trial.rig.unplug(trial.evse)
    await trial.until("free", lambda v: v["state"] == "Available" and not v["faults"])

    statuses: list[str] = []

    async def told() -> bool:
        await asyncio.sleep(0.2)
        statuses[:] = (await _statuses(trial))[seen:]
        return "Faulted" in statuses and statuses[-1] == "Available"
    await until(trial.rig, f"bay {trial.evse}: free again in the cloud", told)
    assert statuses == ["Occupied", "Faulted", "Available"]


async def _statuses(trial: Trial) -> list[str]:
    return [row["connectorStatus"] for row in await trial.people.rows("ev.status.v1")
            if row["customData"]["evseId"] == trial.evse]


async def more_than_offered(trial: Trial) -> None:
    """22: half as much again as the offer: for some seconds nothing; for longer an orderly stop."""
    await trial.start()
    await trial.rig.draw(trial.evse, TOO_MUCH_A, obeys=False)
    await asyncio.sleep(3.0)
    await trial.rig.draw(trial.evse, 16.0)
    await trial.stays("no fault", lambda: _without(trial, "F408"), 6.0)
    assert (await trial.view())["screen"] == "charging"
    await trial.rig.draw(trial.evse, TOO_MUCH_A, obeys=False)
    await trial.until_fault("F408")
    await trial.coil(False)
    await once(trial, (await trial.receipt())["transaction_id"], "OvercurrentFault")
    await trial.rig.unplug(trial.evse)
    await trial.until_fault("F408", stands=False)


async def _without(trial: Trial, code: str) -> bool:
    return all(fault["code"] != code for fault in await trial.faults())


async def heat(trial: Trial) -> None:
    """23: warmer: less at once; cold again: all of it, but not at once."""
    await trial.start()
    await trial.rig.heat(trial.evse, 61.0)
    await trial.until("less", lambda v: v["because"].startswith("temperature") and v["offered_a"] >= 6)
    await trial.until_fault("F407")
    await trial.rig.heat(trial.evse, 25.0)
    await trial.stays("not at once", lambda: _named(trial, "temperature"), 1.5)
    await trial.until("all", lambda v: not v["because"].startswith("temperature"), 90.0)
    await trial.until_fault("F407", stands=False)


async def _named(trial: Trial, because: str) -> bool:
    return str((await trial.view())["because"]).startswith(because)


async def killed_and_started(trial: Trial) -> None:
    """29: the controller dies for 2 s while it charges: one start, one end, every Wh once."""
    before_wh = await trial.start()
    await trial.energy(2)
    await trial.people.kill_controller()
    await asyncio.sleep(2.0)
    await trial.people.start_controller()
    await trial.until_screen("charging")
    await trial.energy(2)
    receipt = await trial.finish()
    await once(trial, receipt["transaction_id"], "Local")
    assert receipt["energy_wh"] == await trial.rig.register_wh(trial.evse) - before_wh


async def killed_and_the_car_left(trial: Trial) -> None:
    """29, second: the car leaves meanwhile: closed exactly once, at what was drawn."""
    before_wh = await trial.start()
    await trial.energy(2)
    await trial.people.kill_controller()
    await trial.rig.unplug(trial.evse)
    await trial.coil(False)
    await trial.people.start_controller()
    receipt = await trial.receipt()
    rows = await trial.told(receipt["transaction_id"])
    assert [row["eventType"] for row in rows].count("Ended") == 1
    assert receipt["energy_wh"] == await trial.rig.register_wh(trial.evse) - before_wh


async def history_outlives_a_restart(trial: Trial) -> None:
    """34: what latched stands after a restart, is told to the cloud once each way, and clears then."""
    seen = len(await _events(trial, "F401"))
    await trial.rig.rcd_trip(trial.evse)
    fault = await trial.until_fault("F401")
    await trial.people.kill_controller()
    await trial.people.start_controller()
    again = await trial.until_fault("F401")
    assert again["since_utc"] == fault["since_utc"], "the same fault, not a new one"
    await trial.rig.restore("rcd", trial.evse)
    await trial.clear("F401")

    async def told() -> bool:
        await asyncio.sleep(0.2)
        return (await _events(trial, "F401"))[seen:] == [False, True]
    await until(trial.rig, "F401 raised once and cleared once in the cloud", told)


async def _events(trial: Trial, code: str) -> list[bool]:
    """Raised (False) and cleared (True), in order."""
    return [event["cleared"] for row in await trial.people.rows("ev.fault.v1")
            for event in row["eventData"] if event["techCode"] == code]
