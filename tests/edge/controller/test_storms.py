"""What flaps for hours neither fills the journal nor wears its card out, and ends up told as it is."""

import pytest
from core_desk import Desk, plan
from msgspec.structs import replace

from edge.controller.effects import Keep, OfferCurrent, Record, SaveSession
from edge.controller.events import InputSeen, ReaderBack, ReaderLost, Tick
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.site import Input, InputKind, SitePlan

pytestmark = pytest.mark.stories

MINUTES = 10
A_MINUTE = 20  # rows and kept values that a minute of flapping may cost, telemetry apart


def with_inputs(*kinds: InputKind) -> SitePlan:
    return replace(plan(1), inputs=tuple(Input(id=k, kind=k, evse_ids=("1",)) for k in kinds))


def written(desk: Desk) -> int:
    rows = [e for e in desk.effects(Record) if e.type != "tm.meter.v1"]
    return len(rows) + len(desk.effects(Keep)) + len(desk.effects(SaveSession))


def pass_time(desk: Desk, seconds: float) -> None:
    desk.now_ns += round(seconds * 1e9)
    desk.poll("1")
    desk.read("1")
    desk.feed(Tick())


@pytest.mark.parametrize("kind", [InputKind.DOOR, InputKind.BREAKER, InputKind.EMERGENCY_STOP])
def test_an_input_that_chatters_is_told_now_and_then(kind):
    desk = Desk(with_inputs(kind))
    desk.log.clear()
    for n in range(MINUTES * 120):
        desk.feed(InputSeen(input_id=kind, active=n % 2 == 0))
        pass_time(desk, 0.5)
    assert written(desk) < MINUTES * A_MINUTE
    desk.feed(InputSeen(input_id=kind, active=False))
    desk.run(55)
    assert desk.codes(), "it has not been quiet for long enough"
    desk.run(60)
    assert not desk.codes() and desk.outlet().status == "Available"
    assert desk.rows("ev.status.v1")[-1]["connectorStatus"] == "Available"


def test_an_input_that_chatters_lets_nobody_charge_in_between():
    desk = Desk(with_inputs(InputKind.DOOR))
    desk.feed(InputSeen(input_id=InputKind.DOOR, active=False))
    desk.plug()
    for _ in range(6):
        desk.feed(InputSeen(input_id=InputKind.DOOR, active=True))
        desk.run(0.5)
        desk.feed(InputSeen(input_id=InputKind.DOOR, active=False))
        desk.run(0.5)
    desk.tap()
    assert desk.outlet().message == "card_out_of_order"
    desk.run(50)
    assert desk.codes() == {"F411"} and not desk.effects(OfferCurrent)
    desk.run(15)
    assert not desk.codes()
    desk.tap()
    assert desk.outlet().phase == "ready"


@pytest.mark.parametrize("faults", [(), (BoardFault.PROXIMITY,)])
def test_a_plug_that_bounces_for_hours_is_told_now_and_then(faults):
    desk = Desk(plan(1))
    desk.log.clear()
    device = desk.devices["1"]
    for _ in range(MINUTES * 60):
        device.pilot, device.plug_seq, device.faults = PilotState.B, device.plug_seq + 1, faults
        pass_time(desk, 0.5)
        device.pilot, device.faults = PilotState.A, ()
        pass_time(desk, 0.5)
    assert written(desk) < MINUTES * A_MINUTE
    device.pilot = PilotState.B
    desk.run(130)
    assert desk.outlet().status == "Occupied"
    assert desk.rows("ev.status.v1")[-1]["connectorStatus"] == "Occupied"


def test_a_mirror_contact_that_chatters_is_counted_and_written_now_and_then():
    desk = Desk(plan(1))
    desk.log.clear()
    device = desk.devices["1"]
    for n in range(MINUTES * 60):
        device.welded = n % 2 == 0
        pass_time(desk, 0.5)
    device.welded = False
    assert len(desk.effects(Keep)) < MINUTES * A_MINUTE
    desk.run(61)
    wear = desk.outlet().wear
    assert wear is not None and wear.cycles == MINUTES * 30
    assert b'"cycles":%d' % wear.cycles in desk.kept["wear:1"], "the last word is kept"


def test_a_reader_whose_line_is_loose_is_told_now_and_then(desk):
    desk.log.clear()
    for _ in range(MINUTES * 60):
        desk.feed(ReaderLost(reader_id="front", error="gone"))
        pass_time(desk, 0.5)
        desk.feed(ReaderBack(reader_id="front"))
        pass_time(desk, 0.5)
    assert written(desk) < MINUTES * A_MINUTE
    desk.run(61)
    assert "F501" not in desk.codes()
