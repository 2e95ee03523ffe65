"""The fault register: what is acknowledged, by whom, and what that ends."""

import msgspec
import pytest
from core_desk import Desk, plan

from edge.controller.effects import (
    AcknowledgeBoard,
    OfferCurrent,
)
from edge.controller.events import (
    InputSeen,
    ReaderBack,
    ReaderLost,
    RequestReceived,
)
from edge.controller.pilot import BoardFault
from edge.controller.request import Origin, Request
from edge.controller.site import Input, InputKind


def codes(desk) -> set[str]:
    return {f.code.value for f in desk.site.faults.values()}


def request(desk, action: str, **args: str) -> None:
    desk.feed(RequestReceived(request=Request(
        id="r", origin=Origin.SERVICE, action=action,
        args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))


def test_a_welded_contactor_is_found_and_blocks_until_a_technician_clears_it(desk):
    desk.charge()
    desk.devices["1"].welded = True
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: "F201" in codes(desk))
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    desk.unplug()
    desk.run(3)
    desk.devices["1"].welded = False
    desk.run(3)
    assert "F201" in codes(desk), "latched"
    desk.log.clear()
    desk.plug()
    desk.tap()
    desk.run(5)
    assert not desk.effects(OfferCurrent)
    request(desk, "fault.clear", code="F201", where="1")
    desk.run(1)
    assert "F201" not in codes(desk)


@pytest.mark.parametrize(("bit", "code"), [
    (BoardFault.INTERLOCK_STUCK, "F205"), (BoardFault.RELAY_STUCK, "F204"),
    (BoardFault.SELF_TEST, "F404")])
def test_a_channel_that_is_stuck_or_untested_blocks_new_sessions_until_a_technician(desk, bit, code):
    desk.devices["1"].faults = (bit,)
    desk.run(1)
    desk.devices["1"].faults = ()  # the board was started again, and has forgotten it
    desk.run(5)
    desk.log.clear()
    desk.plug()
    desk.tap()
    desk.run(5)
    assert not desk.effects(OfferCurrent) and desk.outlet().session is None
    request(desk, "fault.clear", code=code, where="1")
    desk.run(1)
    desk.tap(evse_ids=("1",))
    desk.run(1)
    assert not codes(desk) and desk.effects(OfferCurrent)


def test_what_is_acknowledged_is_what_the_technician_can_have_seen(desk):
    desk.devices["1"].faults, desk.devices["1"].fault_seq = (BoardFault.RCD,), 7
    desk.run(1)
    request(desk, "fault.clear", code="F401", where="1")
    assert [effect.fault_seq for effect in desk.effects(AcknowledgeBoard)] == [7]


def test_one_acknowledgement_ends_what_the_board_lets_go_of_after_it(desk):
    desk.devices["1"].faults = (BoardFault.RCD,)
    desk.run(1)
    request(desk, "fault.clear", code="F401", where="1")
    assert desk.effects(AcknowledgeBoard) and "F401" in codes(desk), "the board has not said so yet"
    desk.devices["1"].faults = ()
    desk.run(0.2)
    assert "F401" not in codes(desk)


def test_an_acknowledgement_is_not_good_for_later(desk):
    desk.devices["1"].faults = (BoardFault.RCD,)
    desk.run(1)
    request(desk, "fault.clear", code="F401", where="1")
    desk.run(4)
    desk.devices["1"].faults = ()
    desk.run(4)
    assert "F401" in codes(desk)


def test_a_board_that_is_lost_has_not_said_that_its_faults_ended(desk):
    desk.devices["1"].faults = (BoardFault.EMERGENCY_STOP,)
    desk.run(1)
    desk.devices["1"].board_answers = False
    desk.run(5)
    assert codes(desk) == {"F101", "F402"}
    desk.devices["1"].board_answers, desk.devices["1"].faults = True, ()
    desk.run(0.2)
    assert not codes(desk)


def test_two_causes_under_one_name_leave_nobody_out():
    """An input with the id of an EVSE (`forecourt check` refuses it) must not hide behind its fault."""
    site_input = Input(id="1", kind=InputKind.EMERGENCY_STOP, evse_ids=("2",))
    desk = Desk(msgspec.structs.replace(plan(2), inputs=(site_input,)))
    desk.feed(InputSeen(input_id="1", active=False))
    desk.devices["1"].faults = (BoardFault.EMERGENCY_STOP,)
    desk.poll("1")
    desk.feed(InputSeen(input_id="1", active=True))
    fault = desk.site.faults["F402@1"]
    assert fault.concerns("1") and fault.concerns("2")
    desk.devices["1"].faults = ()
    desk.poll("1")
    assert desk.site.faults["F402@1"].concerns("2"), "one cause that ended unmasks nothing"


def test_water_that_is_still_there_is_acknowledged_and_begins_no_second_time():
    desk = Desk(msgspec.structs.replace(plan(2), inputs=(
        Input(id="sump", kind=InputKind.WATER, evse_ids=("1", "2")),)))
    desk.feed(InputSeen(input_id="sump", active=True))
    request(desk, "fault.clear", code="F413", where="sump")
    desk.feed(InputSeen(input_id="sump", active=True))
    assert len(desk.rows("ev.fault.v1")) == 1 and desk.site.tallies["F413@sump"].count == 1
    desk.feed(InputSeen(input_id="sump", active=False))
    assert "F413" not in codes(desk), "he looked a moment ago, and it is dry"


def test_a_fault_whose_cause_stands_is_neither_ended_nor_begun_by_a_technician(desk):
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    fault = desk.site.faults["F501@front"]
    for _ in range(3):
        desk.run(1)
        request(desk, "fault.clear", code="F501", where="front")
    assert desk.site.faults["F501@front"] == fault and desk.site.tallies["F501@front"].count == 1
    assert len(desk.rows("ev.fault.v1")) == 1
    desk.feed(ReaderBack(reader_id="front"))
    assert len(desk.rows("ev.fault.v1")) == 2 and not desk.site.faults


def test_a_technician_ends_at_once_what_only_waits_for_the_car_to_leave(desk):
    desk.charge()
    desk.devices["1"].faults = (BoardFault.DIODE,)
    desk.poll("1")
    desk.devices["1"].faults = ()
    desk.poll("1")
    assert "F301" in codes(desk)
    request(desk, "fault.clear", code="F301", where="1")
    assert not codes(desk) and len(desk.rows("ev.fault.v1")) == 2
