"""The search for meters, on a virtual wire in virtual time."""

import asyncio

import pytest
from line_on_wire import Impostor, opener
from virtual_time import virtual

from edge.commissioning.scan import Scan, Setting, orders
from edge.controller.trouble import LineDown
from edge.meter.catalogue import models
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_physics import MeterPhysics
from hil_tests.virtual.wire import Wire

MODELS = models()
BOTH = (Setting(9600, "N"), Setting(19200, "N"))


def now_s():
    return asyncio.get_running_loop().time()


def meter(unit, slug="eastron-sdm630", **more):
    physics = MeterPhysics(import_wh=1_234_000.0, now=now_s)
    physics.set_load((6.0, 7.0, 8.0))
    physics.jump(0)
    return VirtualMeter(unit, slug, physics=physics, **more)


def a_scan(wire, units, settings=BOTH, **more):
    return Scan(opener(wire), settings, units, MODELS, timeout_s=0.1, now_s=now_s, **more)


def seen(scan):
    return {(one.unit, one.baud): one.models for one in scan.found}


@virtual
async def test_different_models_at_two_bauds_are_all_named():
    there = {(1, 9600): "eastron-sdm630", (2, 9600): "carlo-gavazzi-em340",
             (30, 9600): "siemens-pac2200", (3, 19200): "abb-b23",
             (247, 19200): "schneider-iem3000", (9, 19200): "sunspec-203"}
    wire = Wire(baud=9600)
    for (unit, baud), slug in there.items():
        wire.attach(meter(unit, slug, baud=baud))
    told = []
    scan = a_scan(wire, range(1, 248), on_found=told.append)
    await scan.run()
    assert seen(scan) == {at: (slug,) for at, slug in there.items()}
    assert told == scan.found and scan.notes == []
    assert all(one.says and 5 < one.turnaround_ms < 30 for one in scan.found)


@virtual
async def test_twins_are_told_as_such_and_strangers_as_unknown():
    wire = Wire(baud=9600)
    wire.attach(meter(4, "eltako-dsz16"))
    wire.attach(Refuser(5))
    scan = a_scan(wire, range(1, 9), BOTH[:1])
    await scan.run()
    assert seen(scan) == {(4, 9600): ("eltako-dsz15dzmod", "eltako-dsz16"), (5, 9600): ()}


class Refuser:
    """Is there, and has no register that anybody asks for."""

    turnaround_s, baud = 0.02, None

    def __init__(self, unit):
        self.unit, self._meter = unit, VirtualMeter(unit)

    def answer(self, frame):
        self._meter.absent = {spot.quantity for spot in self._meter.map.spots}
        answer = self._meter.answer(frame)
        if answer is None or len(answer) == 5:
            return answer
        self._meter.refuse_above = (0, 2)
        return self._meter.answer(frame)


@virtual
async def test_a_slow_unit_is_found_by_its_late_answer_and_told():
    wire = Wire(baud=9600)
    wire.attach(meter(3, turnaround_s=0.17))
    scan = a_scan(wire, range(1, 9), BOTH[:1])
    await scan.run()
    assert seen(scan) == {(3, 9600): ("eastron-sdm630",)}
    wire = Wire(baud=9600)
    wire.attach(meter(40, turnaround_s=0.17))  # asked once only: its answer meets the next question
    scan = a_scan(wire, range(30, 50), BOTH[:1])
    await scan.run()
    assert seen(scan) == {(40, 9600): ("eastron-sdm630",)}
    assert any("unit 40 is slow" in note for note in scan.notes)


@virtual
async def test_two_meters_with_one_unit_id_are_told():
    wire = Wire(baud=9600)
    wire.attach(meter(1))
    wire.attach(meter(6))
    wire.attach(Impostor(meter(6, "eastron-sdm120"), 200))
    scan = a_scan(wire, range(1, 17), BOTH[:1])
    await scan.run()
    assert seen(scan) == {(1, 9600): ("eastron-sdm630",)}
    (note,) = scan.notes
    assert note.startswith("unit 6 at 9600 8N1 answers") and "two devices with this unit id" in note


@virtual
async def test_one_disturbance_hides_no_meter():
    for fault in ("bad_crc", "noise_before", "truncated", "wrong_count"):
        wire = Wire(baud=9600)
        wire.attach(meter(2))
        wire.fault(fault, 2, times=1)
        scan = a_scan(wire, range(1, 5), BOTH[:1])
        await scan.run()
        assert seen(scan) == {(2, 9600): ("eastron-sdm630",)}, fault
        assert scan.notes == [], fault


@virtual
async def test_noise_at_many_units_is_the_line():
    wire = Wire(baud=9600)
    for unit in range(1, 6):
        wire.attach(meter(unit))
    wire.fault("bad_crc")
    scan = a_scan(wire, range(1, 6), BOTH[:1])
    await scan.run()
    assert scan.found == [] and len(scan.notes) == 1
    assert scan.notes[0].startswith("noise at 9600 8N1 at units 1, 2, 3, 4, 5")


@virtual
async def test_who_is_cancelled_keeps_what_was_found():
    wire = Wire(baud=9600)
    wire.attach(meter(1))
    wire.attach(meter(200))
    told = asyncio.Event()
    scan = a_scan(wire, range(1, 248), on_found=lambda _: told.set())
    task = asyncio.create_task(scan.run())
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen(scan) == {(1, 9600): ("eastron-sdm630",)}


@virtual
async def test_what_is_left_is_known_from_the_beginning():
    shares, lefts = [], []

    def watch(share, left_s, _):
        shares.append(share)
        lefts.append((now_s(), left_s))

    scan = a_scan(Wire(baud=9600), range(1, 100), watch=watch)
    await scan.run()
    end_s = now_s()
    assert shares == sorted(shares) and shares[0] == 0 and 0.98 < shares[-1] <= 1
    for at_s, left_s in lefts[::10]:
        assert left_s == pytest.approx(end_s - at_s, rel=0.15, abs=0.5)


@virtual
async def test_likely_units_come_first_and_then_settings_that_bore_fruit():
    asked = []
    wire = Wire(baud=9600)
    wire.attach(meter(3, baud=19200))
    scan = a_scan(wire, (3, 40), watch=lambda _share, _left, what: asked.append(what))
    await scan.run()
    order = [what.rpartition(",")[0] for what in asked if "what is" not in what]
    assert order == ["9600 8N1, unit 3", "19200 8N1, unit 3", "19200 8N1, unit 40", "9600 8N1, unit 40"]


@virtual
async def test_a_unit_is_found_once_though_every_parity_reaches_it():
    wire = Wire(baud=9600)
    wire.attach(meter(1))
    scan = a_scan(wire, (1,), [Setting(9600, "N"), Setting(9600, "E")])
    await scan.run()
    assert [(one.baud, one.parity) for one in scan.found] == [(9600, "N")]


@virtual
async def test_an_adapter_that_echoes_is_told():
    wire = Wire(baud=9600)
    wire.attach(meter(2))
    wire.fault("echo")
    scan = a_scan(wire, range(1, 5), BOTH[:1])
    await scan.run()
    assert seen(scan) == {(2, 9600): ("eastron-sdm630",)}
    assert any("echo=1" in note for note in scan.notes)


@virtual
async def test_a_line_that_cannot_be_had_is_raised():
    def gone(_):
        raise LineDown("line", where="/dev/x", got="no such file", expected="a port")

    with pytest.raises(LineDown):
        await Scan(gone, BOTH, (1,), MODELS, timeout_s=0.1, now_s=now_s).run()


def test_settings_are_mixed_with_the_likely_ones_first():
    settings = orders((9600, 19200, 38400), ("N", "E"))
    assert settings[:4] == [(9600, "N"), (19200, "N"), (9600, "E"), (38400, "N")]
    assert len(settings) == len(set(settings)) == 6
