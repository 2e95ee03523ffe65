"""The cabinet's contacts, thermometers, lines and supply, as the Pi meets them. No process runs."""

import math

import pytest

from edge.controller.trouble import DeviceError
from edge.outlet.temperature import read_celsius
from hil_tests.virtual.bay import Bay, Wiring
from hil_tests.virtual.cabinet_config import InputSpec, MeterSpec, SensorSpec
from hil_tests.virtual.feed import Feed
from hil_tests.virtual.gpio_server import GpioServer
from hil_tests.virtual.meter import SHOWN, MeterPhysics, VirtualMeter
from hil_tests.virtual.moves import MoveLog
from hil_tests.virtual.physics import Car
from hil_tests.virtual.senses import Contact, Thermometer

PIN = 24


class Lines:
    """A GPIO server and its one client, without a socket."""

    def __init__(self) -> None:
        self.moved: list[tuple[int, bool, str]] = []
        self.server = GpioServer(lambda *move: self.moved.append(move))
        self.client = type("Client", (), {"name": "pid 1"})()

    def ask(self, request):
        return self.server.answer(self.client, request)


@pytest.mark.parametrize("active_high", [False, True])
@pytest.mark.parametrize(("state", "active"), [("well", False), ("active", True), ("broken", True)])
def test_a_contact_whose_line_is_pulled_as_wired_reads_a_broken_wire_as_active(
        active_high, state, active):
    lines = Lines()
    contact = Contact(InputSpec(id="lid", gpio=PIN, active_high=active_high), lines.server.drive)
    assert lines.ask(f"S {PIN} IN {'U' if active_high else 'D'}") == "0"
    contact.set(state)
    assert (lines.ask(f"I {PIN}") == str(int(active_high))) is active
    contact.set("well")
    assert lines.ask(f"I {PIN}") == str(int(not active_high))


def test_an_auxiliary_contact_follows_its_breaker():
    lines = Lines()
    spec = InputSpec(id="q1", gpio=PIN, active_high=True, kind="breaker")
    contact = Contact(spec, lines.server.drive)
    contact.follow(True)
    assert lines.ask(f"I {PIN}") == "1"
    contact.follow(False)
    assert lines.ask(f"I {PIN}") == "0"


def test_a_line_that_cannot_be_read_says_so_and_comes_back():
    lines = Lines()
    lines.server.refuse(PIN, True)
    assert lines.ask(f"I {PIN}") == "! Input/output error"
    lines.server.refuse(PIN, False)
    assert lines.ask(f"I {PIN}") == "0"


def test_a_line_may_have_been_left_as_an_output_by_nobody():
    lines = Lines()
    lines.server.leave(17, True)
    assert lines.ask("F 17") == "0" and lines.server.driven(17)
    assert lines.moved == [(17, True, "left so by the rig")]


def thermometer(tmp_path, form):
    shown = Thermometer(SensorSpec(id="lug", file=str(tmp_path / "w1" / "t"), form=form))
    return shown, tmp_path / "w1" / "t"


@pytest.mark.parametrize("form", ["millidegrees", "w1_slave"])
def test_a_thermometer_is_read_by_the_controllers_own_reader(tmp_path, form):
    shown, file = thermometer(tmp_path, form)
    for celsius in (25.0, -3.125, 84.5):
        shown.show(celsius)
        assert read_celsius(file) == celsius


@pytest.mark.parametrize(("form", "trouble"), [
    ("millidegrees", "gone"), ("millidegrees", "garbage"), ("w1_slave", "gone"),
    ("w1_slave", "garbage"), ("w1_slave", "checksum"), ("w1_slave", "power_on")])
def test_a_thermometer_in_trouble_gives_no_temperature_and_comes_back(tmp_path, form, trouble):
    shown, file = thermometer(tmp_path, form)
    shown.show(25.0)
    shown.show(25.0, trouble)
    with pytest.raises(DeviceError):
        read_celsius(file)
    shown.show(26.0)
    assert read_celsius(file) == 26.0


def test_a_thermometer_that_hangs_is_a_pipe_that_nobody_writes(tmp_path):
    shown, file = thermometer(tmp_path, "w1_slave")
    shown.show(25.0, "hangs")
    assert file.is_fifo()
    shown.show(25.0)
    assert file.is_file()


class _Board:
    duty, shunt, permit = 0.267, False, True

    def set_pin(self, name, level):
        pass

    def set_cp(self, load_ohm, diode=True):
        pass


class Supply:
    """One bay with a car that draws 10 A, its meter and a circuit's."""

    def __init__(self) -> None:
        wiring = Wiring(evse="1", coil_gpio=17, mirror_gpio=27, phases=(1, 2, 0))
        self.bay = Bay(wiring, _Board(), Car(phases=2), MoveLog(None), Lines().server.drive)
        self.bay.car.current_a = 10.0
        specs = (MeterSpec(id="main", line="l", unit=1, evses=("1",), by_grid_phase=True, house_a=2),
                 MeterSpec(id="bay", line="l", unit=2, evses=("1",)))
        self.meters = {s.id: VirtualMeter(s.unit, physics=MeterPhysics(refresh_s=1e-9)) for s in specs}
        self.feed = Feed(specs, self.meters, {"1": self.bay})
        self.feed.step(True)

    def seen(self, meter):
        sample = self.meters[meter].physics.sample()
        return [round(v) for v in sample.voltage_v], [round(a) for a in sample.current_a]


def test_the_house_and_the_cars_flow_through_the_circuits_meter():
    supply = Supply()
    assert supply.seen("main") == ([230, 229, 230], [2, 12, 12])
    supply.feed.house_a["main"] = (40.0, 0.0, 0.0)
    supply.feed.step(True)
    assert supply.seen("main") == ([228, 229, 231], [40, 10, 10])
    assert supply.seen("bay") == ([230, 229, 231], [10, 10, 0])


def test_a_phases_voltage_is_seen_by_every_meter_at_its_own_place():
    supply = Supply()
    supply.feed.force("L2", 270.0)
    supply.feed.step(True)
    assert supply.seen("main")[0] == [230, 270, 230]
    assert supply.seen("bay")[0] == [270, 229, 231], "its first phase hangs on L2"
    supply.feed.force("L2", None)
    supply.feed.step(True)
    assert supply.seen("bay")[0] == [230, 229, 231]


def test_no_current_flows_through_a_phase_that_is_lost():
    supply = Supply()
    supply.feed.force("L2", 0.0)
    supply.feed.step(True)
    assert supply.seen("bay") == ([0, 229, 231], [0, 10, 0])
    assert supply.seen("main") == ([230, 0, 230], [2, 2, 12])


def test_behind_an_open_breaker_there_is_no_voltage_and_the_meter_says_so():
    supply = Supply()
    supply.bay.open_breaker()
    supply.feed.step(True)
    assert supply.seen("bay")[0] == [0, 0, 0] and supply.meters["bay"].powered
    assert supply.seen("main")[0][0] == 230
    supply.bay.close_breaker()
    supply.feed.step(True)
    assert supply.seen("bay")[0] == [230, 229, 231]


@pytest.mark.parametrize(("how", "wh"), [("frozen", 1000), ("nan", math.nan), ("negative", -1000)])
def test_a_register_may_lie_and_tells_the_truth_again(how, wh):
    now = [0.0]
    meter = VirtualMeter(2, physics=MeterPhysics(import_wh=1000, refresh_s=0.5, now=lambda: now[0]))
    meter.show(how)
    meter.physics.set_load((16.0, 0.0, 0.0))
    now[0] = 3600.0
    shown = meter.forced[72] * 1000
    assert math.isnan(shown) if math.isnan(wh) else shown == wh
    meter.show("true")
    assert 72 not in meter.forced and meter.register_wh() == pytest.approx(4680, abs=1)


def test_a_register_may_jump_and_what_flows_is_added_from_there():
    now = [0.0]
    physics = MeterPhysics(import_wh=1000, now=lambda: now[0])
    physics.jump(5000)
    assert physics.sample().import_wh == 6000
    physics.jump(-5500)
    physics.set_load((10.0, 0.0, 0.0))
    now[0] = 3600.0
    assert physics.true_wh() == pytest.approx(500 + 2300)


def test_words_that_no_part_knows_are_refused(tmp_path):
    contact = Contact(InputSpec(id="lid", gpio=PIN, active_high=True), Lines().server.drive)
    with pytest.raises(ValueError, match="state: got 'odd', expected one of well"):
        contact.set("odd")
    with pytest.raises(ValueError, match="trouble: got 'odd', expected one of gone"):
        thermometer(tmp_path, "w1_slave")[0].show(1.0, "odd")
    with pytest.raises(ValueError, match=f"how: got 'odd', expected one of {SHOWN[0]}"):
        VirtualMeter(1).show("odd")
