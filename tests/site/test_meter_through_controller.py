"""A technician reads and scans on the line of a site whose car charges: through its controller."""

import json
import tomllib

import pytest
from meter_command import run
from site_desk import site_desk

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

OLDEST_S = 3.0  # a board's poll; silent so long, it is a fault


async def test_a_technician_works_on_the_line_of_a_car_that_charges(tmp_path):
    async with site_desk(tmp_path, evses=1) as desk:
        table = tomllib.loads(desk.site.site_file.read_text())
        path = table["bus"][0]["url"].partition(":")[2].partition("?")[0]
        bay = next(meter for meter in table["meter"] if meter["id"] == "bay-1")
        here = "--site", str(desk.site.site_file)
        await desk.start("1")
        await desk.energy(5, "1")
        before = await desk.health()
        read = await run("read", *here, "--url", f"rtu:{path}?baud=9600", "--unit", str(bay["unit"]),
                         "--model", bay["model"], "--json")
        main = await run("read", *here, "--url", f"rtu:{path}", "--unit", "1")
        scan = await run("scan", *here, "--port", path, "--units", "1-40", "--json")
        after = await desk.health()
        view = await desk.evse("1")
        listed = json.loads(await desk._request("lines", {}))["lines"]
    values = read.json["values"]
    assert read.status == 0 and values["power_l1"]["value"] > 2000, "of the car that charges"
    assert abs(values["current_l1"]["value"] - 16) < 1
    assert main.status == 0 and "eastron-sdm630" in main.out
    named = {one["unit"]: one["model"] for one in scan.json["found"]}
    assert {unit: named[unit] for unit in (1, bay["unit"])} == {
        1: "eastron-sdm630", bay["unit"]: "eastron-sdm630"}
    board = next(one for one in scan.json["found"] if not one["models"])
    assert board["unit"] == table["evse"][0]["board"]["unit"] and "it says: " in board["says"]
    assert "through the controller" in scan.json["notes"][0] and "38400 8E1" in scan.json["notes"][0]
    assert view["screen"] == "charging" and view["faults"] == []
    assert after["boards"][0]["age_s"] < OLDEST_S and after["faults"] == []
    (line,) = after["lines"]
    assert line["downs"] == before["lines"][0]["downs"]
    wired = {1, bay["unit"], table["evse"][0]["board"]["unit"]}
    assert {unit["unit"] for unit in line["units"]} == wired, "of the others no trace is left"
    assert all(unit["silent"] == 0 for unit in line["units"])
    assert [one["bus"] for one in listed] == ["cabinet"]
