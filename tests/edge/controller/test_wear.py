"""Cycles, load breaks and hours of each contactor are counted, kept, and warned about in time."""

import msgspec
import pytest
from core_desk import NS, Desk, plan
from restarts import restart

from edge.controller import wearing
from edge.controller.effects import Keep
from edge.controller.events import Header, WearRestored
from edge.controller.site import Evse
from edge.controller.turn import Turn
from edge.controller.wear import ContactorWear, worn_share

EVSE = Evse(id="1", label="", circuit="c", phases=("L1",), max_a=16, failsafe_a=6, meter_id="m",
            rated_cycles=1000, rated_load_breaks=100)


def wear(desk: Desk) -> ContactorWear:
    found = desk.outlet().wear
    assert found is not None
    return found


def kept(desk: Desk) -> ContactorWear:
    return msgspec.json.decode(desk.kept["wear:1"], type=ContactorWear)


@pytest.mark.parametrize(("cycles", "load_breaks", "share"), [
    (0, 0, 0.0), (800, 0, 0.8), (0, 80, 0.8), (100, 90, 0.9), (2000, 0, 2.0)])
def test_the_rating_that_is_nearer_counts(cycles, load_breaks, share):
    assert worn_share(EVSE, ContactorWear(evse_id="1", cycles=cycles, load_breaks=load_breaks)) == share


def test_a_charge_that_the_car_ends_is_a_cycle_without_load(desk):
    desk.charge()
    assert wear(desk).cycles == 1 and kept(desk).closed
    desk.run(20)
    desk.devices["1"].current_a = 0.3
    desk.run(2)
    desk.rest()
    desk.run(1)
    assert (wear(desk).cycles, wear(desk).load_breaks) == (1, 0)
    assert 20 <= wear(desk).closed_s <= 24
    assert kept(desk) == wear(desk) and not kept(desk).closed


def test_an_opening_at_once_under_current_is_a_load_break(desk):
    desk.charge()
    desk.run(5)
    desk.unplug()
    desk.devices["1"].current_a = 16.0  # what flowed a moment before
    desk.run(1)
    assert wear(desk).load_breaks == 1


def test_the_current_before_the_opening_counts_not_that_after_it(desk):
    """The meter may answer between the command and the mirror."""
    desk.charge()
    desk.run(3)
    desk.unplug()
    desk.poll("1")  # opens
    assert not desk.devices["1"].closed
    desk.read("1")  # 0 A now
    desk.poll("1")
    assert wear(desk).load_breaks == 1


@pytest.mark.parametrize(("silent_s", "breaks"), [(0.5, 0), (3, 1)])
def test_an_unknown_current_counts_as_load(desk, silent_s, breaks):
    desk.charge()
    desk.devices["1"].current_a = 0.0
    desk.run(2)
    desk.devices["1"].meter_answers = False
    desk.run(silent_s)
    desk.devices["1"].permit = desk.devices["1"].relay = False
    desk.rest()
    desk.run(0.5)
    assert wear(desk).load_breaks == breaks


def test_while_closed_it_is_kept_once_an_hour_and_no_second_is_counted_twice(desk):
    desk.charge()
    desk.log.clear()
    for _ in range(2250):
        desk.now_ns += 4 * NS
        desk.devices["1"].wh += 12
        desk.poll("1")
        desk.read("1")
    keeps = [e for e in desk.effects(Keep) if e.key == "wear:1"]
    assert len(keeps) == 2
    desk.rest()
    desk.run(1)
    assert abs(wear(desk).closed_s - 9000) <= 3 and wear(desk).cycles == 1


def test_counts_go_on_after_a_restart_and_a_contactor_that_stayed_closed_made_no_cycle(desk):
    desk.charge()
    restart(desk)
    desk.run(3)
    assert wear(desk).cycles == 1 and not wear(desk).load_breaks
    desk.rest()
    desk.run(1)
    assert wear(desk).cycles == 1


def test_an_opening_that_no_controller_saw_is_a_load_break(desk):
    desk.charge()
    desk.unplug()
    desk.devices["1"].permit = False
    restart(desk)
    desk.run(1)
    assert (wear(desk).cycles, wear(desk).load_breaks) == (1, 1) and not kept(desk).closed
    restart(desk)
    desk.run(1)
    assert wear(desk).load_breaks == 1, "once"


def test_a_contactor_that_is_nearly_worn_is_a_notice_that_stops_nobody_and_waits_for_a_new_one():
    desk = Desk(plan(1, rated_cycles=10))
    desk.feed(WearRestored(wear=ContactorWear(evse_id="1", cycles=7)))
    desk.run(0.5)
    assert "F206@1" not in desk.site.faults
    desk.charge()
    assert "F206@1" in desk.site.faults and desk.outlet().phase == "charging"
    desk.rest()
    desk.run(1)
    restart(desk)
    desk.run(30)
    assert "F206@1" in desk.site.faults
    replace(desk)
    desk.run(1)
    assert "F206@1" not in desk.site.faults
    assert kept(desk) == ContactorWear(evse_id="1")


def replace(desk: Desk) -> None:
    """As the request does, inside a step."""
    turn = Turn(desk.site, Header(mono_ns=desk.now_ns, boot=desk.boot, fresh_id="x"))
    wearing.replaced(turn, "1")
    desk.site, effects = turn.result()
    for effect in effects:
        desk._obey(effect)


def test_a_contactor_of_another_site_is_nobodys(desk):
    desk.feed(WearRestored(wear=ContactorWear(evse_id="9", cycles=7)))
    assert all(o.wear is None or o.wear.cycles == 0 for o in desk.site.outlets.values())
