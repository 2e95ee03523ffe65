"""Temperatures: less current, none, and nobody knows (facts/peers scenario: rising, falling, stale)."""

import math

import msgspec
import pytest
from core_desk import ANNA, BERT, Desk
from watching import faults, jump, reading, site

from edge.controller.effects import LowerCurrent, OfferCurrent, OpenContactor, WithdrawOffer
from edge.controller.events import BoardLost, SensorSeen
from edge.controller.pilot import BoardFault
from edge.controller.site import CurvePoint, Sensor, SensorPlace

pytestmark = pytest.mark.stories

CABINET = Sensor(id="cab", place=SensorPlace.CABINET, evse_ids=("1", "2"))


def warm(desk: Desk, celsius: float | None, seconds: float = 1.0, sensor_id: str = "cab") -> None:
    """A sensor says so each second."""
    for _ in range(max(1, round(seconds))):
        desk.feed(SensorSeen(sensor_id=sensor_id, celsius=celsius))
        jump(desk, 1)
        for evse_id, device in desk.devices.items():
            device.wh += 5
            desk.read(evse_id)


def charging(sensor: Sensor = CABINET) -> Desk:
    desk = Desk(site(2, fuse_a=63, sensors=(sensor,)))
    warm(desk, 25)
    desk.charge("1", ANNA)
    return desk


def offer(desk: Desk) -> tuple[float, str]:
    return desk.devices["1"].offered_a, desk.outlet("1").offer.because


def test_rising_lowers_at_once_and_names_the_sensor():
    desk = charging()
    assert offer(desk) == (32, "evse") and not faults(desk)
    for celsius, amps in ((60, 32), (62, 28), (65, 24), (70, 16), (74, 9)):
        desk.log.clear()
        desk.feed(SensorSeen(sensor_id="cab", celsius=celsius))
        assert desk.devices["1"].offered_a == amps, "in the same step"
        assert bool(desk.effects(LowerCurrent)) is (amps < 32)
    assert offer(desk) == (9, "temperature:cab")
    found = faults(desk)
    assert set(found) == {"F407"} and found["F407"].evse_ids == ("1", "2")


def test_too_little_for_six_amperes_is_a_pause_and_the_same_transaction_goes_on():
    desk = charging()
    transaction = desk.outlet("1").session.transaction_id
    desk.log.clear()
    warm(desk, 78)
    assert desk.effects(WithdrawOffer) and not any(e.urgent for e in desk.effects(OpenContactor))
    desk.rest()
    warm(desk, 78, 5)
    assert desk.outlet("1").phase == "paused"
    warm(desk, 30, 70)
    desk.ask()
    warm(desk, 30, 10)
    assert desk.outlet("1").phase == "charging"
    assert desk.outlet("1").session.transaction_id == transaction


def test_falling_raises_after_the_hold_only():
    desk = charging()
    warm(desk, 70)
    warm(desk, 30, 58)
    assert offer(desk) == (16, "temperature:cab") and set(faults(desk)) == {"F407"}
    warm(desk, 30, 4)
    assert offer(desk) == (32, "evse") and not faults(desk)
    assert not desk.site.caps


def test_a_temperature_that_wavers_does_not_flap_the_offer():
    desk = charging()
    warm(desk, 70)
    desk.log.clear()
    for _ in range(10):
        warm(desk, 62, 20)
        warm(desk, 70, 2)
    assert offer(desk)[0] == 16 and not desk.effects(OfferCurrent)


@pytest.mark.parametrize("lost", [None, math.nan, math.inf, "stale"])
@pytest.mark.parametrize(("fallback_a", "offered_a"), [(10.0, 10), (0.0, 0)])
def test_without_a_value_the_fallback_holds_and_the_sensor_is_named(lost, fallback_a, offered_a):
    desk = charging(msgspec.structs.replace(CABINET, fallback_a=fallback_a))
    warm(desk, 25)
    if lost == "stale":
        desk.run(8)
        assert offer(desk)[0] == 32 and not faults(desk)
        desk.run(1.5)
    else:
        desk.feed(SensorSeen(sensor_id="cab", celsius=lost))
    assert offer(desk)[0] == offered_a
    assert set(faults(desk)) == {"F104"} and faults(desk)["F104"].evse_ids == ("1", "2")
    warm(desk, 25, 50)
    assert offer(desk)[0] == offered_a and set(faults(desk)) == {"F104"}, "back, and not for long"
    warm(desk, 25, 30)
    assert not faults(desk) and offer(desk)[0] == 32


def test_a_sensor_that_was_never_seen_since_the_start_is_lost_after_a_while():
    desk = Desk(site(2, sensors=(CABINET,)))
    desk.run(9)
    assert not faults(desk)
    desk.run(1)
    assert set(faults(desk)) == {"F104"}


def test_an_empty_curve_is_as_good_as_no_sensor():
    desk = Desk(site(2, sensors=(msgspec.structs.replace(CABINET, curve=(), fallback_a=8.0),)))
    warm(desk, 25)
    desk.plug()
    desk.tap()
    warm(desk, 25)
    assert offer(desk) == (8, "temperature:cab") and faults(desk)["F104"].detail == "has no curve"


def test_of_two_sensors_the_hotter_one_counts_and_only_where_it_sits():
    one = msgspec.structs.replace(CABINET, evse_ids=("1",))
    both = msgspec.structs.replace(CABINET, id="room")
    desk = Desk(site(2, fuse_a=63, sensors=(one, both)))
    warm(desk, 25)
    warm(desk, 25, sensor_id="room")
    desk.charge("1", ANNA)
    desk.charge("2", BERT)
    desk.feed(SensorSeen(sensor_id="room", celsius=65))
    desk.feed(SensorSeen(sensor_id="cab", celsius=70))
    assert offer(desk) == (16, "temperature:cab")
    assert desk.devices["2"].offered_a == 24


@pytest.mark.parametrize(("place", "hot", "too_hot"), [
    (SensorPlace.CABINET, "F407", "F405"), (SensorPlace.TERMINALS, "F407", "F405"),
    (SensorPlace.CABLE, "F417", "F418")])
def test_panic_opens_at_once_and_ends_well_below_it_after_a_hold(place, hot, too_hot):
    desk = charging(msgspec.structs.replace(CABINET, place=place))
    desk.log.clear()
    desk.feed(SensorSeen(sensor_id="cab", celsius=84.9))
    assert set(faults(desk)) == {hot} and not desk.effects(OpenContactor)
    desk.feed(SensorSeen(sensor_id="cab", celsius=85))
    assert set(faults(desk)) == {hot, too_hot}
    assert desk.effects(OpenContactor)[0].urgent and not desk.devices["1"].closed
    warm(desk, 80, 100)
    assert too_hot in faults(desk), "not below 80"
    warm(desk, 79, 55)
    warm(desk, None, 30)
    assert too_hot in faults(desk), "nobody knows"
    warm(desk, 79, 59)
    assert too_hot in faults(desk)
    warm(desk, 79, 3)
    assert set(faults(desk)) == {"F104", hot} or set(faults(desk)) == {hot}


def test_a_boards_own_sensor_lowers_by_the_outlets_curve():
    desk = Desk(site(2, fuse_a=63))
    desk.devices["1"].temperature_c = 20.0
    desk.charge("1", ANNA)
    desk.devices["1"].temperature_c = 64.0
    desk.poll("1")
    assert offer(desk) == (16, "temperature:board") and set(faults(desk)) == {"F407"}
    assert faults(desk)["F407"].evse_id == "1"
    desk.devices["1"].temperature_c = 70.0
    desk.poll("1")
    assert "F405" in faults(desk) and not desk.devices["1"].closed


def test_no_sensor_on_the_board_is_no_fault_unless_the_board_says_so():
    desk = Desk(site(1))
    desk.charge()
    assert offer(desk)[0] == 32 and not faults(desk)
    desk.devices["1"].faults = (BoardFault.TEMPERATURE,)
    desk.run(1)
    assert set(faults(desk)) == {"F405"}
    desk.devices["1"].faults = ()
    desk.run(1)
    assert not faults(desk), "the board decides when that ends"


@pytest.mark.parametrize("lose", ["sensor", "board"])
def test_a_board_that_tells_no_temperature_any_more_keeps_its_cap(lose):
    desk = Desk(site(1))
    desk.devices["1"].temperature_c = 64.0
    desk.charge()
    assert offer(desk)[0] == 16
    if lose == "sensor":
        desk.devices["1"].temperature_c = None
    else:
        desk.devices["1"].board_answers = False
        desk.feed(BoardLost(evse_id="1", error="silent"))
    for _ in range(20):
        desk.run(5)
        reading(desk, wh=None)
    assert [held.current_a for held in desk.site.caps.values()] == [16]


def test_an_outlets_own_curve_may_be_a_single_point():
    desk = Desk(site(1, evse={"curve": (CurvePoint(celsius=40, share=0.5),)}))
    desk.devices["1"].temperature_c = 20.0
    desk.plug()
    desk.tap()
    desk.run(1)
    assert offer(desk)[0] == 16
