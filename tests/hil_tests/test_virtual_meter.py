"""Virtual meters of every model, asked directly: what they answer, and what they refuse."""

import struct
from decimal import Decimal

import pytest

from hil_tests.virtual.meter import MeterPhysics, VirtualMeter
from hil_tests.virtual.meter_map import load, slugs
from hil_tests.virtual.sunspec_map import layout


def ask(meter, function, address, count):
    answer = meter.respond(struct.pack(">BHH", function, address, count))
    if answer[0] & 0x80:
        return f"exception {answer[1]}"
    assert (answer[0], answer[1]) == (function, 2 * count)
    return struct.unpack(f">{count}H", answer[2:])


def test_every_model_answers_every_register_by_its_own_function_and_by_no_other():
    for slug in slugs():
        meter = VirtualMeter(1, slug)
        functions = {3, 4} if meter.map.alike else {spot.function for spot in meter.map.spots}
        first = 40070 if meter.map.sunspec else 0
        for spot in meter.map.spots:
            assert len(ask(meter, spot.function, first + spot.address, spot.words)) == spot.words
        for function in {1, 2, 3, 4, 5, 6, 16, 23, 43} - functions:
            if meter.map.identity is None or meter.map.identity.function != function:
                assert meter.respond(struct.pack(">BHH", function, 0, 1)) == bytes((function | 128, 1))


def test_every_model_follows_what_flows():
    now = [0.0]
    for slug in slugs():
        physics = MeterPhysics(import_wh=1_234_560.0, refresh_s=0.5, now=lambda: now[0])
        meter = VirtualMeter(1, slug, physics=physics)
        phases = meter.map.phases
        loads = [10.0 if at < phases else 0.0 for at in range(3)]
        physics.set_load((loads[0], loads[1], loads[2]), power_factor=0.8)
        now[0] += 3600
        energy = 1234.56 + 1.84 * phases
        expected = {"power": 1840 * phases, "power_l1": 1840, "voltage_l1": 230, "voltage": 230,
                    "frequency": 50, "current_l1": 10, "power_factor": 0.8, "reactive_power_l1": 1380,
                    "energy_import": energy, "apparent_power": 2300 * phases}
        for spot in meter.map.spots:
            if spot.quantity in expected:
                assert float(meter.shown(spot.quantity)) == pytest.approx(
                    expected[spot.quantity], rel=0.005), (slug, spot.quantity)
        if meter.map.billed is not None:
            assert meter.register_wh() == pytest.approx(1000 * energy, rel=1e-4), slug


def test_a_value_that_a_register_cannot_show_stays_at_its_end():
    dzg = VirtualMeter(1, "dzg-dvh4013")
    dzg.physics.set_load((-10.0, -10.0, -10.0))
    dzg.physics.jump(0)
    assert (dzg.shown("import_power"), dzg.shown("export_power")) == (0, 6900)
    sunspec = VirtualMeter(1, "sunspec-203")
    sunspec.exponents[22] = 0
    sunspec.physics.set_load((63.0, 63.0, 63.0))
    sunspec.physics.jump(0)
    assert ask(sunspec, 3, 40088, 1) == (32767,)


def test_what_a_device_does_not_have_is_refused_as_it_would():
    sdm, abb = VirtualMeter(1, "eastron-sdm630"), VirtualMeter(1, "abb-b23")
    em340, pac = VirtualMeter(1, "carlo-gavazzi-em340"), VirtualMeter(1, "siemens-pac2200")
    assert ask(sdm, 4, 1, 2) == ask(sdm, 4, 0, 3) == "exception 2"  # Eastron: whole values only
    assert ask(sdm, 4, 0, 82) == ask(sdm, 4, 0, 0) == "exception 3"  # longer than max_block, and none
    assert ask(abb, 3, 0, 2) == ask(abb, 3, 0x5B3C, 4) == "exception 2"  # before and behind the map
    assert ask(em340, 4, 0x31, 3) == "exception 2"  # across its barrier
    assert len(ask(em340, 4, 0x31, 1)) == len(ask(em340, 4, 0x32, 2)) + -1 == 1
    assert ask(pac, 4, 2, 2) == ask(pac, 4, 1, 3) == "exception 2"  # inside a value
    assert len(ask(pac, 4, 1, 8)) == 8
    assert sdm.refusals == [(1, 2), (0, 3), (0, 82), (0, 0)]


def test_holes_are_zeros_or_refused_by_choice():
    holed = VirtualMeter(1, "abb-b23", holes="refused")
    assert ask(VirtualMeter(1, "abb-b23"), 3, 0x5B06, 2) == (0, 0)
    assert ask(holed, 3, 0x5B04, 4) == "exception 2"
    assert ask(holed, 3, 0x5B00, 6) == (0, 2300, 0, 2300, 0, 2300)


def test_a_variant_lacks_a_register_and_a_picky_one_long_blocks():
    em340 = VirtualMeter(1, "carlo-gavazzi-em340")
    em340.absent.add("energy_export")
    em340.refuse_above = (10, 2)
    assert ask(em340, 4, 0x4E, 2) == ask(em340, 4, 0, 12) == "exception 2"
    assert len(ask(em340, 4, 0, 10)) == 10


def test_an_identity_is_told_where_the_model_has_one_and_alone_where_it_must():
    told = [ask(VirtualMeter(1, "abb-b23", product=product), 3, 0x8960, 2) for product in (0, 1)]
    assert told[0] != told[1]
    assert {words[0] for words in told} == {0x4232}  # "B2"
    em340 = VirtualMeter(1, "carlo-gavazzi-em340")
    assert ask(em340, 3, 0x0B, 1) == (0x014A,)
    assert ask(em340, 3, 0x0A, 2) == "exception 2"
    for slug in slugs():
        identity = load(slug).identity
        if identity is not None:
            assert len(ask(VirtualMeter(1, slug), *identity[:3])) == identity.length


def test_a_sunspec_meter_is_found_by_walking_wherever_it_begins():
    for base in (40000, 0, 50000):
        meter = VirtualMeter(1, "sunspec-213", sunspec=layout(213, base=base, between=((160, 8),)))
        assert ask(meter, 3, base, 4) == (0x5375, 0x6E53, 1, 66)
        assert ask(meter, 3, base + 70, 2) == (160, 8)
        assert ask(meter, 3, base + 80, 2) == (213, 124)
        assert ask(meter, 3, base + 206, 2) == (0xFFFF, 0)
        assert ask(meter, 3, base + 206, 3) == "exception 2"
    assert ask(VirtualMeter(1, "sunspec-213"), 3, 0, 2) == "exception 2"


def test_what_is_put_is_shown_until_the_load_is_followed_again():
    meter = VirtualMeter(1, "carlo-gavazzi-em340")
    meter.put({"voltage_l1": 231.4, "power": -1234.5, "energy_import": None})
    assert ask(meter, 4, 0, 2) == (2314, 0)
    assert ask(meter, 4, 0x28, 2) == (0xCFC7, 0xFFFF)
    assert ask(meter, 4, 0x34, 2) == (0xFFFF, 0x7FFF)
    assert (meter.shown("power"), meter.shown("energy_import")) == (Decimal("-1234.5"), None)
    meter.follow()
    assert ask(meter, 4, 0, 2) == (2300, 0)
    with pytest.raises(KeyError, match="voltage_l9"):
        meter.put({"voltage_l9": 1.0})
    with pytest.raises(ValueError, match="counts"):
        meter.put({"voltage_l1": 1e12})
    with pytest.raises(ValueError, match="'eastron-sdm999'"):
        VirtualMeter(1, "eastron-sdm999")
    with pytest.raises(ValueError, match="'gaps'"):
        VirtualMeter(1, holes="gaps")


def test_the_billing_register_of_an_integer_meter_is_frozen_gone_or_negative_as_told():
    meter = VirtualMeter(1, "abb-b23", physics=MeterPhysics(import_wh=50_000))
    meter.show("nan")
    assert ask(meter, 3, 0x5000, 4) == (0xFFFF,) * 4
    meter.show("frozen")
    meter.physics.reset()
    assert ask(meter, 3, 0x5000, 4) == (0, 0, 0, 5000)
    meter.show("true")
    assert ask(meter, 3, 0x5000, 4) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="counts"):
        meter.show("negative")
