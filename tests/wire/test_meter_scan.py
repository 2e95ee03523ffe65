"""`forecourt meter scan` on a virtual line, as a technician runs it."""

import asyncio
import os
import pty
import sys
import tomllib

import pytest
from line_on_wire import Impostor
from meter_command import interrupted, launched, line_with, meter, run

from hil_tests.virtual.meter_tcp import SerialServer, TcpGateway
from hil_tests.virtual.wire import Wire

pytestmark = pytest.mark.wire

FIVE = {1: ("eastron-sdm630", 9600), 2: ("carlo-gavazzi-em340", 9600), 7: ("siemens-pac2200", 9600),
        3: ("abb-b23", 19200), 20: ("schneider-iem3000", 19200)}
NAMES = {1: "Eastron SDM630", 2: "Carlo Gavazzi EM/ET330/340", 7: "Siemens PAC2200",
         3: "ABB A/B-Series", 20: "Schneider iEM3000"}


def on(tmp_path, *more):
    return "--port", str(tmp_path / "tty"), "--run-dir", str(tmp_path), *more


async def test_five_models_at_two_bauds_are_all_named(tmp_path):
    async with line_with(tmp_path, FIVE):
        done = await run("scan", *on(tmp_path, "--units", "1-5,7,20", "--bauds", "9600,19200",
                                     "--parities", "N", "--json"))
    assert done.status == 0 and done.json["complete"] and done.json["notes"] == []
    found = {one["unit"]: one for one in done.json["found"]}
    assert {unit: (one["model"], one["baud"]) for unit, one in found.items()} == FIVE
    assert {unit: one["names"] for unit, one in found.items()} == {u: [n] for u, n in NAMES.items()}
    assert all(one["parity"] == "N" and len(one["models"]) == 1 for one in found.values())
    site = tomllib.loads(done.json["site"])
    assert site["bus"][0]["url"].endswith("tty?baud=9600&parity=N")
    assert [one["unit"] for one in site["meter"]] == [1, 2, 7]


async def test_people_get_a_line_for_each_and_a_bar_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    async with line_with(tmp_path, {3: ("eltako-dsz16", 9600)}):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge.station.cli", "meter", "scan",
            *on(tmp_path, "--units", "1-9", "--bauds", "9600", "--parities", "N"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    first, *rest = out.decode().splitlines()
    assert first.startswith("unit   3  9600 8N1    one of eltako-dsz15dzmod") and "230 V" in first
    assert 'model = "eltako-dsz15dzmod"  # or eltako-dsz16: look at its label' in rest
    assert "% " in drawn or "%, " in drawn
    assert "left: 9600 8N1, unit" in drawn and drawn.endswith("\x1b[K")


async def test_ctrl_c_gives_what_was_found(tmp_path):
    async with line_with(tmp_path, {2: ("abb-b23", 9600)}):
        process = await launched("scan", *on(tmp_path))
        done = await interrupted(process, after="abb-b23")
    assert done.status == 0 and 'model = "abb-b23"' in done.out and "stopped" in done.err


async def test_two_meters_with_one_id_are_told_and_the_others_named(tmp_path):
    async with line_with(tmp_path, {1: ("eastron-sdm630", 9600), 6: ("abb-b23", 9600)}) as line:
        line.attach(Impostor(meter(6, "eastron-sdm630"), 200))
        done = await run("scan", *on(tmp_path, "--units", "1,5,6", "--bauds", "9600", "--parities",
                                     "N", "--json"))
    assert [one["unit"] for one in done.json["found"]] == [1]
    assert "unit 6" in done.json["notes"][0] and "two devices" in done.json["notes"][0]


async def test_nobody_there_is_status_1_with_what_to_check(tmp_path):
    async with line_with(tmp_path, {}):
        done = await run("scan", *on(tmp_path, "--units", "1-3", "--bauds", "9600", "--parities", "N"))
    assert done.status == 1 and "no meter answers" in done.out and "A and B" in done.err


async def test_no_port_is_status_1_with_where_to_look(tmp_path):
    done = await run("scan", *on(tmp_path))
    assert done.status == 1 and "/dev/serial/by-id" in done.err


async def test_gateways_are_scanned_by_their_units(tmp_path):
    gateway = TcpGateway([meter(4, "abb-b23"), meter(9, "siemens-pac2200")])
    wire = Wire(baud=9600)
    wire.attach(meter(5, "carlo-gavazzi-em340"))
    server = SerialServer(wire)
    ports = await gateway.start(), await server.start()
    try:
        modbus, serial = await asyncio.gather(
            run("scan", "--url", f"tcp://127.0.0.1:{ports[0]}", "--run-dir", str(tmp_path),
                "--units", "1-12", "--json"),
            run("scan", "--url", f"rtu+tcp://127.0.0.1:{ports[1]}", "--run-dir", str(tmp_path),
                "--units", "3-6", "--timeout-ms", "200", "--json"))
    finally:
        await gateway.stop()
        await server.stop()
    assert [(one["unit"], one["model"]) for one in modbus.json["found"]] == [
        (4, "abb-b23"), (9, "siemens-pac2200")]
    (one,) = serial.json["found"]
    assert (one["unit"], one["model"]) == (5, "carlo-gavazzi-em340")
    assert tomllib.loads(serial.json["site"])["bus"][0]["url"].startswith("rtu+tcp://127.0.0.1")


async def test_a_device_that_answers_under_every_unit_is_told_once(tmp_path):
    gateway = TcpGateway(meter(unit, "siemens-pac2200") for unit in range(1, 248))
    port = await gateway.start()
    try:
        done = await run("scan", "--url", f"tcp://127.0.0.1:{port}", "--run-dir", str(tmp_path),
                         "--json")
    finally:
        await gateway.stop()
    assert [(one["unit"], one["model"]) for one in done.json["found"]] == [(1, "siemens-pac2200")]
    assert "under every unit id" in done.json["notes"][0]


async def test_a_port_that_is_not_there_says_nothing_of_meters(tmp_path):
    done = await run("scan", *on(tmp_path))
    assert done.status == 1 and "no such port" in done.err
    assert done.out == "" and "A and B" not in done.err
