"""The one attempt to wake a car that is offered current and never asks."""

import pytest
from core_desk import Desk, plan

from edge.controller.effects import OfferCurrent, WakeCar, WithdrawOffer
from edge.controller.pilot import PilotState
from edge.controller.site import Timers

pytestmark = pytest.mark.stories


def offered(desk: Desk) -> None:
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)


def test_one_pulse_then_x1_then_the_offer_again_and_never_twice(desk):
    offered(desk)
    desk.log.clear()
    took = desk.until(lambda: bool(desk.effects(WakeCar)), 40)
    assert 29.5 <= took <= 30.5
    assert desk.effects(WakeCar)[0].pulse_s == 4 and desk.effects(WithdrawOffer)
    device = desk.devices["1"]
    device.pilot, device.waking = PilotState.F, True
    desk.run(4)
    assert not desk.codes(), "F is the board's own word now"
    device.pilot = PilotState.B
    desk.run(0.5)
    assert not device.pwm_on
    device.waking = False
    desk.until(lambda: device.pwm_on, 1)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", 3)
    desk.rest()
    desk.run(120)
    assert len(desk.effects(WakeCar)) == 1 and len(desk.effects(OfferCurrent)) == 2


def test_a_car_that_asked_once_is_awake(desk):
    desk.charge()
    desk.rest()
    desk.run(120)
    assert not desk.effects(WakeCar)


def test_a_car_that_asked_before_pwm_is_told_so_and_woken_out_of_it(desk):
    offered(desk)
    desk.devices["1"].dark = True
    desk.ask()
    desk.run(29)
    assert "F306" in desk.codes() and not desk.effects(WakeCar)
    desk.run(2)
    assert desk.effects(WakeCar)


@pytest.mark.parametrize("hindrance", ["pause", "limit", "asks late"])
def test_a_car_that_is_offered_nothing_or_asks_in_time_is_left_alone(desk, hindrance):
    offered(desk)
    desk.run(20)
    match hindrance:
        case "pause":
            desk.request("session.pause", evse_id="1")
        case "limit":
            desk.request("limit.set", where="1", current_a=0)
        case _:
            desk.ask()
    desk.run(60)
    assert not desk.effects(WakeCar)


def test_zero_seconds_mean_never():
    desk = Desk(plan(1, timers=Timers(wake_after_s=0)))
    offered(desk)
    desk.run(100)
    assert not desk.effects(WakeCar)


def test_the_next_session_has_an_attempt_of_its_own(desk):
    for _ in range(2):
        offered(desk)
        desk.log.clear()
        desk.until(lambda: bool(desk.effects(WakeCar)), 40)
        desk.unplug()
        desk.until(lambda: desk.outlet().phase == "vacant", 20)


def test_a_car_that_sleeps_on_is_left_to_sleep(desk):
    offered(desk)
    desk.run(120)
    assert len(desk.effects(WakeCar)) == 1 and desk.devices["1"].pwm_on
