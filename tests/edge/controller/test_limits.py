"""Limits from outside: down at once, up every 5 s at most, named, forgotten in time."""

import msgspec
import pytest
from core_desk import NS, Desk
from restarts import restart

from edge.controller.effects import CloseContactor, Keep, LowerCurrent, OfferCurrent, OpenContactor
from edge.controller.events import LimitRestored
from edge.controller.state import Limit


def offers(desk: Desk) -> list[tuple[float, str]]:
    return [(e.current_a, e.because) for e in desk.log if isinstance(e, OfferCurrent | LowerCurrent)]


@pytest.mark.parametrize("where", ["1", "row-a", "grid"])
def test_a_limit_falls_at_once_and_rises_no_sooner_than_after_5_s(desk, where):
    desk.charge()
    desk.devices["1"].current_a = 6.0
    desk.run(6)
    desk.log.clear()
    assert desk.request("limit.set", where=where, current_a=31, because="grid operator") is None
    assert offers(desk) == [(31.0, "limit:grid operator")]
    assert desk.request("limit.set", where=where, current_a=10, because="grid operator") is None
    assert desk.outlet().offer.current_a == 10
    lowered_ns = desk.now_ns
    desk.request("limit.set", where=where, current_a=20, because="grid operator")
    desk.until(lambda: desk.outlet().offer.current_a == 20, 6)
    raised_ns = desk.now_ns
    desk.request("limit.set", where=where, current_a=None)
    desk.until(lambda: desk.outlet().offer.current_a == 32, 6)
    assert desk.now_ns - raised_ns >= 5 * NS and desk.now_ns > lowered_ns
    assert desk.outlet().offer.because == "evse" and desk.outlet().phase == "charging"
    assert desk.site.limits == {} and desk.outlet().limit is None


def test_no_current_before_means_no_charge_until_it_is_back(desk):
    desk.request("limit.set", where="row-a", current_a=0, because="grid")
    desk.plug()
    desk.tap()
    desk.ask()
    desk.run(10)
    assert not desk.effects(CloseContactor) and not desk.effects(OfferCurrent)
    assert desk.outlet().offer.because == "limit:grid"
    desk.rest()
    desk.request("limit.set", where="row-a", current_a=16, because="grid")
    desk.until(lambda: desk.devices["1"].pwm_on, 5)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", 5)
    assert desk.outlet().offer.current_a == 16


@pytest.mark.parametrize("current_a", [0, 5.9])
def test_less_than_6_a_pauses_in_order_and_the_same_transaction_goes_on(desk, current_a):
    desk.charge()
    transaction = desk.outlet().session.transaction_id
    desk.log.clear()
    desk.request("limit.set", where="1", current_a=current_a, because="grid")
    assert desk.outlet().phase == "pausing" and not desk.effects(OpenContactor)
    desk.until(lambda: desk.outlet().phase == "paused", 6.3)
    assert not desk.effects(OpenContactor)[0].urgent
    desk.run(5)
    assert desk.outlet().session.charging_state == "SuspendedEVSE"
    assert desk.outlet().offer.because == "limit:grid"
    desk.rest()
    desk.request("limit.set", where="1", current_a=None)
    desk.until(lambda: desk.devices["1"].pwm_on, 10)
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "charging", 5)
    assert desk.outlet().session.transaction_id == transaction


def test_a_limit_with_a_time_ends_with_it(desk):
    desk.charge()
    desk.devices["1"].current_a = 6.0
    desk.run(6)
    desk.request("limit.set", where="1", current_a=8, because="peak", ttl_s=30)
    desk.request("limit.set", where="grid", current_a=40, because="peak", ttl_s=30)
    desk.run(29)
    assert desk.outlet().offer.current_a == 8
    desk.run(3)
    assert desk.outlet().offer.current_a == 32 and not desk.site.limits


def test_a_circuits_limit_is_shared_and_the_tightest_of_all_is_named(desk):
    desk.request("limit.set", where="row-a", current_a=20, because="grid")
    desk.charge("1")
    desk.devices["1"].current_a = 6.0
    desk.plug("2")
    desk.tap(msgspec.structs.replace(desk.outlet().session.token, ref="b" * 32), evse_ids=("2",))
    desk.run(12)
    assert (desk.outlet("1").offer.current_a, desk.outlet("2").offer.current_a) == (10.0, 10.0)
    desk.request("limit.set", where="2", current_a=7, because="peak")
    desk.run(12)
    assert (desk.outlet("1").offer.current_a, desk.outlet("1").offer.because) == (13.0, "limit:grid")
    assert (desk.outlet("2").offer.current_a, desk.outlet("2").offer.because) == (7.0, "limit:peak")


@pytest.mark.parametrize(("args", "words"), [
    ({"current_a": 16}, "where: got None"),
    ({"where": "nowhere", "current_a": 16}, "where: got 'nowhere', expected one of 1, 2, grid, row-a"),
    ({"where": "1"}, "current_a: expected"),
    ({"where": "1", "current_a": "16"}, "current_a: expected"),
    ({"where": "1", "current_a": -1}, "current_a: got -1"),
    ({"where": "1", "current_a": 16, "ttl_s": 0}, "ttl_s: expected"),
    ({"where": "1", "current_a": 16, "ttl_s": 1e12}, "ttl_s: expected"),
    ({"where": "1", "current_a": 16, "ttl_s": "x"}, "ttl_s: expected"),
])
def test_what_is_no_limit_is_refused_and_changes_nothing(desk, args, words):
    before = desk.site.outlets
    assert desk.request("limit.set", **args).startswith(words)
    assert desk.outlet().limit is None and not desk.site.limits and desk.site.outlets == before


def test_a_limit_is_still_in_force_after_a_restart(desk):
    desk.request("limit.set", where="1", current_a=10, because="grid operator")
    desk.request("limit.set", where="grid", current_a=8, because="peak")
    desk.charge()
    assert desk.outlet().offer.current_a == 8
    for mains_back in (False, True):
        restart(desk, mains_back=mains_back)
        desk.run(20)
        assert desk.outlet().phase == "charging" and desk.outlet().offer.current_a == 8
        assert not [a for a, _ in offers(desk) if a > 8]
    desk.request("limit.set", where="grid", current_a=None)
    desk.run(6)
    assert (desk.outlet().offer.current_a, desk.outlet().offer.because) == (10, "limit:grid operator")
    desk.request("limit.set", where="1", current_a=None)
    assert not [key for key in desk.kept if key.startswith("limit:")]
    restart(desk)
    desk.run(10)
    assert desk.outlet().offer.current_a == 32


@pytest.mark.parametrize("mains_back", [False, True])
@pytest.mark.parametrize("where", ["1", "grid"])
def test_the_time_of_a_limit_goes_on_over_a_restart(desk, where, mains_back):
    desk.charge()
    desk.request("limit.set", where=where, current_a=8, because="peak", ttl_s=60)
    restart(desk, away_s=20, mains_back=mains_back)
    desk.run(39)
    assert desk.outlet().offer.current_a == 8
    desk.run(8)
    assert desk.outlet().offer.current_a == 32 and f"limit:{where}" not in desk.kept


def test_the_time_of_a_limit_waits_for_a_clock_to_trust(desk):
    desk.charge()
    desk.request("limit.set", where="1", current_a=8, because="peak", ttl_s=60)
    desk.clock_ok = False
    restart(desk, away_s=100, mains_back=True)
    desk.run(60)
    assert desk.outlet().offer.current_a == 8
    desk.clock_ok = True
    desk.run(1)
    assert desk.outlet().offer.current_a == 32


def test_where_no_clock_can_tell_a_limit_stays_until_it_is_changed(desk):
    desk.charge()
    desk.clock_ok = False
    desk.request("limit.set", where="1", current_a=8, because="peak", ttl_s=60)
    restart(desk, mains_back=True)
    desk.clock_ok = True
    desk.run(100)
    assert desk.outlet().offer.current_a == 8
    desk.request("limit.set", where="1", current_a=None)
    desk.run(6)
    assert desk.outlet().offer.current_a == 32


def test_a_limit_that_is_set_again_is_written_once(desk):
    for _ in range(20):
        desk.request("limit.set", where="grid", current_a=40, because="peak")
    assert len([e for e in desk.effects(Keep) if e.key == "limit:grid"]) == 1


def test_a_limit_of_what_left_the_site_is_forgotten(desk):
    desk.feed(LimitRestored(where="nowhere", limit=Limit(current_a=6, because="limit")))
    assert not desk.site.limits
