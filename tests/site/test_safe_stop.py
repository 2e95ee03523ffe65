"""A controller that fails again and again stops, says whom to call, and waits for a technician."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from site_desk import SiteDesk, site_desk

from hil_tests.virtual.keeper import kept
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(200)]

INJECT = Path(__file__).parents[1] / "support" / "inject"
QUICK = Choices(timers={"min_off_s": 1, "fault_off_s": 1, "meter_lost_s": 8})
FAILS_AT_EACH_START = {"call": "edge/station/restoring.py:restore", "error": "ValueError",
                       "at_start": True, "again": True}


def break_starts(spec: Path, how: dict[str, object] | None) -> None:
    if how is None:
        spec.unlink()
    else:
        spec.write_text(json.dumps(how))


async def clear(desk: SiteDesk) -> int:
    """`forecourt faults clear F606`; its exit status."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.station.cli", "faults", "clear", "F606",
        "--run-dir", str(desk.site.run_dir))
    return await asyncio.wait_for(process.wait(), 30)


async def until_stopped(desk: SiteDesk) -> None:
    async def stopped() -> bool:
        return desk.site.in_safe_stop()
    await desk.until(stopped, "a safe stop")


async def test_three_failures_stop_a_site_until_a_technician_lets_it_go_on(tmp_path):
    async with site_desk(tmp_path, choices=QUICK) as desk:
        spec = tmp_path / "inject.json"
        desk.site.environment.update(PYTHONPATH=str(INJECT), FORECOURT_INJECT=str(spec))
        async with kept(desk.site) as keeper:
            before = await desk.start()
            desk.site.counts_failures = True
            break_starts(spec, FAILS_AT_EACH_START)
            desk.site.kill9("controller")
            desk.site.launch("controller")
            await until_stopped(desk)
            assert keeper.ends == [1, 1], "the killed run was the first of three"
            assert not (await desk.rig.state("1"))["relay"] and not await desk.rig.coil_on("1")
            view = await desk.snapshot()
            assert view["site"]["phone"] == "+46 10 000 00 00"
            for evse in view["evses"]:
                assert evse["screen"] == "fault" and evse["state"] == "Faulted"
                assert [(f["code"], f["where"]) for f in evse["faults"]] == [("F606", "controller")]
            assert "ValueError in sitecustomize.py" in view["faults"][0]["detail"]
            assert "safe stop" in (await desk.ask("session.stop", {"evse_id": "1"}) or "")
            assert "safe stop" in (await desk.ask("fault.clear", {"code": "F605"}) or "")
            await desk.in_database("ev.fault.v1", "F606")

            desk.site.kill9("controller")
            desk.site.launch("controller")
            await until_stopped(desk)
            assert len([e for e in await desk.rows("ev.fault.v1") if "F606" in json.dumps(e)]) == 1

            break_starts(spec, None)
            assert await clear(desk) == 0
            await desk.until_fault("F606", stands=False)
            await desk.until_screen("charging")
            assert keeper.ends == [1, 1, 0]
            after = await desk.finish()
            cdr, = await desk.cdrs(1)
            assert round(cdr["total_energy"] * 1000) == after - before
            rows = [event for row in await desk.rows("ev.fault.v1") for event in row["eventData"]
                    if event["techCode"] == "F606"]
            assert [event["cleared"] for event in rows] == [False, True]
        desk.tracebacks = list  # type: ignore[method-assign]


async def test_a_safe_stop_stands_without_a_journal_and_a_restart_of_the_computer_ends_it(tmp_path):
    async with site_desk(tmp_path, choices=QUICK) as desk:
        await desk.start()
        await desk.site.children.end("controller", hurry=True)
        desk.site.counts_failures = True
        starts = desk.site.run_dir / "starts.json"
        told = {"computer": boot(), "stopped": True, "stops": 0, "last": "ValueError in core.py:1",
                "failed_s": [1.0, 2.0, 3.0], "journal_tried": True}
        starts.write_text(json.dumps(told))
        await desk.site.start("controller")
        assert desk.site.in_safe_stop()
        assert (await desk.snapshot())["evses"][0]["screen"] == "fault"
        assert not (desk.site.run_dir / "sync.sock").exists()
        desk.site.kill9("controller")
        starts.write_text(json.dumps(told | {"computer": "the one before"}))
        await desk.site.start("controller")
        assert not desk.site.in_safe_stop()
        await desk.until_screen("charging")


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
