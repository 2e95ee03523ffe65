"""Faults: what each does to a running session, what is recorded, and how it ends."""

import msgspec
import pytest
from core_desk import ANNA, Desk, plan

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import (
    AnswerRequest,
    CloseContactor,
    OpenContactor,
    RaiseFault,
    WithdrawOffer,
)
from edge.controller.events import (
    BoardLost,
    CardPresented,
    CloudSeen,
    GrantFailed,
    GrantPassed,
    JournalStalled,
    JournalWell,
    ListSeen,
    OutletSeen,
    ReaderBack,
    ReaderLost,
    RequestReceived,
)
from edge.controller.faults import FaultCode, Stops, Until
from edge.controller.idtoken import Level, TokenRecord
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import Quality
from edge.controller.request import Origin, Request


def codes(desk) -> set[str]:
    return {f.code.value for f in desk.site.faults.values()}


def request(desk, action: str, **args: str) -> None:
    desk.feed(RequestReceived(request=Request(
        id="r", origin=Origin.SERVICE, action=action,
        args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))


@pytest.mark.parametrize(("bit", "code", "reason"), [
    (BoardFault.RCD, "F401", "GroundFault"),
    (BoardFault.EMERGENCY_STOP, "F402", "EmergencyStop"),
    (BoardFault.DIODE, "F301", "Other"),
])
def test_faults_that_end_a_session_open_in_the_same_step(desk, bit, code, reason):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].faults = (bit,)
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent
    assert code in codes(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    assert desk.rows("tx.event.v1")[-1]["transactionInfo"]["stoppedReason"] == reason
    notified = desk.rows("ev.fault.v1")[0]["eventData"][0]
    assert (notified["techCode"], notified["cleared"]) == (code, False)


def test_state_e_opens_at_once(desk):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].pilot = PilotState.E
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent and "F302" in codes(desk)


def test_state_d_is_refused_without_ventilation(desk):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.devices["1"].pilot = PilotState.D
    desk.run(5)
    assert not desk.effects(CloseContactor) and "F303" in codes(desk)


def test_a_silent_meter_pauses_in_order_and_the_same_transaction_goes_on(desk):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].meter_answers = False
    took = desk.until(lambda: "F102" in codes(desk))
    assert 9 <= took <= 11.5
    assert desk.effects(WithdrawOffer)
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "paused")
    assert desk.outlet().session.charging_state == "SuspendedEVSE"
    desk.devices["1"].meter_answers = True
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    assert "Started" not in [r["eventType"] for r in desk.rows("tx.event.v1")]
    assert [d["eventData"][0]["cleared"] for d in desk.rows("ev.fault.v1")] == [False, True]


def test_a_meter_behind_the_contactor_may_be_dead_while_it_is_open():
    desk = Desk(plan(1, meter_on_supply_side=False))
    desk.devices["1"].meter_answers = False
    desk.run(30)
    assert not codes(desk)


def test_an_implausible_register_is_named_so(desk):
    desk.devices["1"].meter_answers = False
    for _ in range(12):
        desk.run(1)
        desk.devices["1"].meter_answers = True
        desk.read("1", quality=Quality.SUSPECT)
        desk.devices["1"].meter_answers = False
    assert "F103" in codes(desk) and "F102" not in codes(desk)


def test_a_lost_board_opens_at_once_and_the_same_car_goes_on(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    desk.log.clear()
    desk.devices["1"].board_answers = False
    desk.feed(BoardLost(evse_id="1", error="no answer", pi_mirror_closed=True, relay_on=True))
    assert desk.effects(OpenContactor)[0].urgent and "F101" in codes(desk)
    desk.run(2)
    desk.devices["1"].board_answers = True
    desk.rest()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    assert desk.outlet().session.transaction_id == transaction and "F101" not in codes(desk)


def test_a_board_that_falls_silent_is_lost_even_if_nobody_says_so(desk):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].board_answers = False
    took = desk.until(lambda: "F101" in codes(desk))
    assert took <= 3.3 and desk.effects(OpenContactor)


def test_a_contactor_that_does_not_close_is_opened_again_and_named(desk):
    desk.devices["1"].stuck_open = True
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: "F202" in codes(desk), 10)
    assert not desk.devices["1"].relay


def test_mirror_inputs_that_disagree_open_after_a_second(desk):
    desk.charge()
    desk.log.clear()
    desk.devices["1"].mirror = False
    took = desk.until(lambda: "F203" in codes(desk))
    assert took <= 1.3 and desk.effects(OpenContactor)[0].urgent


@pytest.mark.parametrize(("differ_s", "agree_s"), [(0.3, 0.2), (0.2, 0.4), (0.9, 0.1)])
def test_mirror_inputs_that_disagree_again_and_again_open_too(desk, differ_s, agree_s):
    desk.charge()
    desk.log.clear()
    for _ in range(4):
        desk.devices["1"].mirror = False
        desk.run(differ_s)
        desk.devices["1"].mirror = None
        desk.run(agree_s)
    assert desk.effects(RaiseFault)[0].fault.code == "F203"
    assert desk.effects(OpenContactor)[0].urgent


def test_mirror_inputs_that_differ_for_a_moment_now_and_then_open_nothing(desk):
    desk.charge()
    desk.log.clear()
    for _ in range(10):
        desk.devices["1"].mirror = False
        desk.run(0.2)
        desk.devices["1"].mirror = None
        desk.run(0.6)
    assert not desk.effects(RaiseFault) and not desk.effects(OpenContactor)


@pytest.mark.parametrize(("begin", "end", "code"), [
    (ReaderLost(reader_id="front", error="gone"), ReaderBack(reader_id="front"), "F501"),
    (ListSeen(version=0, tokens=0, hurt="cards.db was damaged"), ListSeen(version=1, tokens=9), "F502"),
    (JournalStalled(error="slow"), JournalWell(), "F601"),
    (CloudSeen(connected=False, last_ack_age_s=None, pending={}),
     CloudSeen(connected=True, last_ack_age_s=0.1, pending={}), "F701"),
])
def test_site_faults_never_touch_a_running_session(desk, begin, end, code):
    desk.charge()
    desk.log.clear()
    desk.feed(begin)
    desk.run(6)
    assert code in codes(desk) and desk.outlet().phase == "charging"
    assert not desk.effects(OpenContactor) and not desk.effects(WithdrawOffer)
    desk.feed(end)
    assert code not in codes(desk)
    assert [d["eventData"][0]["cleared"] for d in desk.rows("ev.fault.v1")] == [False, True]


def test_lost_permit_drops_the_relay_too(desk):
    desk.charge()
    desk.log.clear()
    desk.run(0.1)
    desk.devices["1"].permit = False
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent


def test_energised_without_a_reason_is_opened(desk):
    desk.devices["1"].relay = desk.devices["1"].permit = True
    desk.poll("1")
    assert desk.effects(OpenContactor)[-1].reason == "not explained"


BOARD_CODES = {
    BoardFault.DIODE: "F301", BoardFault.PILOT_SHORT: "F302", BoardFault.RCD: "F401",
    BoardFault.WELD: "F201", BoardFault.BROWN_OUT: "F403", BoardFault.EMERGENCY_STOP: "F402",
    BoardFault.PROXIMITY: "F304", BoardFault.SELF_TEST: "F404", BoardFault.INTERLOCK_STUCK: "F205",
    BoardFault.RELAY_STUCK: "F204", BoardFault.NOT_CLOSED: "F202", BoardFault.TEMPERATURE: "F405",
    BoardFault.MEMORY: "F406", BoardFault.PILOT_LOW: "F305"}


@pytest.mark.parametrize("bit", list(BoardFault))
def test_every_fault_of_a_board_has_its_code_but_a_lost_heartbeat(desk, bit):
    desk.devices["1"].faults = (bit,)
    desk.poll("1")
    assert codes(desk) == ({BOARD_CODES[bit]} if bit in BOARD_CODES else set())
    assert (bit in BOARD_CODES) is (bit is not BoardFault.HEARTBEAT)


def test_a_relay_that_feeds_the_coil_a_second_after_it_was_let_go_is_named(desk):
    desk.charge()
    desk.devices["1"].request = True
    desk.run(2)
    assert not codes(desk), "it is on"
    desk.rest()
    desk.devices["1"].permit = False
    took = desk.until(lambda: "F204" in codes(desk))
    assert 1.0 <= took <= 1.3
    assert desk.outlet().session is None or desk.outlet().phase in ("ending", "finished")


def test_a_relay_that_is_slow_to_let_go_is_no_fault(desk):
    desk.charge()
    desk.rest()
    desk.devices["1"].request = True
    desk.run(0.8)
    desk.devices["1"].request = False
    desk.run(3)
    assert not codes(desk)


def test_a_hot_contactor_opens_and_the_same_transaction_goes_on(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    desk.log.clear()
    desk.devices["1"].faults = (BoardFault.TEMPERATURE,)
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent
    desk.devices["1"].faults = ()
    desk.rest()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    assert desk.outlet().session.transaction_id == transaction


def test_lost_counters_are_a_notice_and_stop_nobody(desk):
    desk.devices["1"].faults = (BoardFault.MEMORY,)
    desk.charge()
    assert codes(desk) == {"F406"}


@pytest.mark.parametrize("hindrance", ["dark", "testing"])
def test_a_board_that_would_refuse_is_not_asked(desk, hindrance):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    setattr(desk.devices["1"], hindrance, True)
    desk.ask()
    desk.run(10)
    assert not desk.effects(CloseContactor)
    setattr(desk.devices["1"], hindrance, False)
    desk.until(lambda: desk.outlet().phase == "charging")


def test_state_d_charges_where_the_site_is_ventilated():
    desk = Desk(plan(1, ventilation=True))
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.devices["1"].pilot = PilotState.D
    desk.until(lambda: desk.outlet().phase == "charging")
    assert not codes(desk)


def test_every_code_is_of_the_catalogue():
    assert set(CATALOGUE) == set(FaultCode)
    for kind in CATALOGUE.values():
        if kind.stops is Stops.CUT:
            assert kind.until in (Until.GONE, Until.RESTART), (
                "a session that goes on cannot wait for a technician")


def test_a_contactor_that_falls_while_charging_is_named_and_ends_the_session(desk):
    desk.charge()
    desk.run(2)
    desk.devices["1"].stuck_open = True
    took = desk.until(lambda: "F202" in codes(desk))
    assert took <= 1.3 and not desk.devices["1"].relay
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))


def test_a_silent_meter_behind_the_contactor_does_not_charge_on_in_bursts():
    desk = Desk(plan(1, meter_on_supply_side=False))
    desk.charge()
    desk.devices["1"].meter_answers = False
    desk.run(60)
    assert len(desk.effects(CloseContactor)) == 1 and "F102" in codes(desk)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "vacant")
    desk.run(1)
    assert "F102" not in codes(desk)


def test_what_is_of_no_outlet_of_this_site_says_nothing(desk):
    board = desk.outlet().board
    before = desk.site
    for event in (OutletSeen(evse_id="9", board=board, pi_mirror_closed=False, relay_on=False),
                  BoardLost(evse_id="9", error="gone"), GrantPassed(evse_id="9"),
                  GrantFailed(evse_id="9", error="no"),
                  CardPresented(reader_id="front", evse_ids=("9",), token=ANNA, level=Level.UID,
                                record=TokenRecord(token=ANNA))):
        assert not desk.feed(event)
    assert desk.site.outlets == before.outlets and not desk.site.cards


def test_an_argument_that_is_no_text_is_refused(desk):
    desk.feed(RequestReceived(request=Request(id="r", origin=Origin.SERVICE, action="session.stop",
                                              args={"evse_id": msgspec.Raw(b'"\xff"')})))
    assert desk.effects(AnswerRequest)[-1].refusal


def test_a_mirror_that_cannot_be_read_is_a_fault_and_no_open_contactor(desk):
    desk.charge()
    board = desk.outlet("1").board
    for _ in range(12):
        desk.now_ns += 100_000_000
        desk.feed(OutletSeen(evse_id="1", relay_on=True, pi_mirror_closed=None,
                             board=msgspec.structs.replace(board, mono_ns=desk.now_ns)))
    assert "F203" in codes(desk) and "cannot be read" in desk.site.faults["F203@1"].detail
    assert desk.effects(OpenContactor)[-1].urgent
