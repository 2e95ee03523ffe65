"""The session path of one driver, in virtual time, from tap to receipt."""

import msgspec
import pytest

from edge.controller.effects import (
    CloseContactor,
    Effect,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    ReadMeter,
    Record,
    RenewGrant,
    WithdrawOffer,
)
from edge.controller.events import RequestReceived
from edge.controller.pilot import PilotState
from edge.controller.request import Origin, Request


def kinds(desk, *wanted: type[Effect]) -> list[str]:
    return [type(e).__name__ for e in desk.log if isinstance(e, wanted)]


def events(desk) -> list[tuple[str, str]]:
    return [(r["eventType"], r["triggerReason"]) for r in desk.rows("tx.event.v1")]


@pytest.mark.parametrize("card_first", [True, False])
def test_both_orders_lead_to_one_session_with_its_register_difference(desk, card_first):
    if card_first:
        desk.tap()
        desk.plug()
    else:
        desk.plug()
        desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging")
    desk.devices["1"].wh += 4_321
    desk.run(5)
    desk.tap()
    desk.run(0.2)
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished")
    ended = desk.rows("tx.event.v1")[-1]
    assert ended["transactionInfo"]["stoppedReason"] == "Local"
    assert [e[0] for e in events(desk)].count("Started") == 1
    assert [e[0] for e in events(desk)].count("Ended") == 1
    assert [r["seqNo"] for r in desk.rows("tx.event.v1")] == list(range(len(events(desk))))
    assert desk.outlet().receipt.energy_wh == 4_321
    assert desk.rows("tx.cdr.v1") and not desk.sessions


def test_the_start_register_is_read_and_recorded_before_the_contactor_closes(desk):
    desk.charge()
    order = kinds(desk, ReadMeter, Record, CloseContactor, OfferCurrent)
    close = order.index("CloseContactor")
    assert order[close - 1] == "Record"
    assert "ReadMeter" in order[:close]
    begin = desk.rows("tx.event.v1")[1]["meterValue"][0]["sampledValue"][0]
    assert (begin["value"], begin["context"]) == (1_000, "Transaction.Begin")


def test_unplugging_opens_in_the_same_step_and_ends_with_ev_disconnected(desk):
    desk.charge()
    desk.log.clear()
    desk.unplug()
    desk.poll("1")
    assert isinstance(desk.effects(OpenContactor)[0], OpenContactor)
    assert desk.effects(OpenContactor)[0].urgent
    desk.until(lambda: desk.outlet().phase == "vacant")
    assert desk.rows("tx.event.v1")[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


def test_c_to_b_opens_at_once_and_the_transaction_goes_on(desk):
    desk.charge()
    desk.log.clear()
    desk.rest()
    desk.poll("1")
    assert desk.effects(OpenContactor)[0].urgent
    assert desk.outlet().session.charging_state == "SuspendedEV"
    desk.ask()
    took = desk.until(lambda: desk.outlet().phase == "charging")
    assert took >= 4.5, "the minimum off time protects the contacts"
    assert [e[0] for e in events(desk)].count("Started") == 0, "same transaction"


def test_orderly_stop_withdraws_and_opens_at_six_seconds_when_the_car_ignores_it(desk):
    desk.charge()
    desk.log.clear()
    desk.run(4)
    desk.tap()
    assert desk.effects(WithdrawOffer) and not desk.effects(OpenContactor)
    took = desk.until(lambda: bool(desk.effects(OpenContactor)))
    assert 5.9 <= took <= 6.2
    assert not desk.effects(OpenContactor)[0].urgent, "the channels prove themselves in turn"


@pytest.mark.parametrize("permit", [True, False])
def test_a_car_that_rests_after_x1_lets_the_channels_open_in_turn(desk, permit):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.log.clear()
    desk.rest()
    desk.devices["1"].permit = permit  # the board takes it back at B
    desk.poll("1")
    assert [effect.urgent for effect in desk.effects(OpenContactor)] == [False]


@pytest.mark.parametrize("pilot", [PilotState.A, PilotState.E, PilotState.F, PilotState.UNKNOWN])
def test_what_is_no_car_at_rest_opens_at_once_after_x1_too(desk, pilot):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.log.clear()
    desk.devices["1"].pilot = pilot
    desk.poll("1")
    assert [effect.urgent for effect in desk.effects(OpenContactor)] == [True]


def test_orderly_stop_opens_below_one_ampere(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.log.clear()
    desk.devices["1"].current_a = 0.4
    took = desk.until(lambda: bool(desk.effects(OpenContactor)))
    assert took <= 1.2


def test_end_register_is_one_that_the_meter_made_after_the_opening(desk):
    desk.charge()
    desk.run(4)
    desk.devices["1"].wh = 5_000
    desk.run(1)
    desk.tap()
    desk.rest()
    desk.poll("1")
    opened_ns = desk.now_ns
    desk.devices["1"].wh = 5_004  # drawn before the opening, shown by the meter only after its refresh
    desk.until(lambda: desk.outlet().phase == "finished")
    price = desk.effects(PriceSession)[-1]
    assert price.session.end_reading.mono_ns >= opened_ns + 1_000_000_000
    assert price.session.energy_wh == 4_004


def test_a_running_session_is_renewed_every_second(desk):
    desk.charge()
    desk.log.clear()
    desk.run(10)
    assert 9 <= len(desk.effects(RenewGrant)) <= 11


def test_nothing_closes_without_a_card(desk):
    desk.plug()
    desk.ask()
    desk.run(20)
    assert not desk.effects(CloseContactor) and not desk.effects(OfferCurrent)


def test_a_car_that_never_asks_is_never_closed_and_pays_nothing(desk):
    desk.plug()
    desk.tap()
    desk.run(10)
    assert not desk.effects(CloseContactor)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "vacant")
    assert desk.effects(PriceSession)[-1].session.energy_wh == 0


def test_a_new_card_after_the_end_starts_a_new_session(desk):
    desk.charge()
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: desk.outlet().phase == "finished")
    desk.run(4)
    desk.tap()
    desk.run(1)
    assert desk.outlet().phase == "ready"
    assert len({r["transactionInfo"]["transactionId"] for r in desk.rows("tx.event.v1")}) == 2


def test_the_screen_may_stop_a_session(desk):
    desk.charge()
    desk.feed(RequestReceived(request=Request(
        id="r1", origin=Origin.UI, action="session.stop", args={"evse_id": msgspec.Raw(b'"1"')})))
    assert desk.outlet().phase == "stopping"


def test_a_grant_that_does_not_pass_leaves_the_contactor_open(desk):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.grants = False
    desk.ask()
    desk.run(20)
    assert desk.effects(CloseContactor) and not desk.devices["1"].relay
    desk.unplug()
    desk.poll("1")
    assert desk.outlet().phase == "replug"
    assert desk.devices["1"].pilot is PilotState.A
