"""A site's file: what is understood, and that every mistake is found, all in one go."""

from pathlib import Path

import pytest
from site_texts import EXAMPLE, changed, problems, written

from edge.outlet.settings import BoardSettings
from edge.station.check import main
from edge.station.config import ConfigErrors, board_settings, load, to_plan
from edge.station.config_sections import Site


def example(folder: Path) -> Site:
    return load(written(folder, EXAMPLE))


def test_reads_the_example_that_ships(tmp_path: Path) -> None:
    site = example(tmp_path)
    assert [c.id for c in site.circuits] == ["grid", "row-a"]
    assert site.evses[1].contactor.mirror_gpio == 23
    assert (site.site.country_code, site.site.party_id) == ("SE", "FCT")
    assert site.tariff.file == str(tmp_path / "tariff.json")
    assert site.cloud is not None and site.cloud.ca == str(tmp_path / "ca.pem")
    assert site.paths.state == "/var/lib/forecourt"


def test_gives_the_core_its_plan(tmp_path: Path) -> None:
    plan = to_plan(example(tmp_path))
    assert [(e.id, e.ordinal, e.meter_id, e.phases[0]) for e in plan.evses] == [
        ("1", 1, "bay-1", "L1"), ("2", 2, "bay-2", "L2")]
    assert plan.circuits[1].parent == "grid"
    assert plan.site_meters == ("main",)


def test_gives_a_board_its_settings_and_the_core_what_they_mean_to_it(tmp_path: Path) -> None:
    text = changed(("unit = 11", "unit = 11, hold_s = 5, fault_f_ms = 0, weld_suspect_ms = 100"),
                   ('label = "Bay 1"', 'label = "Bay 1"\nventilation = true'))
    site = load(written(tmp_path, text))
    assert [board_settings(evse) for evse in site.evses] == [
        BoardSettings(failsafe_a=6, hold_s=5, ventilation=True, fault_f_ms=0, weld_suspect_ms=100),
        BoardSettings(failsafe_a=6)]
    assert [evse.ventilation for evse in to_plan(site).evses] == [True, False]


def test_says_pins_as_the_manual_shows_them(tmp_path: Path) -> None:
    assert problems(tmp_path, changed(("coil_gpio = 22", "coil_gpio = 17"))) == [
        'site.toml: evse[1].contactor.coil_gpio: got 17 (already used by evse "1"), '
        "expected a pin of its own"]


ONE_MISTAKE = {
    "unit in a number": (("fuse_a = 63", 'fuse_a = "63 A"'), "circuit[0].fuse_a", '"63 A"', "amperes"),
    "unit in a key": (("fuse_a = 63", "fuse_ma = 63000"),
                      "circuit[0].fuse_ma", "unknown key", "`fuse_a`"),
    "unknown key": (("coil_gpio = 17", "coil = 17"),
                    "evse[0].contactor.coil", "unknown", "`coil_gpio`"),
    "unknown table": (("[paths]", "[path]"), "path", "unknown key", "`paths`"),
    "missing key": (('label = "Bay 1"', ""), "evse[0].label", "nothing", "a text"),
    "missing table": (("[tariff]\nfile", "[cloudx]\nfile"), "tariff", "nothing", "a table"),
    "no supply side": (("supply_side = true\n", ""), "meter[0].supply_side", "nothing", "true (wired"),
    "boolean as a number": (("unit = 11", "unit = true"), "evse[0].board.unit", "true", "1 to 247"),
    "out of range": (("unit = 11", "unit = 300"), "evse[0].board.unit", "300", "1 to 247"),
    "a state F that a car may miss": (
        ("unit = 11", "unit = 11, fault_f_ms = 100"), "evse[0].board.fault_f_ms", "100",
        "at least 300"),
    "a weld suspected after the weld": (
        ("unit = 11", "unit = 11, weld_suspect_ms = 1000"), "evse[0].board.weld_suspect_ms", "1000",
        "30 to 900"),
    "no such pin": (("mirror_gpio = 27", "mirror_gpio = 31"),
                    "evse[0].contactor.mirror_gpio", "31", "2 to"),
    "a table that is a text": (('board = { bus = "cabinet", unit = 11 }', 'board = "cabinet"'),
                               "evse[0].board", '"cabinet"', "a table"),
    "id twice": (('id = "2"', 'id = "1"'), "evse[1].id", '"1" (already used', "of its own"),
    "one pin for two": (("mirror_gpio = 23", "mirror_gpio = 22"), "evse[1].contactor.mirror_gpio",
                        '22 (already used by evse "2")', "a pin of its own"),
    "address of a meter": (("unit = 12", "unit = 3"), "evse[1].board.unit",
                           '3 (already used by meter "bay-2" on bus "cabinet")', "of its own"),
    "one meter for two": (('meter = "bay-2"', 'meter = "bay-1"'),
                          "evse[1].meter", "already used", "own"),
    "no such circuit": (('circuit = "row-a"', 'circuit = "row-b"'), "evse[0].circuit",
                        '"row-b" (no such circuit)', '"row-a"?'),
    "no such bus": (('bus = "cabinet"', 'bus = "cabin"'), "meter[0].bus", "no such bus", '"cabinet"?'),
    "no such meter": (('meter = "main"', 'meter = "mian"'), "circuit[0].meter", "no such", '"main"?'),
    "no such evse": (('serves = ["1", "2"]', 'serves = ["1", "9"]'),
                     "reader[0].serves[1]", '"9"', "of"),
    "served twice": (('serves = ["1", "2"]', 'serves = ["1", "1"]'),
                     "reader[0].serves[1]", "twice", "once"),
    "a loop": (('id = "grid"', 'id = "grid"\nparent = "row-a"'),
               "circuit[0].parent", "a loop", "nearer"),
    "fuse above its parent": (("fuse_a = 32", "fuse_a = 80"), "circuit[1].fuse_a", "80", "at most 63"),
    "evse above its fuse": (("max_a = 32", "max_a = 40"), "evse[0].max_a", "40", "at most 32"),
    "failsafe below 6": (("failsafe_a = 6 ", "failsafe_a = 5 "),
                         "evse[0].failsafe_a", "5", "at least 6"),
    "failsafe above max": (("max_a = 32\nfailsafe_a = 6 ", "max_a = 16\nfailsafe_a = 20 "),
                           "evse[0].failsafe_a", "20", "at most max_a, which is 16"),
    "phase unknown": (('["L1", "L2", "L3"]', '["L1", "L2", "L4"]'), "evse[0].phases", "L4", "L3"),
    "phase twice": (('["L1", "L2", "L3"]', '["L1", "L2", "L2"]'),
                    "evse[0].phases", "L2", "each phase once"),
    "two phases": (('["L1", "L2", "L3"]', '["L1", "L2"]'),
                   "evse[0].phases", "L1", "one phase or three"),
    "unknown model": (("eastron-sdm630", "eastron-sdm360"),
                      "meter[0].model", "no such", '"eastron-sdm630"?'),
    "too few phases": (('unit = 2\nmodel = "eastron-sdm630"', 'unit = 2\nmodel = "eastron-sdm120"'),
                       "meter[1].model", "measures 1 phase", "a three-phase meter"),
    "meter too coarse to bill": (
        ('unit = 2\nmodel = "eastron-sdm630"', 'unit = 2\nmodel = "carlo-gavazzi-em24"'),
        "meter[1].model", "steps of 100 Wh", 'because evse "1" is billed by it'),
    "a gateway for two": (('[[bus]]\nid = "cabinet"', '[[bus]]\nid = "a"\nurl = "tcp://Gate"\n\n[[bus]]\n'
                           'id = "b"\nurl = "rtu+tcp://gate:502"\n\n[[bus]]\nid = "cabinet"'),
                          "bus[1].url", '"gate:502" (already used by bus "a"', "a line of its own"),
    "bus url": (("rtu:/dev/forecourt-rs485?baud=19200", "rtu:/dev/forecourt-rs485?baud=17"),
                "bus[0].url", "baud=17", "19200"),
    "udp reader on a real site": (("tty:forecourt-rfid:pn532", "udp:127.0.0.1:9999"), "reader[0].path",
                                  "udp", "virtual = true"),
    "no such reader path": (("tty:forecourt-rfid:pn532", "serial:x"),
                            "reader[0].path", "serial", "usb"),
    "time zone": (("Europe/Stockholm", "Europe/Stokholm"),
                  "site.time_zone", "Stokholm", "Europe/Stockholm"),
    "language": (('["sv", "en"]', '["sv", "de"]'), "site.languages[1]", '"de"', '"en"'),
    "site id": (("SE*FCT*E0001", "hamngatan"), "site.id", "hamngatan", "SE*FCT*E0001"),
    "cloud url": (("mqtts://mqtt.example.org", "https://x"), "cloud.url", "https", "mqtts://"),
    "half a certificate": (('key = "site.key"', ""), "cloud.key", "nothing", "both"),
    "no tariff file": (('file = "tariff.json"', 'file = "none.json"'),
                       "tariff.file", "No such file", "read"),
}


@pytest.mark.parametrize("name", ONE_MISTAKE)
def test_finds_one_mistake_and_nothing_else(tmp_path: Path, name: str) -> None:
    change, key, got, expected = ONE_MISTAKE[name]
    found = problems(tmp_path, changed(change))
    if name == "missing table":  # the misspelt one is reported as well
        found = found[-1:]
    if name == "id twice":  # and what refers to it has lost it
        found = found[:1]
    assert len(found) == 1, found
    assert found[0].startswith(f"site.toml: {key}: got ")
    before, _, after = found[0].removeprefix(f"site.toml: {key}: got ").rpartition(", expected ")
    if not before or got not in before:
        before, _, after = found[0].partition(", expected ")
    assert got in before and expected in after, found[0]


def test_adds_up_failsafe_currents_per_phase(tmp_path: Path) -> None:
    found = problems(tmp_path, changed(("failsafe_a = 6 ", "failsafe_a = 20 "),
                                       ("failsafe_a = 6\n", "failsafe_a = 16\n")))
    assert found == [
        "site.toml: circuit[1].fuse_a: got 32 (failsafe_a of the EVSEs below adds up to 36 on L1, "
        "36 on L2, 36 on L3), expected failsafe currents that the fuse can carry all at once"]


def test_failsafe_currents_on_different_phases_do_not_add_up(tmp_path: Path) -> None:
    text = changed(('phases = ["L1", "L2", "L3"]', 'phases = ["L1"]'),
                   ('phases = ["L2", "L3", "L1"]', 'phases = ["L2"]'),
                   ("failsafe_a = 6 ", "failsafe_a = 20 "), ("failsafe_a = 6\n", "failsafe_a = 16\n"))
    assert load(written(tmp_path, text)).evses[0].failsafe_a == 20


def test_reports_everything_together_in_file_order(tmp_path: Path) -> None:
    found = problems(tmp_path, changed(
        ("coil_gpio = 22", "coil_gpio = 17"), ("Europe/Stockholm", "Mars/Olympus"),
        ("fuse_a = 63", 'fuse_a = "63 A"'), ("unit = 12", "unit = 11"), ('label = "Bay 1"', ""),
        ("baud=19200", "baud=1")))
    assert [line.split(": ")[1] for line in found] == [
        "site.time_zone", "circuit[0].fuse_a", "bus[0].url", "evse[0].label", "evse[1].board.unit",
        "evse[1].contactor.coil_gpio"]


def test_reports_what_is_wrong_in_the_tariff_in_its_own_name(tmp_path: Path) -> None:
    file = written(tmp_path, EXAMPLE)
    tariff = tmp_path / "tariff.json"
    tariff.write_text(tariff.read_text().replace('"price": 2.80', '"price": -2.80'))
    with pytest.raises(ConfigErrors) as caught:
        load(file)
    assert [str(p) for p in caught.value.problems] == [
        "tariff.json: elements[1].price_components[0].price: got -2.80, expected 0 or more"]


@pytest.mark.parametrize("content, got", [
    (b"[site\n", "line 1"), (b"\xff\xfe", "byte 0 that is not UTF-8")])
def test_says_where_a_file_is_not_toml(tmp_path: Path, content: bytes, got: str) -> None:
    file = tmp_path / "site.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigErrors, match=got):
        load(file)


@pytest.mark.parametrize("text", [
    "", "site = 1", "circuit = 1", "circuit = [1]", "evse = []", "[[site]]", "[site]\nsupport = 1"])
def test_never_crashes_on_a_file_of_another_shape(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_check_prints_what_was_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, EXAMPLE))]) == 0
    out = capsys.readouterr().out
    assert "    row-a: 32 A" in out
    assert "unit 12: pilot board of evse 2" in out


def test_check_says_no_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, changed(("unit = 11", "unit = 0"))))]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "evse[0].board.unit: got 0" in captured.err


def test_check_says_no_for_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.toml")]) == 2
    assert "none.toml: (file): got No such file" in capsys.readouterr().err


def test_a_meter_that_may_not_bill_may_watch_a_fuse(tmp_path: Path) -> None:
    coarse = changed(('unit = 1\nmodel = "eastron-sdm630"', 'unit = 1\nmodel = "carlo-gavazzi-em24"'))
    assert load(written(tmp_path, coarse)).meters[0].model == "carlo-gavazzi-em24"
