"""One outlet's driver: taking power never waits, granting looks again before the relay moves."""

import asyncio

import pytest
from fake_outlet import FakeBoard, FakeContactor, Tasks, until
from virtual_time import now_ns, virtual

from edge.controller.events import BoardLost, Event, OutletSeen
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.trouble import DeviceTimeout
from edge.outlet.settings import BoardSettings
from edge.station.outlet_driver import CLOCK_S, OPEN_TRIES, OutletDriver

SETTINGS = BoardSettings(failsafe_a=6.0)


class Outlet:
    """A driver between its fakes; `log` is what its devices were told, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.board, self.contactor, self.tasks = FakeBoard(self.log), FakeContactor(self.log), Tasks()
        self.events: list[tuple[float, Event]] = []
        self.utc_s: int | None = None
        self.driver = OutletDriver(
            "1", self.board, self.contactor, settings=SETTINGS, clock_ns=now_ns,
            utc_s=lambda: self.utc_s, spawn=self.tasks.spawn,
            hand_in=lambda event: self.events.append((now_ns() / 1e9, event)))


@virtual
async def test_opening_drops_the_relay_in_the_call_and_revokes_until_the_board_understands():
    outlet = Outlet()
    outlet.contactor.on = True
    outlet.board.fails = 3
    outlet.driver.open("test")
    assert outlet.log == ["relay off"]
    await until(lambda: "revoke" in outlet.log)
    assert not outlet.contactor.on and not outlet.tasks.failures


@pytest.mark.parametrize("pi_first", [False, True])
@pytest.mark.parametrize("urgent", [True, False])
@virtual
async def test_a_relay_that_does_not_obey_keeps_nobody_from_telling_the_board(urgent, pi_first):
    outlet = Outlet()
    outlet.contactor.on = outlet.contactor.unwritable = outlet.board.permit = True
    outlet.board.pi_first = pi_first
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.driver.open("test", urgent=urgent)
    await until(lambda: not outlet.board.permit)
    await asyncio.sleep(1)
    assert outlet.log == ["revoke"] and not outlet.tasks.failures
    assert outlet.events[-1][1].relay_on
    running.cancel()


@virtual
async def test_an_opening_in_order_lets_the_board_go_first_unless_it_is_the_turn_of_the_pi():
    for pi_first, order in ((False, ["revoke", "relay off"]), (True, ["relay off", "revoke"])):
        outlet = Outlet()
        outlet.contactor.on = outlet.board.permit = True
        outlet.board.pi_first = pi_first
        running = asyncio.ensure_future(outlet.driver.run())
        await asyncio.sleep(1)
        outlet.driver.open("test", urgent=False)
        await asyncio.sleep(1)
        assert outlet.log == order
        running.cancel()


@virtual
async def test_a_board_that_has_opened_already_was_first_whoever_has_the_turn():
    outlet = Outlet()
    outlet.contactor.on = outlet.board.pi_first = outlet.board.permit = True
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.board.permit = False
    await until(lambda: not outlet.events[-1][1].board.permit)
    outlet.driver.open("test", urgent=False)
    await asyncio.sleep(1)
    assert outlet.log == ["revoke", "relay off"]
    running.cancel()


@pytest.mark.parametrize(("told_after_s", "off_after_s"), [(0.0, 0.3), (0.7, 0.2), (2.0, 0.0)])
@virtual
async def test_the_relay_follows_a_board_that_is_stuck_300_ms_later_and_1_s_after_permit_at_most(
        told_after_s, off_after_s):
    outlet = Outlet()
    outlet.contactor.on = outlet.board.permit = outlet.board.mirror_closed = True
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.board.permit = False
    fell_s = now_ns() / 1e9
    await until(lambda: not outlet.events[-1][1].board.permit)
    await asyncio.sleep(told_after_s)
    told_s = now_ns() / 1e9
    outlet.driver.open("car at rest", urgent=False)
    await until(lambda: not outlet.contactor.on)
    took_s = now_ns() / 1e9 - told_s
    assert off_after_s - 0.12 <= took_s <= off_after_s + 0.02
    assert took_s <= 0.3 + 1e-6 and (told_after_s > 1 or now_ns() / 1e9 - fell_s <= 1.0)
    running.cancel()


@pytest.mark.parametrize("what", ["pilot A", "pilot E", "pilot F", "pilot ?", "fault", "silence"])
@virtual
async def test_a_relay_that_waits_for_the_contacts_drops_as_soon_as_anything_is_wrong(what):
    outlet = Outlet()
    outlet.contactor.on = outlet.board.permit = outlet.board.mirror_closed = True
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.board.permit = False
    await until(lambda: not outlet.events[-1][1].board.permit)
    outlet.driver.open("car at rest", urgent=False)
    await asyncio.sleep(0.1)
    assert outlet.contactor.on
    if what == "fault":
        outlet.board.faults = (BoardFault.RCD,)
    elif what == "silence":
        outlet.board.silent = True
    else:
        outlet.board.pilot = PilotState(what[-1])
    wrong_s = now_ns() / 1e9
    await until(lambda: not outlet.contactor.on)
    assert now_ns() / 1e9 - wrong_s <= 0.05
    running.cancel()


@virtual
async def test_nothing_delays_an_urgent_opening_while_the_relay_waits_for_the_contacts():
    outlet = Outlet()
    outlet.contactor.on = outlet.board.permit = outlet.board.mirror_closed = True
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.board.permit = False
    await until(lambda: not outlet.events[-1][1].board.permit)
    outlet.driver.open("car at rest", urgent=False)
    await asyncio.sleep(0.1)
    outlet.driver.open("unplugged")
    assert not outlet.contactor.on
    running.cancel()


@virtual
async def test_nothing_delays_an_urgent_opening_that_comes_while_one_in_order_waits():
    outlet = Outlet()
    outlet.contactor.on = outlet.board.permit = True
    outlet.board.mirror_closed = True  # its channel is stuck
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.driver.open("test", urgent=False)
    await asyncio.sleep(0.1)
    assert outlet.log == ["revoke"] and outlet.contactor.on
    outlet.driver.open("unplugged")
    assert not outlet.contactor.on
    running.cancel()


@virtual
async def test_a_revocation_that_an_opening_in_order_lost_is_repeated():
    outlet = Outlet()
    outlet.contactor.on = True
    outlet.board.fails = 2
    outlet.driver.open("test", urgent=False)
    await asyncio.sleep(1)
    assert outlet.log == ["relay off", "revoke"]


@virtual
async def test_closing_waits_for_an_opening_in_order_to_end():
    outlet = Outlet()
    outlet.contactor.on = outlet.board.permit = outlet.board.mirror_closed = True
    outlet.driver.open("test", urgent=False)
    await asyncio.sleep(0.01)
    await outlet.driver.close(16, 5, lambda: True)
    assert outlet.log == ["revoke", "relay off", "grant 16", "relay on"]


@virtual
async def test_a_board_that_is_dead_does_not_keep_the_driver_trying_for_ever():
    outlet = Outlet()
    outlet.board.silent = True
    outlet.driver.open("test")
    await asyncio.sleep(10)
    assert outlet.board.fails == -OPEN_TRIES and not outlet.tasks.failures


@pytest.mark.parametrize("failed", ["lower", "withdraw"])
@virtual
async def test_an_older_word_on_the_offer_is_not_repeated_over_a_newer_one(failed):
    outlet = Outlet()
    outlet.board.fails = 1
    if failed == "lower":
        outlet.driver.lower(16)
    else:
        outlet.driver.withdraw()
    await asyncio.sleep(0.03)  # it failed and waits for its second try
    if failed == "lower":
        outlet.driver.withdraw()
    else:
        await outlet.driver.offer(10)
    await asyncio.sleep(1)
    assert outlet.log == (["withdraw"] if failed == "lower" else ["offer 10"])


@virtual
async def test_closing_asks_the_board_first_and_the_relay_follows():
    outlet = Outlet()
    await outlet.driver.close(16, 5, lambda: True)
    assert outlet.log == ["grant 16", "relay on"]


@virtual
async def test_a_close_that_nobody_wants_after_the_grant_frame_revokes_and_never_moves_the_relay():
    outlet = Outlet()
    outlet.board.gates["grant"] = gate = asyncio.Event()
    wanted = True
    closing = asyncio.ensure_future(outlet.driver.close(16, 5, lambda: wanted))
    await asyncio.sleep(0.1)
    wanted = False
    gate.set()
    await closing
    await until(lambda: "revoke" in outlet.log)
    assert "relay on" not in outlet.log and not outlet.board.permit


@pytest.mark.parametrize("wanted", [True, False])
@virtual
async def test_a_grant_without_an_answer_leaves_the_relay_off(wanted):
    outlet = Outlet()
    outlet.board.fails = 1
    with pytest.raises(DeviceTimeout):
        await outlet.driver.close(16, 5, lambda: wanted)
    await asyncio.sleep(1)
    assert not outlet.contactor.on and "relay on" not in outlet.log
    assert ("revoke" in outlet.log) is not wanted, "it may have been heard all the same"


@virtual
async def test_a_renewal_whose_frame_is_lost_is_sent_again_at_once_and_no_more():
    outlet = Outlet()
    outlet.board.fails = 1
    outlet.driver.renew(16, 5)
    await asyncio.sleep(0.05)
    assert outlet.log == ["renew 16"]
    outlet.board.fails = 2
    outlet.driver.renew(16, 5)
    await asyncio.sleep(0.5)
    assert outlet.log == ["renew 16"] and not outlet.tasks.failures


@virtual
async def test_a_renewal_or_acknowledgement_that_fails_is_no_failure_of_the_station():
    outlet = Outlet()
    outlet.board.silent = True
    outlet.driver.renew(16, 5)
    outlet.driver.acknowledge(7)
    outlet.driver.wake(4)
    await asyncio.sleep(1)
    assert not outlet.tasks.failures and outlet.board.fails == -4  # the renewal twice


@virtual
async def test_a_car_is_woken_once_and_no_older_offer_is_repeated_after_it():
    outlet = Outlet()
    outlet.board.fails = 1
    outlet.driver.lower(16)
    await asyncio.sleep(0.03)  # it failed and waits for its second try
    outlet.driver.wake(2.5)
    await asyncio.sleep(1)
    assert outlet.log == ["wake 2500"]


@virtual
async def test_it_reports_every_second_and_every_change_at_once():
    outlet = Outlet()
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(4.5)
    assert len(outlet.events) == 5
    outlet.contactor.on = True
    changed_at = now_ns() / 1e9
    await asyncio.sleep(0.3)
    at, event = outlet.events[5]
    assert isinstance(event, OutletSeen) and event.relay_on and at - changed_at < 0.15
    running.cancel()


@virtual
async def test_an_opening_is_reported_with_the_next_poll_whatever_was_reported_before():
    outlet = Outlet()
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1.25)
    count = len(outlet.events)
    outlet.driver.open("test")
    await asyncio.sleep(0.15)
    assert len(outlet.events) == count + 1
    running.cancel()


@virtual
async def test_a_silent_board_is_lost_after_three_seconds_and_says_where_the_relay_stands():
    outlet = Outlet()
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    outlet.contactor.on, outlet.board.silent = True, True
    silent_at = now_ns() / 1e9
    await until(lambda: isinstance(outlet.events[-1][1], BoardLost))
    at, event = outlet.events[-1]
    assert isinstance(event, BoardLost) and event.relay_on and 2.8 < at - silent_at < 3.3
    await asyncio.sleep(5)
    assert 4 <= sum(isinstance(e, BoardLost) for _, e in outlet.events) <= 7, "once a second"
    outlet.board.silent = False
    await until(lambda: isinstance(outlet.events[-1][1], OutletSeen))
    running.cancel()


@virtual
async def test_every_start_of_a_board_gets_its_settings():
    outlet = Outlet()
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    assert outlet.board.settings == [SETTINGS]
    outlet.board.boot_count = 2
    await asyncio.sleep(1)
    assert outlet.board.settings == [SETTINGS, SETTINGS]
    running.cancel()


@virtual
async def test_a_board_is_told_the_time_after_each_start_and_hourly_but_only_a_time_to_believe():
    outlet = Outlet()
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(10)
    assert not outlet.board.told_utc_s
    outlet.utc_s = 1_800_000_000
    await asyncio.sleep(10)
    assert len(outlet.board.told_utc_s) == 1
    outlet.board.boot_count = 2
    await asyncio.sleep(10)
    assert len(outlet.board.told_utc_s) == 2
    await asyncio.sleep(CLOCK_S)
    assert len(outlet.board.told_utc_s) == 3
    running.cancel()


@virtual
async def test_lines_that_cannot_be_read_are_unknown_and_end_nothing():
    outlet = Outlet()
    outlet.contactor.unreadable = True
    running = asyncio.ensure_future(outlet.driver.run())
    await asyncio.sleep(1)
    assert not running.done()
    seen = outlet.events[-1][1]
    assert isinstance(seen, OutletSeen)
    assert seen.pi_mirror_closed is None and seen.relay_on
    outlet.board.silent = True
    await asyncio.sleep(5)
    lost = outlet.events[-1][1]
    assert isinstance(lost, BoardLost)
    assert lost.pi_mirror_closed is None and lost.relay_on
    outlet.board.silent = outlet.contactor.unreadable = False
    await asyncio.sleep(1)
    seen = outlet.events[-1][1]
    assert isinstance(seen, OutletSeen)
    assert seen.pi_mirror_closed is False and not seen.relay_on
    running.cancel()


@virtual
async def test_a_grant_that_is_under_way_when_the_controller_ends_closes_nothing():
    outlet = Outlet()
    outlet.board.gates["grant"] = asyncio.Event()
    closing = asyncio.ensure_future(outlet.driver.close(16, 5, lambda: True))
    await asyncio.sleep(1)
    outlet.driver.make_safe()
    outlet.board.gates["grant"].set()
    await closing
    await until(lambda: not outlet.board.permit)
    assert "relay on" not in outlet.log and not outlet.contactor.on
