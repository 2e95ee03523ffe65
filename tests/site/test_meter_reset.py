"""A meter that is reset while a car charges: on the whole site, from the wire to rows and receipt."""

import pytest
from site_desk import site_desk

from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

QUICK = Choices(timers={"fault_off_s": 1, "min_off_s": 1})


async def test_a_session_keeps_what_it_had_and_goes_on_when_its_meter_is_reset(tmp_path):
    async with site_desk(tmp_path, evses=1, choices=QUICK) as desk:
        trial = await desk.trial("1")
        await trial.start()
        await desk.energy(10, "1")
        await desk.rig.ask("reset", meter="bay-1", import_wh=40.0)
        await trial.until_fault("F103", within_s=40)
        had_wh = (await trial.view())["energy_wh"]
        await trial.until_fault("F103", stands=False, within_s=60)
        await trial.until("more", lambda view: (view["energy_wh"] or 0) > had_wh + 5, within_s=60)
        await trial.stop_by_card()
        receipt = (await trial.until("a receipt", lambda view: view["receipt"] is not None))["receipt"]
        await desk.in_database("tx.cdr.v1", receipt["transaction_id"])
        await desk.in_database("ev.meter.v1", receipt["transaction_id"])
        event = (await desk.rows("ev.meter.v1"))[0]["eventData"][0]
        ended = next(row for row in await desk.rows("tx.event.v1") if row["eventType"] == "Ended")
        cdr = (await desk.rows("tx.cdr.v1"))[0]
    (first, last), (anew, end) = receipt["spans"]
    assert receipt["energy_wh"] == last - first + end - anew and last - first == had_wh
    assert (event["customData"]["because"], event["customData"]["toWh"]) == ("reset", anew)
    assert event["transactionId"] == cdr["id"] == ended["transactionInfo"]["transactionId"]
    assert 40 <= anew < 200 and ended["customData"]["carriedWh"] == had_wh
    assert f"{first} to {last} Wh and {anew} to {end} Wh" in cdr["remark"]
    assert cdr["total_energy"] * 1000 == pytest.approx(receipt["energy_wh"])
