"""Energy that was metered while no controller ran belongs to the session that it was drawn in, once."""

from itertools import pairwise

import msgspec
import pytest
from core_desk import ANNA, BERT, NS, Desk, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from restarts import restart

from edge.controller.effects import PriceSession, SaveSession
from edge.controller.session import Instant, Session


def prices(desk: Desk) -> dict[str, Session]:
    return {e.session.transaction_id: e.session for e in desk.effects(PriceSession)}


def finish(desk: Desk) -> Session:
    desk.run(4)
    desk.tap()
    desk.rest()
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    return desk.effects(PriceSession)[-1].session


def test_what_was_metered_meanwhile_is_the_sessions_and_marked_in_its_rows(desk):
    desk.charge()
    desk.run(60)
    last_wh = desk.outlet().session.last_wh
    desk.devices["1"].wh += 500
    restart(desk)
    desk.run(2)
    session = desk.outlet().session
    assert (session.down_wh, session.last_wh) == (500, last_wh + 500)
    desk.devices["1"].wh += 100
    billed = finish(desk)
    assert billed.energy_wh == 600 and billed.down_wh == 500
    ended = [r for r in desk.rows("tx.event.v1") if r["eventType"] == "Ended"]
    assert [r["customData"]["downWh"] for r in ended] == [500]


def test_each_time_without_a_controller_counts_once(desk):
    desk.charge()
    for _ in range(3):
        desk.devices["1"].wh += 100
        restart(desk)
        desk.run(2)
        restart(desk)
        desk.run(2)
    assert desk.outlet().session.down_wh == 300
    assert finish(desk).energy_wh == 300


def test_a_kill_before_the_difference_is_on_the_disk_does_not_double_it(desk):
    desk.charge()
    desk.devices["1"].wh += 100
    kept = dict(desk.sessions)
    restart(desk)
    desk.run(2)
    desk.sessions = kept  # the disk had not taken it
    restart(desk)
    desk.run(2)
    assert desk.outlet().session.down_wh == 100 and finish(desk).energy_wh == 100


def test_a_session_that_ends_by_the_power_loss_has_it_too(desk):
    desk.charge()
    desk.run(61)
    desk.devices["1"].wh += 250
    desk.devices["1"].boot_count += 1
    restart(desk)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    billed = desk.effects(PriceSession)[-1].session
    assert billed.stop_reason == "PowerLoss" and (billed.energy_wh, billed.down_wh) == (250, 250)


def test_without_such_energy_no_row_speaks_of_it_and_nothing_is_written(desk):
    desk.charge()
    desk.run(61)
    restart(desk)
    desk.run(1.5)
    session = desk.outlet().session
    assert session.down_wh == 0
    assert [e.session.saved.boot for e in desk.effects(SaveSession)] == [desk.boot]
    finish(desk)
    assert not any("downWh" in r.get("customData", {}) for r in desk.rows("tx.event.v1"))


def test_a_register_that_went_back_says_nothing_until_it_is_where_it_was(desk):
    desk.charge()
    desk.devices["1"].wh += 100
    desk.run(61)
    desk.devices["1"].wh -= 1
    restart(desk)
    desk.run(2)
    assert desk.outlet().session.down_wh == 0
    desk.devices["1"].wh += 51
    desk.run(2)
    assert desk.outlet().session.down_wh == 50


@pytest.mark.parametrize(("away_s", "same_computer", "phase"), [
    (3000, True, "charging"), (3700, True, "finished"),
    (3000, False, "charging"), (3700, False, "finished")])
def test_a_session_that_was_last_seen_too_long_ago_does_not_go_on(desk, away_s, same_computer, phase):
    desk.charge()
    restart(desk, away_s=away_s, mains_back=not same_computer)
    desk.run(5)
    assert desk.outlet().phase == phase


def test_without_a_clock_the_board_vouches_for_the_car(desk):
    desk.charge()
    desk.clock_ok = False
    restart(desk, away_s=9000, mains_back=True)
    desk.run(3)
    assert desk.outlet().phase == "charging"


def test_a_session_in_which_nothing_happened_for_hours_goes_on_after_a_restart(desk):
    desk.plug()
    desk.tap()
    desk.run(2)
    before = desk.outlet().session.transaction_id
    for _ in range(2 * 3600 // 5):
        desk.now_ns += 5 * NS
        desk.poll("1")
        desk.read("1")
    restart(desk)
    desk.run(1)
    assert desk.outlet().session.transaction_id == before
    assert not [r for r in desk.rows("tx.event.v1") if r["eventType"] == "Ended"]


def test_a_closed_session_was_used_as_long_as_it_was_seen(desk):
    desk.charge()
    desk.run(61)
    saved = desk.outlet().session.saved
    desk.devices["1"].boot_count += 1
    restart(desk, away_s=600)
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    ended = desk.effects(PriceSession)[-1].session.ended
    assert isinstance(ended, Instant) and ended.utc == saved.utc


STORIES = st.lists(st.tuples(
    st.sampled_from(["run", "kill", "kill away", "power cut", "tap", "rest", "ask", "swap", "leave"]),
    st.integers(1, 12)), min_size=1, max_size=14)


@pytest.mark.stories
@settings(derandomize=True, deadline=None, max_examples=40)
@given(STORIES)
def test_consecutive_sessions_own_every_wh_once(story):
    """The register moves whenever the contactor is closed, controller or not."""
    desk = Desk(plan(1))
    device = desk.devices["1"]
    began_wh, billed = device.wh, {}
    tokens = [ANNA, BERT]

    def live(seconds: float, *, controller: bool = True) -> None:
        for _ in range(round(seconds / 0.5)):
            if device.closed:
                device.wh += 7
            if controller:
                desk.run(0.5)
            else:
                desk.now_ns += NS // 2
            billed.update(prices(desk))

    def kill(away_s: float) -> None:
        live(away_s, controller=False)
        restart(desk, away_s=0)

    desk.charge()
    for what, n in story:
        if what == "run":
            live(n)
        elif what in ("kill", "kill away"):
            kill(0.5 if what == "kill" else 3.0 * n)
        elif what == "power cut":
            device.permit = device.relay = device.pwm_on = False
            device.offered_a, device.boot_count = 0.0, device.boot_count + 1
            kill(n)
        elif what == "tap":
            desk.tap(tokens[n % 2])
        elif what == "rest":
            desk.rest()
        elif what == "ask":
            desk.ask()
        elif what == "swap":  # seen by nobody
            device.permit = False
            device.plug_seq += 1
            kill(n)
        elif what == "leave":
            desk.unplug()
            live(1)
            desk.plug()
        live(1)
    desk.unplug()
    live(30)
    assert desk.outlet().session is None and desk.outlet().restored is None and not desk.sessions
    assert not device.closed
    owned = sorted((s.start_reading.energy_import_wh, s.end_reading.energy_import_wh)
                   for s in billed.values() if s.start_reading is not None)
    assert sum(end - start for start, end in owned) == device.wh - began_wh, owned
    assert all(a[1] <= b[0] for a, b in pairwise(owned)), "none owned twice"
    assert sum(s.energy_wh for s in billed.values()) == device.wh - began_wh
    assert all(0 <= s.down_wh <= s.energy_wh for s in billed.values())


def test_what_is_kept_can_be_read_by_the_next_start(desk):
    desk.charge()
    for session in desk.sessions.values():
        assert msgspec.json.decode(msgspec.json.encode(session), type=Session) == session
