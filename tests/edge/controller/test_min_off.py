"""The contactor's rest before it closes again, with X1 meanwhile, and the wait after a mains return."""

import msgspec
import pytest
from core_desk import NS, Desk

from edge.controller.effects import CloseContactor, OfferCurrent
from edge.controller.pilot import BoardFault, PilotState


def closes_after(desk: Desk, *, patient: bool) -> tuple[float, float]:
    """Seconds from the opening to PWM and to the grant, for a car that asks at once or at PWM."""
    start = desk.now_ns
    desk.log.clear()
    if not patient:
        desk.run(0.3)
        desk.ask()
    desk.until(lambda: desk.devices["1"].pwm_on, 60)
    pwm_s = (desk.now_ns - start) / NS
    desk.ask()
    desk.until(lambda: bool(desk.effects(CloseContactor)), 60)
    return pwm_s, (desk.now_ns - start) / NS


@pytest.mark.parametrize("patient", [True, False])
def test_x1_is_shown_until_it_is_over_and_then_it_closes_within_3_s(desk, patient):
    desk.charge()
    desk.rest()
    desk.poll("1")
    assert not desk.devices["1"].pwm_on and desk.outlet().offer.because == "rest"
    assert desk.outlet().session.charging_state == "SuspendedEV"
    pwm_s, close_s = closes_after(desk, patient=patient)
    assert 5.0 <= pwm_s <= 5.3 and 5.0 <= close_s <= 8.0


def test_after_a_fault_that_opened_it_the_rest_is_longer(desk):
    desk.charge()
    desk.devices["1"].faults = (BoardFault.TEMPERATURE,)
    desk.poll("1")
    desk.rest()
    desk.run(0.5)
    desk.devices["1"].faults = ()
    pwm_s, close_s = closes_after(desk, patient=True)
    assert 29.4 <= pwm_s <= 29.7 and close_s <= 33


def test_a_fault_that_is_named_after_the_board_opened_counts_as_well(desk):
    desk.charge()
    desk.devices["1"].permit, desk.devices["1"].pilot = False, PilotState.UNKNOWN
    desk.until(lambda: "F305" in desk.codes(), 5)
    desk.rest()
    desk.run(0.5)
    pwm_s, _ = closes_after(desk, patient=True)
    assert pwm_s > 25


def test_the_rest_after_a_fault_outlasts_the_session(desk):
    desk.charge()
    desk.devices["1"].faults = (BoardFault.EMERGENCY_STOP,)
    desk.poll("1")
    desk.rest()
    desk.devices["1"].faults = ()
    desk.until(lambda: desk.outlet().phase == "finished")
    desk.run(4)
    desk.tap()
    desk.run(1)
    assert desk.outlet().phase == "ready" and not desk.devices["1"].pwm_on
    assert closes_after(desk, patient=True)[0] > 20


def test_a_fault_while_it_was_open_needs_no_rest(desk):
    desk.plug()
    desk.devices["1"].faults = (BoardFault.TEMPERATURE,)
    desk.run(1)
    desk.devices["1"].faults = ()
    desk.tap()
    assert closes_after(desk, patient=True)[1] < 3


def test_until_its_turn_after_a_mains_return_it_is_offered_nothing(desk):
    desk.site = msgspec.structs.replace(desk.site, outlets={
        k: msgspec.structs.replace(o, not_before_ns=desk.now_ns + 20 * NS)
        for k, o in desk.site.outlets.items()})
    desk.plug()
    desk.tap()
    desk.ask()
    desk.log.clear()
    desk.run(18)
    assert not desk.effects(OfferCurrent) and desk.outlet().offer.because == "stagger"
    desk.until(lambda: bool(desk.effects(CloseContactor)), 4)


def test_a_moment_in_the_future_is_no_reason_to_close(desk):
    """Times that run backwards: what was opened "later than now" has not rested."""
    desk.charge()
    desk.rest()
    desk.poll("1")
    desk.now_ns -= 3 * NS
    desk.ask()
    desk.log.clear()
    desk.run(4)
    assert not desk.effects(CloseContactor)
