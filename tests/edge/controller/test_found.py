"""The state that a start finds: explained and left alone, or opened at once and named."""

import msgspec
import pytest
from core_desk import NS, Desk, plan
from restarts import restart

from edge.controller.effects import CloseContactor, OpenContactor
from edge.controller.events import OutletFound, SessionRestored, SessionSetAside, Started
from edge.controller.session import ChargingState
from edge.controller.state import initial


def boot_row(desk: Desk) -> dict:  # type: ignore[type-arg]
    return desk.rows("ev.boot.v1")[-1]


def named(desk: Desk) -> list[bool]:
    """Of each row of F208: whether it ended."""
    events = [e for r in desk.rows("ev.fault.v1") for e in r["eventData"]]
    return [e["cleared"] for e in events if e["techCode"] == "F208"]


def start(desk: Desk, **found: object) -> tuple:  # type: ignore[type-arg]
    """A start with nothing in the journal; returns the effects of `Started`."""
    desk.site, desk.boot = initial(desk.site.plan), desk.boot + 1
    desk.log.clear()
    desk.feed(OutletFound(evse_id="1", **found))  # type: ignore[arg-type]
    return desk.feed(Started(software="test"))


@pytest.mark.parametrize(("relay_on", "mirror"), [(True, True), (True, False), (True, None),
                                                  (False, True)])
def test_what_nothing_explains_is_opened_in_the_step_of_the_start_and_named(desk, relay_on, mirror):
    effects = start(desk, relay_on=relay_on, pi_mirror_closed=mirror)
    assert [e.urgent for e in effects if isinstance(e, OpenContactor)] == [True]
    assert named(desk) == [False], "recorded in that step"
    assert boot_row(desk)["customData"]["foundClosed"] == ["1"]
    desk.run(1)
    assert "F208@1" in desk.site.faults, "until a technician has seen it"
    desk.run(1)
    assert named(desk) == [False]


@pytest.mark.parametrize("mirror", [False, None])
def test_an_open_contactor_needs_no_explanation(desk, mirror):
    assert not [e for e in start(desk, relay_on=False, pi_mirror_closed=mirror)
                if isinstance(e, OpenContactor)]
    assert "foundClosed" not in boot_row(desk)["customData"]


def test_nothing_is_opened_before_the_journal_was_heard(desk):
    desk.charge()
    session = desk.outlet().session
    desk.site, desk.boot = initial(desk.site.plan), desk.boot + 1
    assert not desk.feed(OutletFound(evse_id="1", relay_on=True, pi_mirror_closed=True))
    assert not desk.feed(SessionRestored(session=session))
    assert not [e for e in desk.feed(Started(software="t")) if isinstance(e, OpenContactor)]
    desk.run(3)
    assert desk.outlet().phase == "charging" and "F208@1" not in desk.site.faults


def test_a_session_explains_its_own_outlet_only(desk):
    desk.charge()
    desk.devices["2"].relay = True
    restart(desk)
    assert [e.evse_id for e in desk.effects(OpenContactor)] == ["2"]
    assert "F208@2" in desk.site.faults and "F208@1" not in desk.site.faults


@pytest.mark.parametrize("state", [ChargingState.SUSPENDED_EVSE, ChargingState.EV_CONNECTED])
def test_a_contactor_on_its_way_is_opened_but_was_explained(desk, state):
    """Killed within the six seconds after X1, or between the record and the mirror."""
    desk.charge()
    for transaction, session in desk.sessions.items():
        desk.sessions[transaction] = msgspec.structs.replace(session, charging_state=state)
    restart(desk)
    assert desk.effects(OpenContactor) and "F208@1" not in desk.site.faults


def test_a_session_that_ended_explains_nothing(desk):
    desk.charge()
    for transaction, session in desk.sessions.items():
        desk.sessions[transaction] = msgspec.structs.replace(session, ended=session.began)
    restart(desk)
    assert desk.effects(OpenContactor) and "F208@1" in desk.site.faults


def test_with_a_replaced_card_a_running_contactor_is_unexplained_and_the_boot_says_so(desk):
    desk.charge()
    desk.sessions.clear()
    desk.kept.clear()
    restart(desk, epoch="00112233aabbccdd", journal_new=True)
    assert desk.effects(OpenContactor) and "F208@1" in desk.site.faults
    data = boot_row(desk)["customData"]
    assert data == {"vendorId": "org.forecourt", "epoch": "00112233aabbccdd", "journalNew": True,
                    "foundClosed": ["1"]}
    desk.run(20)
    assert not desk.devices["1"].relay and not desk.rows("tx.event.v1")


def test_the_boot_row_says_what_was_restored(desk):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    restart(desk, epoch="00112233aabbccdd")
    row = boot_row(desk)
    assert row["reason"] == "ApplicationReset"
    assert row["customData"]["sessions"] == [transaction] and row["customData"]["wear"] == 1
    restart(desk, mains_back=True)
    assert boot_row(desk)["reason"] == "PowerUp"


def test_a_session_set_aside_is_a_fault_of_the_journal_that_a_start_without_it_ends(desk):
    desk.feed(SessionSetAside(transaction_id="t1", error="cannot be read"))
    desk.feed(SessionSetAside(transaction_id="t2", error="cannot be priced"))
    fault = desk.site.faults["F602@sessions"]
    assert "t1" in fault.detail
    desk.charge()
    restart(desk)
    desk.run(12)
    assert "F602@sessions" not in desk.site.faults


@pytest.mark.parametrize("random", [0.0, 0.25, 0.999])
def test_after_mains_return_starts_are_spread_over_a_minute_by_the_random_number(random):
    desk = Desk(plan(2, fuse_a=63))
    desk.random = random
    for evse_id in ("1", "2"):
        desk.plug(evse_id)
    start_ns = desk.now_ns
    restart(desk, mains_back=True, away_s=0)
    first_ns = [o.not_before_ns - start_ns for o in desk.site.outlets.values()]
    assert abs(first_ns[0] - random * 60 * NS) < NS
    assert all(0 <= ns <= 60 * NS for ns in first_ns)
    assert abs(first_ns[0] - first_ns[1]) > 10 * NS
    desk.run(1)
    desk.tap(evse_ids=("1",))
    desk.ask()
    closed_after_s = desk.until(lambda: bool(desk.effects(CloseContactor)), limit_s=90) + 1
    assert first_ns[0] / NS <= closed_after_s <= first_ns[0] / NS + 8


def test_without_a_mains_return_nobody_waits(desk):
    desk.random = 0.9
    restart(desk)
    assert all(o.not_before_ns == 0 for o in desk.site.outlets.values())


def test_boards_that_all_start_anew_together_are_a_mains_return_one_alone_is_not(desk):
    desk.random = 0.5
    desk.run(1)
    desk.devices["1"].boot_count += 1
    desk.run(30)
    assert all(o.not_before_ns == 0 for o in desk.site.outlets.values())
    for device in desk.devices.values():
        device.boot_count += 1
    desk.run(0.2)
    assert all(o.not_before_ns > desk.now_ns for o in desk.site.outlets.values())


def test_a_single_outlet_whose_watchdog_bit_does_not_wait():
    desk = Desk(plan(1))
    desk.random = 0.5
    desk.run(1)
    desk.devices["1"].boot_count += 1
    desk.run(1)
    assert desk.outlet().not_before_ns == 0
