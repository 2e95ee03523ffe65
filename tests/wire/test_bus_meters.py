"""Meters behind the virtual line: drivers and devices share no code."""

import asyncio
import json
import sys
import time

import pytest

from edge.bus.open import open_bus
from edge.controller.reading import PerPhase, Quality, ReadingContext
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import MeterPhysics, VirtualMeter

pytestmark = pytest.mark.wire


@pytest.fixture
async def line(tmp_path):
    made = Line(tmp_path / "rs485", baud=19200)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("slug", ["eastron-sdm120", "eastron-sdm630"])
async def test_a_meters_values_come_through_the_wire(line, slug):
    virtual = VirtualMeter(5, slug, physics=MeterPhysics(import_wh=7_654_321.0, refresh_s=0.05))
    virtual.physics.set_load((16.5, 8.25, 0.0), (230.0, 231.0, 229.0))
    line.attach(virtual)
    await asyncio.sleep(0.1)  # a refresh instant
    virtual.physics.set_load((16.5, 8.25, 0.0), (230.0, 231.0, 229.0))
    bus = open_bus(f"rtu:{line.path}?baud=19200&parity=E")
    await bus.start()
    meter = Meter(bus, 5, load(slug), "bay-1", time.monotonic_ns)
    reading = await meter.read()
    three = load(slug).phases == 3
    assert reading.current_a == (PerPhase(L1=16.5, L2=8.25, L3=0.0) if three else PerPhase(L1=16.5))
    assert reading.power_w == pytest.approx(3795.0 + (1905.75 if three else 0.0))
    before_wh = round(virtual.register_wh())
    begin = await meter.read_energy(ReadingContext.TRANSACTION_BEGIN)
    assert begin.quality is Quality.GOOD
    assert before_wh <= begin.energy_import_wh <= round(virtual.register_wh())
    await bus.close()


@pytest.mark.parametrize("kind", ["silent", "late", "noise_before", "noise_after", "bad_crc",
                                  "wrong_unit", "wrong_function", "wrong_count"])
async def test_a_demanded_reading_survives_one_fault_of_any_kind(line, kind):
    virtual = VirtualMeter(1)
    virtual.forced[72] = 123.456
    line.attach(virtual)
    line.fault(kind, 1, times=1)
    bus = open_bus(f"rtu:{line.path}?baud=19200&parity=E")
    await bus.start()
    meter = Meter(bus, 1, load("eastron-sdm630"), "bay-1", time.monotonic_ns)
    assert (await meter.read_energy(ReadingContext.TRANSACTION_END)).energy_import_wh == 123_456
    await bus.close()


async def test_the_meter_command_reads_a_meter(line):
    virtual = VirtualMeter(3)
    virtual.forced[342] = 77.5
    line.attach(virtual)
    run = "import sys; from edge.commissioning.command import main; sys.exit(main(sys.argv[1:]))"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", run, "read", "--model", "eastron-sdm630", "--unit", "3", "--json",
        "--url", f"rtu:{line.path}?baud=19200", stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    answer = json.loads(out)
    assert child.returncode == 0
    assert answer["values"]["voltage_l1"] == {"value": 230.0, "unit": "V"}
    assert answer["values"]["energy_total"] == {"value": 77.5, "unit": "kWh"}
    assert (answer["model"], answer["unit"], answer["errors"]) == ("eastron-sdm630", 3, [])
    assert len(answer["values"]) == 47
