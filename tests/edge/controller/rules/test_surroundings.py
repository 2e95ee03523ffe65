"""Digital inputs of a site: each stops its outlets, and one that cannot be told does too."""

import pytest
from core_desk import Desk
from watching import faults, jump, site

from edge.controller.effects import OpenContactor, WithdrawOffer
from edge.controller.events import InputSeen
from edge.controller.site import Input, InputKind

AT_ONCE = {InputKind.DOOR: "F411", InputKind.TILT: "F412", InputKind.WATER: "F413",
           InputKind.EARTH: "F416", InputKind.EMERGENCY_STOP: "F402"}
CODES = {**AT_ONCE, InputKind.BREAKER: "F414"}


def charging(kind: InputKind, evse_ids: tuple[str, ...] = ("1",)) -> Desk:
    desk = Desk(site(2, inputs=(Input(id="in", kind=kind, evse_ids=evse_ids),)))
    desk.feed(InputSeen(input_id="in", active=False))
    desk.charge()
    desk.log.clear()
    return desk


@pytest.mark.parametrize("kind", list(InputKind))
def test_an_input_names_its_fault_for_all_its_outlets_and_no_other(kind):
    desk = charging(kind)
    desk.feed(InputSeen(input_id="in", active=True))
    assert set(faults(desk)) == {CODES[kind]}
    found = faults(desk)[CODES[kind]]
    assert (found.where, found.evse_ids) == ("in", ("1",)) and not found.concerns("2")
    opened = desk.effects(OpenContactor)
    if kind in AT_ONCE:
        assert opened[0].urgent and {e.evse_id for e in opened} == {"1"}
    else:
        assert desk.effects(WithdrawOffer) and not opened, "in order"


def test_an_input_that_cannot_be_told_for_three_seconds_opens():
    desk = charging(InputKind.DOOR)
    desk.feed(InputSeen(input_id="in", active=None))
    jump(desk, 2.9)
    assert not faults(desk)
    jump(desk, 0.2)
    assert set(faults(desk)) == {"F105"} and desk.effects(OpenContactor)[0].urgent
    desk.feed(InputSeen(input_id="in", active=False))
    assert not faults(desk)


def test_an_input_that_was_never_seen_since_the_start_is_lost():
    desk = Desk(site(2, inputs=(Input(id="in", kind=InputKind.TILT, evse_ids=("1", "2")),)))
    jump(desk, 3.1)
    assert set(faults(desk)) == {"F105"} and faults(desk)["F105"].evse_ids == ("1", "2")


def test_an_open_door_stays_open_while_nobody_can_tell():
    desk = charging(InputKind.DOOR)
    desk.feed(InputSeen(input_id="in", active=True))
    desk.feed(InputSeen(input_id="in", active=None))
    jump(desk, 4)
    assert set(faults(desk)) == {"F411", "F105"}
    desk.feed(InputSeen(input_id="in", active=False))
    assert not faults(desk)


def test_water_stands_after_it_has_dried():
    desk = charging(InputKind.WATER)
    desk.feed(InputSeen(input_id="in", active=True))
    desk.feed(InputSeen(input_id="in", active=False))
    jump(desk, 2)
    assert set(faults(desk)) == {"F413"}


def test_an_input_of_no_plan_says_nothing():
    desk = charging(InputKind.DOOR)
    desk.feed(InputSeen(input_id="nowhere", active=True))
    assert not faults(desk)
