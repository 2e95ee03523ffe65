"""One fault per device: named on the screen, in the journal, and in the database."""

import pytest
from site_desk import site_desk

pytestmark = pytest.mark.site

METER_1, BOARD_1 = 2, 11  # unit ids of bay 1 in the virtual site


async def test_a_silent_meter_pauses_the_session_and_it_goes_on(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.energy(2)
        await desk.rig.ask("line_fault", line="cabinet", kind="silent", unit=METER_1)
        fault = await desk.until_fault("F102")
        assert fault["name"] and fault["severity"] == "failure" and fault["where"] == "bay-1"
        await desk.until_screen("fault")

        async def open_() -> bool:
            return not await desk.rig.coil_on("1")
        await desk.until(open_, "contactor open")
        await desk.in_database("ev.fault.v1", "F102")
        await desk.rig.ask("line_clear", line="cabinet", unit=METER_1)
        await desk.until_fault("F102", stands=False)
        await desk.until_screen("charging", within_s=90)  # 30 s of them it stays open after a fault
        await desk.finish()
        assert len(await desk.cdrs(1)) == 1, "the same transaction went on"


async def test_a_pilot_board_that_is_gone_opens_and_is_named(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.rig.ask("line_fault", line="cabinet", kind="silent", unit=BOARD_1)

        async def open_() -> bool:
            return not await desk.rig.coil_on("1")
        await desk.until(open_, "contactor open")
        fault = await desk.until_fault("F101")
        assert fault["name"] == "pilot board lost"
        await desk.in_database("ev.fault.v1", "F101")
        await desk.rig.ask("line_clear", line="cabinet", unit=BOARD_1)
        await desk.until_fault("F101", stands=False)
        transactions = await desk.transactions()
        assert len(transactions) == 1


async def test_a_welded_contactor_is_named_and_blocks_the_bay(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.energy(2)
        await desk.rig.weld("1")
        await desk.stop_by_card()
        fault = await desk.until_fault("F201")
        assert fault["severity"] == "danger"
        await desk.in_database("ev.fault.v1", "F201")
        assert len(await desk.cdrs(1)) == 1, "the session ended all the same"
        await desk.rig.unplug("1")
        await desk.until_screen("fault")
        await desk.rig.restore("contactor", "1")


async def test_a_cut_network_is_named_and_everything_arrives_later(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.rig.cut("network")
        before = await desk.start()
        await desk.energy(3)
        after = await desk.finish()
        await desk.until_fault("F701")
        await desk.rig.restore("network")
        await desk.until_fault("F701", stands=False)
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        await desk.in_database("ev.fault.v1", "F701")


async def test_a_dead_reader_is_named_and_a_session_can_still_be_ended_by_unplugging(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.rig.cut("reader", "front")
        fault = await desk.until_fault("F501")
        assert fault["where"] == "front"
        await desk.energy(2)
        await desk.rig.unplug("1")
        await desk.cdrs(1)
        await desk.in_database("ev.fault.v1", "F501")
        await desk.rig.restore("reader", "front")
        await desk.until_fault("F501", stands=False)


async def test_residual_current_opens_at_once_and_ends_with_ground_fault(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.rig.rcd_trip("1")

        async def open_() -> bool:
            return not await desk.rig.coil_on("1")
        await desk.until(open_, "contactor open")
        await desk.until_fault("F401")
        await desk.cdrs(1)
        await desk.in_database("tx.event.v1", "GroundFault")


async def test_a_bus_that_is_cut_opens_and_comes_back(tmp_path):
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.rig.cut("bus", "cabinet")
        await desk.until_fault("F101")

        async def open_() -> bool:
            return not await desk.rig.coil_on("1")
        await desk.until(open_, "contactor open")
        await desk.rig.restore("bus", "cabinet")
        await desk.until_fault("F101", stands=False)
        await desk.until_screen("charging", within_s=90)  # 30 s of them it stays open after a fault
