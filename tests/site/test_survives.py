"""What bouncing plugs, restarts and a lost journal leave of sessions, counters and dates."""

import contextlib
import sqlite3

import pytest
from site_desk import SiteDesk, site_desk
from tomorrow import remember_later

from hil_tests.scenarios.ordinary import once, states
from hil_tests.scenarios.trial import Trial
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

CHOICES = Choices(rules={"replug_s": 4, "stagger_s": 60}, senses=False,
                  timers={"min_off_s": 2, "fault_off_s": 2, "clock_lost_s": 2})
LATER_S = 12.0


async def closings(desk: SiteDesk, evse_id: str) -> int:
    """How often this bay's contacts have closed."""
    return len([m for m in await desk.rig.moves()
                if m["evse"] == evse_id and m["what"] == "contact" and m["level"]])


async def test_a_plug_that_bounces_opens_and_the_session_goes_on_once_it_is_back_in_time(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        trial = await desk.trial()
        await trial.start()
        before = await closings(desk, "1")
        await desk.rig.ask("bounce", evse="1", gap_s=0.4, times=2)
        await trial.until_screen("charging")
        assert await closings(desk, "1") > before, "it opened at once, and closed again"
        await desk.rig.unplug("1")
        receipt = await trial.receipt()
        rows = await once(trial, receipt["transaction_id"], "EVDisconnected")
        assert states(rows)[-2:] == ["Charging", "Idle"]
        assert len(await desk.transactions()) == 1


async def other_computer_start(desk: SiteDesk) -> None:
    """As after a power cut: the journal was last written under another start of the computer."""
    await desk.kill_controller()
    with contextlib.closing(sqlite3.connect(desk.site.state_dir / "journal.db")) as journal:
        journal.execute("UPDATE kept SET body = ? WHERE key = 'computer:boot'", (b"another",))
        journal.commit()
    await desk.start_controller()


async def test_after_mains_return_starts_are_spread(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        await other_computer_start(desk)
        trials = [await desk.trial(evse) for evse in desk.site.evses]
        for trial in trials:
            await trial.begin()
        # Two outlets are never both within a third of the spread, whatever number was drawn.
        because = [(await trial.view())["because"] for trial in trials]
        assert "stagger" in because, because
        assert not 0 < await desk.rig.duty(trials[because.index("stagger")].evse) < 1


async def test_counters_latched_faults_and_dates_outlive_a_restart(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        trial = await desk.trial()
        await trial.start()
        await desk.rig.unplug("1")
        await trial.receipt()
        await desk.rig.rcd_trip("1")
        fault = await trial.until_fault("F401")
        wear = (await trial.view())["wear"]
        assert wear["cycles"] == fault["count"] == 1
        await desk.kill_controller()
        await desk.start_controller()
        again = await trial.until_fault("F401")
        assert (again["count"], again["first_utc"]) == (1, fault["first_utc"])
        assert (await trial.view())["wear"] == wear
        await desk.rig.restore("rcd", "1")
        await trial.clear("F401")
        await desk.kill_controller()
        await remember_later(desk.site.state_dir / "journal.db", LATER_S)
        await desk.start_controller()
        await trial.until_fault("F605")
        await trial.until_fault("F605", stands=False)

        async def repaired() -> bool:
            return bool(await desk.rows("ev.clock.v1"))
        await desk.until(repaired, "a row by which everybody repairs what came before")


async def test_closed_and_unexplained_after_the_journal_is_gone_it_opens_and_says_so(tmp_path):
    async with site_desk(tmp_path, choices=CHOICES) as desk:
        trial: Trial = await desk.trial()
        await trial.start()
        await desk.kill_controller()
        assert await desk.rig.coil_on("1"), "outputs persist after a kill on Raspberry Pi OS"
        for file in desk.site.state_dir.glob("journal.db*"):
            file.unlink()
        await desk.start_controller()
        await trial.coil(False)
        fault = await trial.until_fault("F208")
        assert fault["where"] == "1"
        await desk.rig.unplug("1")
        await trial.clear("F208")
        await trial.start()
