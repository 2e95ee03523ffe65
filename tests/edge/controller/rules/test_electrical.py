"""Soft overcurrent, over- and undervoltage: from when on, how long, and what says nothing."""

import math

import pytest
from core_desk import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from watching import faults, jump, reading, site

from edge.controller.effects import OpenContactor, WithdrawOffer

NAN = math.nan
LIMIT_A = (32 + 0.5) * 1.10
GOOD_V = (230.0, 231.0, 229.0)


def charging(**evse: object) -> Desk:
    desk = Desk(site(1, evse=evse))
    desk.charge()
    desk.run(1)
    desk.devices["1"].meter_answers = False  # from here on only what a test says
    return desk


def story(desk: Desk, *steps: tuple[float, tuple[float | None, ...]], volts: bool = False) -> None:
    """Readings after so many seconds each."""
    for after_s, values in steps:
        jump(desk, after_s)
        reading(desk, volts=values) if volts else reading(desk, amps=values)


OVER, WELL = (LIMIT_A + 0.1,) * 3, (LIMIT_A - 0.1,) * 3


@pytest.mark.parametrize(("steps", "stops"), [
    ([(0, OVER), (3, OVER), (3.9, OVER)], False),
    ([(0, OVER), (3, OVER), (4.1, OVER)], True),
    ([(0, OVER), (7.1, OVER)], True),
    ([(0, OVER), (3, WELL), (4.1, OVER)], False),
    ([(0, OVER), (3, WELL), (1, OVER), (6.9, OVER)], False),
    ([(0, OVER), (3, WELL), (1, OVER), (7.1, OVER)], True),
    ([(0, WELL), (8, WELL)], False),
    ([(0, (0, LIMIT_A + 0.1, None)), (7.1, (0, LIMIT_A + 0.1, None))], True),
    ([(0, (None, None, None)), (7.1, (None, None, None))], False),
    ([(0, (NAN, NAN, NAN)), (7.1, (NAN, NAN, NAN))], False),
    ([(0, OVER), (3, (None, None, None)), (4.1, OVER)], True),
    ([(0, OVER), (7.1, (None, None, None))], False),
], ids=["6.9 s", "7.1 s", "two readings", "one good one", "again for 6.9 s", "again for 7.1 s",
        "at the limit", "one phase", "none", "no numbers", "a gap proves nothing", "ends unknown"])
def test_more_than_offered_for_seven_seconds_stops_in_order(steps, stops):
    desk = charging()
    desk.log.clear()
    story(desk, *steps)
    assert ("F408" in faults(desk)) is stops
    assert bool(desk.effects(WithdrawOffer)) is stops and not desk.effects(OpenContactor)


def test_overcurrent_ends_the_session_and_stands_until_the_car_has_left():
    desk = charging()
    story(desk, (0, OVER), (7.1, OVER))
    desk.rest()
    desk.devices["1"].meter_answers = True
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert desk.rows("tx.event.v1")[-1]["transactionInfo"]["stoppedReason"] == "OvercurrentFault"
    desk.run(20)
    assert "F408" in faults(desk)
    desk.unplug()
    desk.run(1)
    assert "F408" not in faults(desk)


def test_silence_after_one_reading_is_no_overcurrent():
    desk = charging()
    story(desk, (0, OVER))
    desk.run(9)
    assert "F408" not in faults(desk)


def test_a_car_has_its_five_seconds_when_the_offer_falls():
    desk = charging()
    story(desk, (1, (16.0,) * 3))
    desk.devices["1"].temperature_c = 67.0
    story(desk, (0.1, (16.0,) * 3), (4.9, (16.0,) * 3), (0.5, (8.0,) * 3), (3, (8.0,) * 3))
    assert desk.devices["1"].offered_a == 8
    assert "F408" not in faults(desk)
    story(desk, (1, (16.0,) * 3), (7.1, (16.0,) * 3))
    assert faults(desk)["F408"].detail == "16.0 A taken, 8.0 A offered"


def test_behind_a_contactor_that_is_proven_open_no_current_is_too_much():
    desk = Desk(site(1))
    story(desk, (1, OVER), (7.1, OVER), (7.1, OVER))
    assert "F408" not in faults(desk)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 9), st.sampled_from([OVER, WELL, (None, None, None)])),
                min_size=1, max_size=12))
def test_a_stop_always_rests_on_seven_seconds_of_readings(steps):
    desk = charging()
    began, now_s, due = None, 0.0, False
    for after_s, amps in steps:
        now_s += after_s
        story(desk, (after_s, amps))
        if faults(desk).keys() - {"F408"}:
            return  # the meter was silent for too long
        if amps is WELL:
            began = None
        elif amps is OVER:
            began = now_s if began is None else began
            due = due or now_s - began >= 7.000001
        assert due or "F408" not in faults(desk)
        if due:
            assert "F408" in faults(desk)
            return


LOW, HIGH = (230.0, 194.0, 230.0), (230.0, 230.0, 265.0)


@pytest.mark.parametrize(("volts", "code"), [
    (LOW, "F410"), (HIGH, "F409"), ((230, 0, 230), "F410"), ((0, 0, 0), "F410"),
    (GOOD_V, None), ((195.6, 230, 264.4), None), ((None, None, None), None), ((NAN, 230, 230), None),
    ((math.inf, 230, 230), None), ((None, 194, None), "F410"),
])
def test_voltage_out_of_range_for_five_seconds_pauses(volts, code):
    desk = charging()
    desk.log.clear()
    story(desk, (0.1, volts), (4.9, volts), volts=True)
    assert not faults(desk) and not desk.effects(WithdrawOffer)
    story(desk, (0.2, volts), volts=True)
    assert set(faults(desk)) == ({code} if code else set())
    assert bool(desk.effects(WithdrawOffer)) is bool(code)


def test_voltage_that_is_back_once_starts_the_five_seconds_again():
    desk = charging()
    story(desk, (0.1, LOW), (4, GOOD_V), (1, LOW), (4.9, LOW), volts=True)
    assert not faults(desk)
    story(desk, (0.2, LOW), volts=True)
    assert set(faults(desk)) == {"F410"}


def test_voltage_must_be_well_for_thirty_seconds_and_is_judged_anew_after_that():
    desk = charging()
    story(desk, (0, LOW), (5.1, LOW), (1, GOOD_V), *[(9, GOOD_V)] * 3, (2.9, GOOD_V), volts=True)
    assert set(faults(desk)) == {"F410"}
    story(desk, (0.2, GOOD_V), volts=True)
    assert not faults(desk)
    story(desk, (1, LOW), (4.9, LOW), volts=True)
    assert not faults(desk), "five seconds again, not at once"
    story(desk, (0.2, LOW), volts=True)
    assert set(faults(desk)) == {"F410"}


def test_unknown_voltages_neither_bring_a_fault_nor_end_one():
    desk = charging()
    story(desk, (0, LOW), (4, (None,) * 3), (2, LOW), (4, LOW), volts=True)
    assert not faults(desk)
    story(desk, (2, LOW), *[(9, (None,) * 3)] * 5, volts=True)
    assert set(faults(desk)) == {"F410"}


def test_a_phase_that_is_not_wired_has_no_voltage_and_needs_none():
    desk = charging(phases=("L2",))
    story(desk, (0, (230.0, 0.0, 0.0)), (6, (230.0, 0.0, 0.0)), volts=True)
    assert not faults(desk)
    story(desk, (1, (100.0, 230.0, 230.0)), (6, (100.0, 230.0, 230.0)), volts=True)
    assert set(faults(desk)) == {"F410"}


def test_behind_the_contactor_voltage_is_judged_while_closed_and_tried_again_after_the_hold():
    desk = Desk(site(1, evse={"meter_on_supply_side": False}))
    story(desk, (0, (0, 0, 0)), (6, (0, 0, 0)), volts=True)
    assert not faults(desk), "dead behind an open contactor"
    desk.charge()
    desk.run(1)
    desk.devices["1"].meter_answers = False
    story(desk, (0, LOW), (5.1, LOW), volts=True)
    assert set(faults(desk)) == {"F410"}
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "paused")
    took = desk.until(lambda: not faults(desk))
    assert 29 <= took <= 31
