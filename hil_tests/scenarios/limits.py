"""Who allows how much: limits, pauses, availability, shares. Numbers are those of docs/proofs.md."""

import asyncio

from hil_tests.scenarios.ordinary import QUIET_S, once, states
from hil_tests.scenarios.trial import Trial
from hil_tests.scenarios.waiting import until

BEFORE_S = 5.0  # no energy for so long; the car asks within one
CAR_A_OF_DUTY = 60.0  # IEC 61851-1 table A.8: 10 % to 85 % duty
FORGOTTEN_S = 10.0  # after so long a card that found no plug is forgotten, on sites with short patience
NEAR_A = 0.5  # what the steps of the duty may differ


async def limit(trial: Trial, where: str, current_a: float | None) -> None:
    """What the site's owner allows at an EVSE or a circuit; None: whatever the fuse does."""
    await trial.ask("limit.set", where=where, current_a=current_a, because=where)


async def offered(trial: Trial, current_a: float) -> None:
    """Wait for an offer, as the car reads it from the pilot."""
    async def so() -> bool:
        return abs(await trial.rig.duty(trial.evse) * CAR_A_OF_DUTY - current_a) < NEAR_A
    await until(trial.rig, f"bay {trial.evse}: an offer of {current_a:g} A", so, 40.0)


async def ends_once(trial: Trial) -> list[str]:
    """Drive away; the charging states of the one transaction."""
    await trial.rig.unplug(trial.evse)
    return states(await once(trial, (await trial.receipt())["transaction_id"], "EVDisconnected"))


async def no_energy_before(trial: Trial) -> None:
    """2: 0 A, then plug and card: no charge and no Wh until the limit is back."""
    await limit(trial, trial.evse, 0)
    before_wh = await trial.begin()
    await trial.stays_open(BEFORE_S)
    assert await trial.rig.register_wh(trial.evse) == before_wh
    await limit(trial, trial.evse, None)
    await trial.until_screen("charging")
    assert "Charging" in await ends_once(trial)


async def no_energy_during(trial: Trial) -> None:
    """3: 0 A while charging: paused by us, no power, no restart; then the same transaction goes on."""
    await trial.start()
    await limit(trial, trial.evse, 0)
    await trial.pwm(False)
    await trial.coil(False)
    await trial.until("SuspendedEVSE", lambda v: v["charging_state"] == "SuspendedEVSE")
    await trial.until("no power", lambda v: (v["power_w"] or 0.0) < 10.0)
    await trial.stays_open(BEFORE_S)
    await limit(trial, trial.evse, None)
    await trial.until_screen("charging")
    went = await ends_once(trial)
    assert went[1:3] == ["Charging", "SuspendedEVSE"] and went[-2:] == ["Charging", "Idle"], went


async def paused_and_no_energy(trial: Trial) -> None:
    """5: paused and 0 A: it goes on only when both have ended."""
    await trial.start()
    await trial.ask("session.pause", evse_id=trial.evse)
    await trial.coil(False)
    await limit(trial, trial.evse, 0)
    await trial.ask("session.resume", evse_id=trial.evse)
    await trial.stays_open(QUIET_S)
    await trial.ask("session.pause", evse_id=trial.evse)
    await limit(trial, trial.evse, None)
    await trial.stays_open(QUIET_S)
    await trial.ask("session.resume", evse_id=trial.evse)
    await trial.until_screen("charging")
    went = await ends_once(trial)
    assert went[-2:] == ["Charging", "Idle"] and went.count("Charging") == 2, went


async def out_of_service_idle(trial: Trial) -> None:
    """15, idle: unavailable at once; a plug and a card get nothing; then back in service."""
    await trial.ask("availability.set", evse_id=trial.evse, operational=False)
    await trial.until("out of service", lambda v: v["state"] == "Unavailable")
    async with trial.reader_free:
        await trial.rig.plug(trial.evse)
        await trial.rig.tap(trial.card)
        await trial.stays_open(FORGOTTEN_S)  # the card waits meanwhile, for a plug at any other bay
        await trial.card_forgotten()
        assert (await trial.view())["charging_state"] is None
        await trial.rig.unplug(trial.evse)
        await trial.ask("availability.set", evse_id=trial.evse, operational=True)
        await trial.until("in service", lambda v: v["state"] == "Available")


async def out_of_service_charging(trial: Trial) -> None:
    """15, charging: unavailable only when the transaction has ended."""
    await trial.start()
    await trial.ask("availability.set", evse_id=trial.evse, operational=False)
    await trial.energy(2)
    assert (await trial.view())["screen"] == "charging"
    assert (await ends_once(trial))[-1] == "Idle"
    await trial.until("out of service", lambda v: v["state"] == "Unavailable")
    await trial.ask("availability.set", evse_id=trial.evse, operational=True)
    await trial.until("in service", lambda v: v["state"] == "Available")


async def one_capped(first: Trial, second: Trial, circuit: str) -> None:
    """24, scaled to this fuse: 20 A for two, one capped at 8: 12 and 8."""
    await limit(first, circuit, 20)
    await limit(second, second.evse, 8)
    await asyncio.gather(first.start(), second.start())
    await asyncio.gather(offered(first, 12), offered(second, 8))
    await limit(second, second.evse, None)
    await limit(first, circuit, None)


async def one_idle(first: Trial, second: Trial, circuit: str) -> None:
    """25, scaled: 20 A for two: shared; one drives away, and the other has all that it may take."""
    await limit(first, circuit, 20)
    await asyncio.gather(first.start(), second.start())
    await asyncio.gather(offered(first, 10), offered(second, 10))
    await second.rig.unplug(second.evse)
    await offered(first, 16)
    await limit(first, circuit, None)


async def nested_limits(trial: Trial, circuit: str, above: str) -> None:
    """26: a circuit above lowers, and is named; then the one below; then neither."""
    await trial.start()
    await limit(trial, above, 10)
    await offered(trial, 10)
    await trial.until("named", lambda v: above in v["because"])
    await limit(trial, circuit, 8)
    await offered(trial, 8)
    await trial.until("named", lambda v: circuit in v["because"])
    await limit(trial, circuit, None)
    await offered(trial, 10)
    await limit(trial, above, None)
    await offered(trial, 16)
    assert (await ends_once(trial)).count("Charging") == 1
