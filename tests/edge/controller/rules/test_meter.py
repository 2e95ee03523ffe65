"""Readings that cannot be, and registers that stand still: a fault, never a crash, never a bill."""

import math

import pytest
from core_desk import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from restarts import restart
from watching import faults, jump, reading, site

from edge.controller.effects import RaiseFault

pytestmark = pytest.mark.stories

NAN, INF = math.nan, math.inf


def charging(**evse: object) -> Desk:
    desk = Desk(site(1, evse=evse))
    desk.charge()
    desk.run(1)
    desk.devices["1"].meter_answers = False
    return desk


@pytest.mark.parametrize(("power_w", "amps", "believed"), [
    (3680.0, (16.0, 0.0, 0.0), True), (-5.0, (0.0, 0.0, 0.0), True), (None, (None, None, None), True),
    (0.0, (-0.4, 0.0, 0.0), True), (29_000.0, (127.9, 0.0, 0.0), True),
    (-3680.0, (16.0, 0.0, 0.0), False), (NAN, (1.0, 1.0, 1.0), False), (INF, (1.0, 1.0, 1.0), False),
    (1.0, (NAN, 1.0, 1.0), False), (1.0, (1.0, INF, 1.0), False), (1.0, (1.0, 1.0, -INF), False),
    (1.0, (-16.0, 0.0, 0.0), False), (1.0, (0.0, 128.1, 0.0), False),
])
def test_a_reading_that_cannot_be_is_none(power_w, amps, believed):
    desk = charging()
    for n in range(11):
        jump(desk, 1)
        reading(desk, amps=amps, power_w=power_w, wh=5_000 + n)
        assert "F103" not in faults(desk) or n >= 8, "one glitch stops nobody"
    assert ("F103" in faults(desk)) is not believed and "F102" not in faults(desk)
    last_wh = desk.outlet().session.last_wh
    assert last_wh == (5_010 if believed else 1_000), "and bills nothing"


def test_it_ends_with_the_first_reading_that_can_be():
    desk = charging()
    for _ in range(11):
        jump(desk, 1)
        reading(desk, power_w=NAN)
    reading(desk, power_w=10.0)
    assert not faults(desk)


def test_a_circuits_meter_may_run_backward_but_not_without_numbers():
    desk = Desk(site(1, grid_meter="main"))
    for _ in range(11):
        jump(desk, 1)
        desk.read("1")
        reading(desk, "main", amps=(-20.0, -20.0, -20.0), power_w=-13_800.0)
    assert not faults(desk)
    for _ in range(11):
        jump(desk, 1)
        desk.read("1")
        reading(desk, "main", power_w=NAN)
    assert set(faults(desk)) == {"F106"}


def flow(desk: Desk, seconds: float, *, amps: float = 16.0, power_w: float | None = 11_040.0,
         wh: int = 5_000, every_s: float = 5.0) -> None:
    for _ in range(round(seconds / every_s)):
        jump(desk, every_s)
        reading(desk, amps=(amps,) * 3, power_w=power_w, wh=wh)


def test_a_register_that_stands_for_ten_minutes_of_current_is_frozen():
    desk = charging()
    flow(desk, 600)
    assert not faults(desk), "the first reading is only where it begins"
    flow(desk, 5)
    assert set(faults(desk)) == {"F103"}
    flow(desk, 20, amps=0.0, power_w=0.0)
    assert set(faults(desk)) == {"F103"}, "no current proves nothing"
    flow(desk, 5, wh=5_001)
    assert not faults(desk)


@pytest.mark.parametrize("story", [
    {"amps": 1.9}, {"power_w": 0.0}, {"power_w": None}, {"power_w": 100.0},
], ids=["hardly any current", "no power by its own figures", "no power known", "less than two steps"])
def test_what_should_not_have_moved_a_register_says_nothing_of_it(story):
    desk = charging()
    flow(desk, 700, **story)
    assert "F103" not in faults(desk)


def test_pauses_of_the_current_do_not_hide_a_register_that_stands():
    desk = charging()
    for _ in range(4):
        flow(desk, 155)
        flow(desk, 30, amps=0.0, power_w=0.0)
    assert set(faults(desk)) == {"F103"}


def test_a_coarse_register_has_more_time():
    desk = charging(meter_step_wh=1_000.0)
    flow(desk, 640)
    assert not faults(desk), "2 kWh take 652 s"
    flow(desk, 30)
    assert set(faults(desk)) == {"F103"}


def test_a_technician_has_a_frozen_register_counted_from_nothing():
    from edge.controller import fault_register
    from edge.controller.events import Header
    from edge.controller.turn import Turn
    desk = charging()
    flow(desk, 615)
    turn = Turn(desk.site, Header(mono_ns=desk.now_ns, boot=1, fresh_id="x"))
    fault_register.withdraw(turn, faults(desk)["F103"])
    fault_register.update(turn)
    assert not turn.faults and turn.site.registers["bay-1"].flow_s == 0
    assert not any(isinstance(e, RaiseFault) for e in turn.effects)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.tuples(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    st.one_of(st.none(), st.integers(-10**15, 10**15))), min_size=1, max_size=8))
def test_nothing_that_a_meter_says_crashes_or_lowers_a_bill(story):
    desk = charging()
    for power_w, amps, volts, wh in story:
        jump(desk, 1)
        before = desk.outlet().session
        reading(desk, amps=(amps, 1.0), volts=(volts, 230.0), power_w=power_w, wh=wh)
        after = desk.outlet().session
        if before is not None and after is not None:
            assert after.energy_wh >= before.energy_wh


@pytest.mark.parametrize(("wh", "stands"), [(5_000, True), (5_010, False)])
def test_a_restart_does_not_forget_a_register_that_stands(wh, stands):
    desk = charging()
    flow(desk, 605)
    assert set(faults(desk)) == {"F103"}
    restart(desk)
    flow(desk, 30, amps=0.0, power_w=0.0, wh=wh)
    assert ("F103" in faults(desk)) is stands
    flow(desk, 5, amps=0.0, power_w=0.0, wh=5_020)
    assert "F103" not in faults(desk)


def test_a_technician_has_it_counted_from_nothing_after_a_restart_too():
    desk = charging()
    flow(desk, 605)
    restart(desk)
    flow(desk, 30, amps=0.0, power_w=0.0)
    assert desk.request("fault.clear", code="F103", where="bay-1") is None
    flow(desk, 30, amps=0.0, power_w=0.0)
    assert not faults(desk)
