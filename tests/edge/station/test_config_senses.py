"""Inputs, sensors, rules and wear in a site's file: what the core gets, and every mistake."""

import msgspec
import pytest
from site_texts import EXAMPLE, changed, problems, written

from edge.controller.site import CURVE, CurvePoint, InputKind, SensorPlace, SitePlan, Timers
from edge.station.check import main
from edge.station.config import load, to_plan

INPUT = '\n[[input]]\nid = "lid"\nkind = "%s"\ngpio = %d\nactive = "%s"\n'
SENSOR = '\n[[sensor]]\nid = "lug"\nplace = "terminals"\nfile = "%s"\n'


def plan(folder, text) -> SitePlan:
    return to_plan(load(written(folder, text)))


def test_gives_the_core_its_inputs_and_sensors(tmp_path):
    site = plan(tmp_path, EXAMPLE + INPUT % ("water", 25, "high") + SENSOR % "t")
    assert [(i.id, i.kind, i.evse_ids) for i in site.inputs] == [
        ("door", InputKind.DOOR, ("1", "2")), ("lid", InputKind.WATER, ("1", "2"))]
    assert [(s.id, s.place, s.evse_ids, s.fallback_a) for s in site.sensors] == [
        ("cabinet", SensorPlace.CABINET, ("1", "2"), 10), ("lug", SensorPlace.TERMINALS, ("1", "2"), 0)]
    assert site.sensors[1].curve == CURVE
    assert site.circuits[0].meter_id == "main" and site.circuits[1].meter_id is None


def test_a_site_without_them_has_none_and_the_usual_rules(tmp_path):
    head, _, rest = EXAMPLE.partition("# Contacts at pins")
    text = head + "[[reader]]" + rest.partition("[[reader]]")[2]
    text = text.partition("[rules]")[0] + "[cloud]" + text.partition("[cloud]")[2]
    site = plan(tmp_path, text)
    assert (site.inputs, site.sensors, site.timers) == ((), (), Timers())
    usual = SitePlan(id="x", circuits=(), evses=())
    for name in ("wear_warning", "undervoltage", "overvoltage", "disk_low_bytes", "disk_full_bytes"):
        assert getattr(site, name) == getattr(usual, name)


def test_an_evse_has_its_own_curve_voltage_and_rated_life(tmp_path):
    site = plan(tmp_path, changed(
        ('label = "Bay 1"', 'label = "Bay 1"\nnominal_v = 120\ntemperature_curve = [[50, 1], [60, 0]]'),
        ("coil_gpio = 17", "rated_cycles = 30000, rated_load_breaks = 6000, coil_gpio = 17")))
    first, second = site.evses
    assert (first.nominal_v, first.rated_cycles, first.rated_load_breaks) == (120, 30000, 6000)
    assert first.curve == (CurvePoint(celsius=50, share=1), CurvePoint(celsius=60, share=0))
    assert second.curve != first.curve and second.rated_cycles == 1_000_000


def test_rules_reach_the_core(tmp_path):
    site = plan(tmp_path, changed(
        ("resume_s = 3600 ", "resume_s = 60 "), ("replug_s = 5 ", "replug_s = 2 "),
        ("disk_low_mb = 500 ", "disk_low_mb = 90\nwear_warning = 0.5\nundervoltage = 0.9 ")))
    assert (site.timers.resume_s, site.timers.replug_s, site.timers.stagger_s) == (60, 2, 60)
    assert (site.disk_low_bytes, site.disk_full_bytes) == (90_000_000, 50_000_000)
    assert (site.wear_warning, site.undervoltage, site.overvoltage) == (0.5, 0.9, 1.15)


def test_a_virtual_site_may_be_impatient(tmp_path):
    text = changed(("virtual = false", "virtual = true"), ("resume_s = 3600 ", "resume_s = 60 "))
    site = plan(tmp_path, text + "\n[virtual_timers]\nfrozen_s = 4\nhammer_count = 2\n")
    assert site.timers == msgspec.structs.replace(Timers(), resume_s=60, frozen_s=4, hammer_count=2)


def test_a_sensors_file_is_meant_from_the_folder_of_the_sites(tmp_path):
    site = load(written(tmp_path, EXAMPLE + SENSOR % "lug.millidegrees"))
    assert [s.file for s in site.sensors] == [
        "/sys/bus/w1/devices/28-0123456789ab/w1_slave", str(tmp_path / "lug.millidegrees")]


DOOR, CABINET = 'kind = "door"   ', "panic_c = 85 "
MISTAKES = {
    "kind": ((DOOR, 'kind = "doors"'), "input[0].kind", '"doors"', '"door", "earth"'),
    "level": (('active = "low"', "active = 0"), "input[0].active", "0", '"low" or "high"'),
    "no level": (('active = "low"', ""), "input[0].active", "nothing", '"low" or "high"'),
    "pin of a coil": (("gpio = 24", "gpio = 17"), "input[0].gpio", '17 (already used by evse "1")',
                      "a pin of its own"),
    "no such pin": (("gpio = 24", "gpio = 28"), "input[0].gpio", "28", "2 to 27"),
    "pulled up": (("gpio = 24", "gpio = 2"), "input[0].gpio", "2 (pulled up", 'active = "low"'),
    "no such evse": (('evses = ["1", "2"]', 'evses = ["1", "7"]'), "input[0].evses[1]", '"7"', '"1"'),
    "no evse": (('evses = ["1", "2"]', "evses = []"), "input[0].evses", "[]", "without it: all"),
    "evse twice": (('evses = ["1", "2"]', 'evses = ["1", "2", "1"]'), "input[0].evses[2]", '"1" twice',
                   "each EVSE once"),
    "evse of a sensor twice": (('place = "cabinet"', 'evses = ["2", "2"]\nplace = "cabinet"'),
                               "sensor[0].evses[1]", '"2" twice', "each EVSE once"),
    "place": (('place = "cabinet"', 'place = "roof"'), "sensor[0].place", '"roof"', '"terminals"'),
    "curve rises": (("[70, 0.5], [80, 0.0]", "[70, 0.5], [80, 0.6]"), "sensor[0].curve",
                    "a share of 0.6 after 0.5", "falling shares"),
    "curve goes back": (("[70, 0.5], [80, 0.0]", "[55, 0.5]"), "sensor[0].curve",
                        "55 degrees after 60", "rising temperatures"),
    "curve above all": (("[60, 1.0]", "[60, 1.1]"), "sensor[0].curve", "1.1", "points of degrees"),
    "panic below": ((CABINET, "panic_c = 75 "), "sensor[0].panic_c", "75", "at least 80"),
    "panic never": ((CABINET, "panic_c = 200 "), "sensor[0].panic_c", "200", "40 to 125"),
    "not a number": ((CABINET, "panic_c = nan "), "sensor[0].panic_c", "NaN", "40 to 125"),
    "fallback": (("fallback_a = 10", "fallback_a = 3"), "sensor[0].fallback_a", "3", "at least 6"),
    "rated life": (("coil_gpio = 17", "rated_cycles = 0, coil_gpio = 17"),
                   "evse[0].contactor.rated_cycles", "0", "data sheet"),
    "curve of an evse": (('label = "Bay 1"', 'label = "Bay 1"\ntemperature_curve = [[60, 0], [70, 1]]'),
                         "evse[0].temperature_curve", "a share of 1 after 0", "falling"),
    "volts": (('label = "Bay 1"', 'label = "Bay 1"\nnominal_v = 400'), "evse[0].nominal_v", "400",
              "90 to 300"),
    "replug": (("replug_s = 5 ", "replug_s = 6 "), "rules.replug_s", "6", "0 (never) to 5"),
    "resume": (("resume_s = 3600 ", "resume_s = -1 "), "rules.resume_s", "-1", "0 to 86400"),
    "unknown rule": (("resume_s = 3600 ", "resume = 3600 "), "rules.resume", "unknown", "resume_s"),
    "disk": (("disk_low_mb = 500 ", "disk_low_mb = 50 "), "rules.disk_low_mb", "50",
             "more than disk_full_mb, which is 50"),
    "limit": (('run = "/run/', 'state_limit_mb = 1\nrun = "/run/'), "paths.state_limit_mb", "1", "10"),
    "limit below nearly full": (('run = "/run/', 'state_limit_mb = 500\nrun = "/run/'),
                                "paths.state_limit_mb", "500",
                                "more than rules.disk_low_mb, which is 500"),
    "impatience": (("[rules] ", "[virtual_timers]\nfrozen_s = 1\n[rules] "), "virtual_timers",
                   "a real site", "site.virtual = true"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_finds_one_mistake_and_nothing_else(tmp_path, name):
    change, key, got, expected = MISTAKES[name]
    found = problems(tmp_path, changed(change))
    assert len(found) == 1, found
    said_got, _, said_expected = found[0].partition(", expected ")
    assert said_got.startswith(f"site.toml: {key}: got ")
    assert got in said_got and expected in said_expected, found[0]


@pytest.mark.parametrize(("text", "key"), [
    (INPUT.replace('"lid"', '"door"') % ("tilt", 25, "low"), "input[1].id"),
    (INPUT.replace('"lid"', '"1"') % ("tilt", 25, "low"), "input[1].id"),
    (INPUT.replace('"lid"', '"grid"') % ("tilt", 25, "low"), "input[1].id"),
    ('[[circuit]]\nid = "2"\nparent = "grid"\nfuse_a = 16\n', "evse[1].id"),
    (INPUT % ("tilt", 24, "low"), "input[1].gpio"),
    (SENSOR.replace('"lug"', '"cabinet"') % "t", "sensor[1].id"),
    (SENSOR % "/sys/bus/w1/devices/28-0123456789ab/w1_slave", "sensor[1].file")])
def test_nothing_is_used_twice(tmp_path, text, key):
    (found,) = problems(tmp_path, EXAMPLE + text)
    assert found.startswith(f"site.toml: {key}: got ") and "already used" in found


@pytest.mark.parametrize("value", ["-1", "1e9", "nan", '"soon"'])
def test_a_virtual_sites_timers_have_bounds_too(tmp_path, value):
    text = changed(("virtual = false", "virtual = true"))
    (found,) = problems(tmp_path, text + f"\n[virtual_timers]\nfrozen_s = {value}\n")
    assert found.startswith("site.toml: virtual_timers.frozen_s: got ")


def test_check_shows_them(tmp_path, capsys):
    text = changed(("virtual = false", "virtual = true"), ("resume_s = 3600 ", "resume_s = 60 "))
    assert main([str(written(tmp_path, text + "\n[virtual_timers]\nfrozen_s = 4\n"))]) == 0
    out = capsys.readouterr().out
    assert "input door: door when GPIO24 is low, stops evse 1, 2" in out
    assert "60 C 100%, 70 C 50%, 80 C 0%; opens at 85 C, without a value 10 A" in out
    assert "rule: resume_s = 60, usually 3600" in out and "stagger_s" not in out
    assert "[virtual_timers]" in out
