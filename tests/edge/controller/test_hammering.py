"""A contactor that is closed again and again is held off for a while; the transaction goes on."""

import msgspec
import pytest
from core_desk import NS, Desk, plan

from edge.controller.site import Timers

pytestmark = pytest.mark.stories


def rest_and_ask(desk: Desk, times: int) -> None:
    for _ in range(times):
        desk.run(1)
        desk.rest()
        desk.until(lambda: not desk.devices["1"].pwm_on, 2)
        desk.until(lambda: desk.devices["1"].pwm_on, 300)
        desk.ask()
        count = desk.outlet().closings[-1]
        desk.until(lambda n=count: desk.outlet().closings[-1] > n, 5)


def test_the_fifth_reclosing_in_two_minutes_holds_it_off_in_order_and_goes_on_later(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    rest_and_ask(desk, 4)
    desk.run(1)
    assert "F207" not in desk.codes()
    rest_and_ask(desk, 1)
    desk.run(0.2)
    assert "F207" in desk.codes() and desk.outlet().phase == "pausing"
    desk.rest()
    desk.run(1)
    assert desk.outlet().session.charging_state == "SuspendedEVSE"
    took = desk.until(lambda: "F207" not in desk.codes(), 400)
    assert 298 <= took <= 301
    desk.until(lambda: desk.devices["1"].pwm_on, 30)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", 100)
    desk.run(5)
    assert desk.outlet().session.transaction_id == transaction and desk.outlet().phase == "charging"


def test_as_many_closings_over_a_longer_time_are_no_hammering():
    desk = Desk(plan(1, timers=Timers(hammer_window_s=20)))
    desk.charge()
    rest_and_ask(desk, 8)
    assert not desk.codes()
    assert len(desk.outlet().closings) <= 6, "no more is kept than the rule needs"


def test_closings_of_others_sessions_count_too():
    desk = Desk(plan(1, timers=Timers(card_dead_s=0)))
    for count in range(6):
        desk.plug()
        desk.tap()
        desk.until(lambda: desk.devices["1"].pwm_on)
        desk.ask()
        desk.until(lambda n=count: len(desk.outlet().closings) > n, 5)
        desk.tap()
        desk.rest()
        desk.until(lambda: desk.outlet().phase == "finished", 10)
        desk.unplug()
        desk.until(lambda: desk.outlet().phase == "vacant", 10)
    assert "F207" in desk.codes()


@pytest.mark.parametrize(("first_s", "named"), [(119, True), (121, False)])
def test_six_closings_must_all_lie_in_the_window(desk, first_s, named):
    ages_s = (first_s, 90, 70, 50, 30, 10)
    outlet = msgspec.structs.replace(
        desk.outlet(), closings=tuple(desk.now_ns - s * NS for s in ages_s))
    desk.site = msgspec.structs.replace(desk.site, outlets={**desk.site.outlets, "1": outlet})
    desk.poll("1")
    assert ("F207" in desk.codes()) is named
