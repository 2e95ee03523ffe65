"""The virtual site's files: the controller's own reader accepts them, and the cabinet fits them."""

import tomllib

import pytest

from edge.station.config import load
from hil_tests.virtual import cabinet_config, site_file


@pytest.fixture
def write(tmp_path):
    def write(evses=2):
        return site_file.write_site(tmp_path, run_dir=tmp_path / "run", evses=evses, reader_port=54001,
                                    relay_port=54002)
    return write


def cabinet(path, tmp_path):
    return site_file.cabinet_of(path, control=tmp_path / "rig.sock", gpio=tmp_path / "gpio.sock",
                                broker_port=54003)


@pytest.mark.parametrize("evses", range(1, 9))
def test_the_controller_finds_nothing_wrong_with_it(write, evses):
    site = load(write(evses))
    assert len(site.evses) == evses
    assert site.site.virtual


@pytest.mark.parametrize("evses", [0, 9])
def test_more_or_fewer_evses_than_can_be_wired_are_refused(write, evses):
    with pytest.raises(ValueError, match=f"evses: got {evses}, expected 1 to 8"):
        write(evses)


@pytest.mark.parametrize("evses", [2, 8])
def test_the_cabinet_is_wired_as_the_site_says(write, tmp_path, evses):
    path = write(evses)
    site, config = load(path), cabinet(path, tmp_path)
    wired = [(e.id, e.line, e.board_unit, e.coil_gpio, e.mirror_gpio, e.phases) for e in config.evses]
    assert wired == [
        (e.id, e.board.bus, e.board.unit, e.contactor.coil_gpio, e.contactor.mirror_gpio, e.phases)
        for e in site.evses]
    assert [(m.id, m.line, m.unit, m.model, m.supply_side) for m in config.meters] == [
        (m.id, m.bus, m.unit, m.model, m.supply_side) for m in site.meters]
    assert f"rtu:{config.lines[0].link}?baud={config.lines[0].baud}&parity=E" == site.buses[0].url
    assert [f"udp:127.0.0.1:{r.port}" for r in config.readers] == [r.path for r in site.readers]
    assert f"mqtt://127.0.0.1:{config.relay.listen_port}" == site.cloud.url


def test_a_circuits_meter_carries_every_outlet_below_it_and_an_outlets_meter_its_own(write, tmp_path):
    config = cabinet(write(3), tmp_path)
    assert {m.id: (m.evses, m.by_grid_phase) for m in config.meters} == {
        "main": (("1", "2", "3"), True), "bay-1": (("1",), False), "bay-2": (("2",), False),
        "bay-3": (("3",), False)}


def test_two_circuits_meters_carry_only_what_hangs_below_them(write, tmp_path):
    path = write(2)
    text = path.read_text().replace('id = "row-a"\n', 'id = "row-a"\nmeter = "row"\n')
    text += ('\n[[circuit]]\nid = "row-b"\nparent = "grid"\nfuse_a = 32\n\n[[meter]]\nid = "row"\n'
             'bus = "cabinet"\nunit = 99\nmodel = "eastron-sdm630"\nsupply_side = true\n')
    path.write_text(text.replace('label = "Bay 2"\ncircuit = "row-a"',
                                 'label = "Bay 2"\ncircuit = "row-b"'))
    assert tomllib.loads(path.read_text())["evse"][1]["circuit"] == "row-b"
    assert {m.id: m.evses for m in cabinet(path, tmp_path).meters} == {
        "main": ("1", "2"), "row": ("1",), "bay-1": ("1",), "bay-2": ("2",)}


def test_a_cabinet_survives_its_file(write, tmp_path):
    config = cabinet(write(2), tmp_path)
    cabinet_config.write(config, tmp_path / "cabinet.json")
    assert cabinet_config.read(tmp_path / "cabinet.json") == config


def test_an_unknown_key_in_a_cabinet_is_refused(tmp_path):
    (tmp_path / "cabinet.json").write_text('{"control": "c", "gpio": "g", "folder": "f", "extra": 1}')
    with pytest.raises(ValueError, match="unknown field `extra`"):
        cabinet_config.read(tmp_path / "cabinet.json")
