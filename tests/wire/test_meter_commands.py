"""`forecourt meter read`, `watch`, `record`, `replay` on virtual lines, as a technician runs them."""

import asyncio
import contextlib
import json
import os

import pytest
from meter_command import interrupted, launched, line_with, meter, run

from edge.bus.open import open_bus
from edge.controller.request import Origin
from edge.link.line_protocol import LINES, TRANSACT
from edge.link.messages import refused
from edge.link.server import LinkServer
from edge.station.line_desk import LineDesk
from hil_tests.virtual.meter_tcp import SerialServer, TcpGateway
from hil_tests.virtual.wire import Wire

pytestmark = pytest.mark.wire


def read(tmp_path, url, unit, *more):
    return run("read", "--url", url, "--unit", str(unit), "--run-dir", str(tmp_path), *more)


def rtu(tmp_path, setting="?baud=9600&parity=N"):
    return f"rtu:{tmp_path / 'tty'}{setting}"


async def test_json_is_model_unit_values_age_and_errors(tmp_path):
    async with line_with(tmp_path, {1: ("eastron-sdm630", 9600)}):
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "eastron-sdm630", "--json")
    assert done.status == 0 and done.err == ""
    assert list(done.json) == ["model", "unit", "values", "age_s", "errors"]
    assert (done.json["model"], done.json["unit"], done.json["errors"]) == ("eastron-sdm630", 1, [])
    values = done.json["values"]
    assert values["voltage_l1"] == {"value": 230.0, "unit": "V"}
    assert values["current_l3"] == {"value": 8.0, "unit": "A"}
    assert values["energy_import"]["unit"] == "kWh" and 1234.5 < values["energy_import"]["value"] < 1235
    assert values["power_factor_l1"]["unit"] == "1" and values["reactive_power"]["unit"] == "var"
    assert 0 < done.json["age_s"] < 20 and len(values) == 47


@contextlib.asynccontextmanager
async def everywhere(tmp_path):
    """One and the same kind of meter by each of the three ways; their urls."""
    gateway, wire = TcpGateway([meter(3, "siemens-pac2200")]), Wire(baud=9600)
    wire.attach(meter(3, "siemens-pac2200"))
    server = SerialServer(wire)
    ports = await gateway.start(), await server.start()
    try:
        async with line_with(tmp_path, {3: ("siemens-pac2200", 9600)}):
            yield [rtu(tmp_path), f"tcp://127.0.0.1:{ports[0]}", f"rtu+tcp://127.0.0.1:{ports[1]}"]
    finally:
        await gateway.stop()
        await server.stop()


async def test_rtu_tcp_and_rtu_over_tcp_give_the_same(tmp_path):
    async with everywhere(tmp_path) as urls:
        told = await asyncio.gather(*(
            read(tmp_path, url, 3, "--model", "siemens-pac2200", "--json") for url in urls))
        wrong, unit = await asyncio.gather(
            read(tmp_path, urls[2].replace("rtu+", ""), 3, "--model", "siemens-pac2200"),
            read(tmp_path, urls[1], 9, "--model", "siemens-pac2200"))
    for done in told:
        assert done.status == 0, done
        assert done.json["values"]["power"] == {"value": 4830.0, "unit": "W"}
        assert 1234.5 < done.json["values"]["energy_import"]["value"] < 1235
    assert len({tuple(done.json["values"]) for done in told}) == 1
    assert wrong.status == 1 and f"use --url '{urls[2]}'" in wrong.err
    assert unit.status == 1 and "gateway is there" in unit.err


async def trouble(folder, unit, model, fault=None, **how):
    """A reading that fails, on a line of its own."""
    folder.mkdir()
    async with line_with(folder, {1: ("eastron-sdm630", 9600), 3: ("abb-b23", 19200)}) as line:
        if fault is not None:
            line.fault(fault, 1, **how)
        return await read(folder, rtu(folder), unit, "--model", model, "--json")


async def test_what_goes_wrong_says_what_it_saw_and_what_to_try(tmp_path):
    cases = {
        "baud": ((3, "abb-b23"), {}, ("nothing in", "unit 3 answers at 19200 8N1: use --url 'rtu:")),
        "unit": ((9, "abb-b23"), {}, ("nothing in", "unit id", "A and B", "meter scan --port")),
        "model": ((1, "abb-b23"), {}, (
            "exception 2", "looks like eastron-sdm630 (Eastron SDM630): 230 V", "another model")),
        "busy": ((1, "eastron-sdm630"), {"fault": "exception", "data": b"\x06"}, (
            "exception 6", "busy")),
        "noise": ((1, "eastron-sdm630"), {"fault": "bad_crc"}, ("bad CRC", "termination")),
        "other": ((1, "eastron-sdm630"), {"fault": "wrong_unit"}, ("unit 2 spoke", "unit id")),
    }
    told = await asyncio.gather(*(trouble(tmp_path / name, *who, **how)
                                  for name, (who, how, _) in cases.items()))
    for (name, (_, _, said)), done in zip(cases.items(), told, strict=True):
        text = " ".join(done.json["errors"])
        assert done.status == 1 and done.json["values"] == {}, name
        assert [part for part in said if part not in text] == [], (name, text)


async def test_values_of_no_mains_tell_the_wrong_model_and_name_the_right_one(tmp_path):
    """Registers of another map that are there: the numbers are nonsense, and that is said."""
    async with line_with(tmp_path, {1: ("carlo-gavazzi-em340", 9600)}):
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "finder-7m24", "--json")
    assert done.status == 1
    (error, *_) = [text for text in done.json["errors"] if "looks like" in text]
    assert "carlo-gavazzi-em340" in error


async def test_a_meter_that_refuses_a_part_gives_the_rest_and_says_which(tmp_path):
    async with line_with(tmp_path, {}) as line:
        partly = meter(1, "abb-b23")
        partly.absent = {"frequency", "power_factor"}
        line.attach(partly)
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "abb-b23", "--json")
    values = done.json["values"]
    assert done.status == 1 and values["voltage_l1"]["value"] == 230.0
    assert values["frequency"] == {"value": None, "unit": "Hz"}
    assert values["power_factor"]["value"] is None
    (error,) = done.json["errors"]
    assert "frequency" in error, "what is optional is no error"


async def test_without_a_model_it_is_found_out(tmp_path):
    async with line_with(tmp_path, {7: ("siemens-pac2200", 9600)}):
        done = await read(tmp_path, rtu(tmp_path), 7)
    assert done.status == 0 and done.out.splitlines()[0].split() == ["model", "siemens-pac2200"]
    assert "voltage_l1                   230 V" in done.out


async def test_what_the_url_leaves_out_is_the_models_factory_setting(tmp_path):
    async with line_with(tmp_path, {3: ("abb-b23", 19200)}):
        done = await read(tmp_path, rtu(tmp_path, ""), 3, "--model", "abb-b23", "--json")
    assert done.status == 0, done


async def test_watch_shows_values_and_the_line_until_ctrl_c(tmp_path):
    words = ("watch", "--url", rtu(tmp_path), "--run-dir", str(tmp_path), "--interval", "0.2",
             "--unit", "1", "--model", "eastron-sdm630")
    async with line_with(tmp_path, {1: ("eastron-sdm630", 9600)}):
        lines = await run(*words, "--unit", "9", "--turns", "3", "--json")
        stopped = await interrupted(await launched(*words), after="requests/s")
    turns = [json.loads(line) for line in lines.out.splitlines()]
    assert lines.status == 0 and len(turns) == 3
    first, second = turns[2]["meters"]
    assert first["values"]["power_l1"]["value"] == 1380.0 and first["age_s"] < 5 and not first["error"]
    assert second["values"] == {} and second["age_s"] is None and "no answer" in second["error"]
    assert turns[2]["line"]["timeouts"] >= 1 and turns[2]["requests_per_s"] > 0
    assert {unit["unit"] for unit in turns[2]["line"]["units"]} == {1, 9}
    assert stopped.status == 0 and stopped.err == "", "it ends cleanly"
    assert "eastron-sdm630" in stopped.out and "CRC errors" in stopped.out


async def test_a_recording_can_be_decoded_again_without_the_meter(tmp_path):
    golden = tmp_path / "golden.jsonl"
    async with line_with(tmp_path, {7: ("siemens-pac2200", 9600)}):
        made = await run("record", "--url", rtu(tmp_path), "--unit", "7", "--model", "siemens-pac2200",
                         "--run-dir", str(tmp_path), "--out", str(golden), "--seconds", "2")
        again = await run("record", "--url", rtu(tmp_path), "--unit", "7", "--model", "siemens-pac2200",
                          "--run-dir", str(tmp_path), "--out", str(golden), "--seconds", "2")
        silent = await run("record", "--url", rtu(tmp_path), "--unit", "9", "--model", "abb-b23",
                           "--run-dir", str(tmp_path), "--out", str(tmp_path / "9"), "--seconds", "2")
    assert made.status == 0 and again.status == 2, "a recording is never written over"
    assert silent.status == 1 and "no answer at unit 9" in silent.err and "replay" not in silent.out
    empty = await run("replay", str(tmp_path / "9"))
    assert empty.status == 1 and "no readings with values" in empty.out
    gone = await run("record", "--url", f"rtu:{tmp_path / 'none'}", "--unit", "9", "--model", "abb-b23",
                     "--run-dir", str(tmp_path), "--out", str(tmp_path / "gone"))
    assert gone.status == 1 and "no such port" in gone.err and not (tmp_path / "gone").exists()
    entries = [json.loads(line) for line in golden.read_text().splitlines()]
    kinds = [entry["kind"] for entry in entries]
    assert kinds[0] == "head" and {"exchange", "bytes", "values"} <= set(kinds)
    assert str(tmp_path) not in golden.read_text()
    same = await run("replay", str(golden))
    assert same.status == 0 and "no values decoded otherwise" in same.out
    spoilt = [json.dumps(entry).replace("43660000", "43670000") if entry["kind"] == "exchange"
              else json.dumps(entry) for entry in entries]
    golden.write_text("\n".join(spoilt))
    other = await run("replay", str(golden))
    assert other.status == 1 and "voltage_l1: recorded" in other.out and "231.0" in other.out


@contextlib.asynccontextmanager
async def controlled(tmp_path, baud=9600):
    """A controller's line and its socket, without the rest of it."""
    url = f"rtu:{tmp_path / 'tty'}?baud={baud}&parity=N"
    owner = open_bus(url)
    await owner.start()
    desk = LineDesk({"cabinet": owner}, {"cabinet": url}, {"cabinet": {1}})
    asked = []

    async def handle(peer, request):
        asked.append(request.action)
        if request.action == LINES:
            return desk.lines(request)
        return await desk.transact(peer, request)

    server = LinkServer(tmp_path, Origin.SERVICE, handle)
    await server.start()
    try:
        yield asked
    finally:
        await server.close()
        await owner.close()


async def test_a_line_that_a_controller_owns_is_read_through_it(tmp_path):
    """By whatever name the port is called."""
    (tmp_path / "by-id").symlink_to(tmp_path / "tty")
    there = {1: ("eastron-sdm630", 9600), 4: ("abb-b23", 9600), 5: ("abb-b23", 19200)}
    async with line_with(tmp_path, there), controlled(tmp_path) as asked:
        url = f"rtu:{tmp_path / 'by-id'}?baud=19200"
        done, model, silent, scan, golden, watch = await asyncio.gather(  # it serves them in turn
            read(tmp_path, url, 1, "--model", "eastron-sdm630", "--json"),
            read(tmp_path, url, 1, "--model", "abb-b23"),
            read(tmp_path, url, 9, "--model", "abb-b23"),
            run("scan", "--port", str(tmp_path / "by-id"), "--run-dir", str(tmp_path),
                "--units", "1,4,5", "--json"),
            run("record", "--url", url, "--unit", "4", "--model", "abb-b23", "--out",
                str(tmp_path / "g"), "--seconds", "2", "--run-dir", str(tmp_path)),
            run("watch", "--url", url, "--unit", "4", "--model", "abb-b23", "--run-dir",
                str(tmp_path), "--turns", "2", "--interval", "0.1", "--json"))
    assert done.status == 0 and done.json["values"]["power"]["value"] == 4830.0
    assert asked.count(TRANSACT) > 10
    assert "looks like eastron-sdm630" in model.err, "the same words as on a port of our own"
    assert "got nothing in" in silent.err and "check the unit id" in silent.err
    assert [(one["unit"], one["model"], one["baud"]) for one in scan.json["found"]] == [
        (1, "eastron-sdm630", 9600), (4, "abb-b23", 9600)]
    assert "through the controller" in scan.json["notes"][0] and "9600 8N1" in scan.json["notes"][0]
    assert golden.status == 0 and (await run("replay", str(tmp_path / "g"))).status == 0
    assert json.loads(watch.out.splitlines()[1])["line"]["requests"] > 10


async def test_a_controller_that_does_not_know_the_line_leaves_it_to_us(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    async with line_with(tmp_path, {1: ("abb-b23", 9600)}), line_with(other, {2: ("abb-b23", 9600)}), \
            controlled(tmp_path) as asked:
        done = await read(tmp_path, rtu(other), 2, "--model", "abb-b23", "--json")
    assert done.status == 0 and asked == [LINES]


async def test_a_controller_in_safe_stop_owns_no_line(tmp_path):
    async def refuses(_peer, request):
        return refused(request, "the controller is in safe stop")

    server = LinkServer(tmp_path, Origin.SERVICE, refuses)
    await server.start()
    async with line_with(tmp_path, {1: ("abb-b23", 9600)}):
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "abb-b23", "--json")
    await server.close()
    assert done.status == 0


async def test_a_port_that_somebody_else_holds_is_told(tmp_path):
    async with line_with(tmp_path, {1: ("abb-b23", 9600)}):
        owner = open_bus(rtu(tmp_path))
        await owner.start()
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "abb-b23")
        await owner.close()
    assert done.status == 1 and "lock" in done.err and "another program has this port open" in done.err


async def test_a_controller_that_hangs_is_told_and_its_line_left_alone(tmp_path):
    """A gateway takes two masters, and mixes their answers: nobody may guess."""
    async def hangs(_peer, _request):
        await asyncio.Event().wait()

    server = LinkServer(tmp_path, Origin.SERVICE, hangs)
    await server.start()
    gateway = TcpGateway([meter(1, "abb-b23")])
    port = await gateway.start()
    done = await read(tmp_path, f"tcp://127.0.0.1:{port}", 1, "--model", "abb-b23")
    await gateway.stop()
    await server.close()
    assert done.status == 1 and "a controller runs here and may own this line" in done.err
    assert gateway.requests == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
async def test_a_controller_that_we_may_not_ask_is_told(tmp_path):
    async with line_with(tmp_path, {1: ("abb-b23", 9600)}), controlled(tmp_path):
        (tmp_path / "service.sock").chmod(0)
        done = await read(tmp_path, rtu(tmp_path), 1, "--model", "abb-b23")
    assert done.status == 1 and "permission denied" in done.err and "sudo" in done.err
