"""An EVSE that is kept for somebody."""

from core_desk import ANNA, BERT, Desk, plan
from restarts import restart

from edge.controller.clockwork import text
from edge.controller.idtoken import Role
from edge.controller.request import Origin

LATER = "2026-11-21T10:30:00Z"


def reserve(desk: Desk, **changes: object) -> str | None:
    args = {"id": "r1", "evse_id": "1", "token_ref": ANNA.ref, "until_utc": LATER} | changes
    return desk.request("reservation.set", Origin.SYNC, **args)


def status(desk: Desk) -> str:
    desk.run(0.2)
    return desk.outlet().status


def test_others_are_refused_and_whom_it_is_for_is_not():
    for who, mine in (({"token_ref": ANNA.ref}, {}),
                      ({"token_ref": None, "group_ref": "family"}, {"group_ref": "family"})):
        desk = Desk(plan(1))
        assert reserve(desk, **who) is None and status(desk) == "Reserved"
        desk.tap(BERT)
        assert desk.outlet().message == "card_reserved" and not desk.site.cards
        desk.plug()
        desk.tap(BERT, group_ref="others")
        assert desk.outlet().message == "card_reserved" and status(desk) == "Occupied"
        desk.tap(ANNA, **mine)
        assert desk.outlet().session.token.ref == ANNA.ref
        assert not desk.site.reservations and "reservation:r1" not in desk.kept, "it is used"


def test_a_technician_may_try_what_is_reserved_and_it_stays_so(desk):
    reserve(desk)
    desk.plug()
    desk.tap(BERT, role=Role.SERVICE)
    assert desk.outlet().session is not None and desk.site.reservations


def test_a_card_that_waits_is_given_elsewhere(desk):
    desk.tap(BERT)
    reserve(desk)
    desk.plug("1")
    assert desk.outlet("1").phase == "awaiting_card"
    desk.plug("2")
    assert desk.outlet("2").session.token.ref == BERT.ref


def test_it_ends_at_its_moment_to_the_tick_or_when_it_is_cancelled(desk):
    reserve(desk, until_utc="2026-11-21T09:57:40Z")
    desk.run(58)
    assert status(desk) == "Reserved"
    desk.run(1.5)
    assert status(desk) == "Available" and not desk.kept.get("reservation:r1")
    reserve(desk)
    assert desk.request("reservation.cancel", Origin.SYNC, id="r1") is None
    assert status(desk) == "Available"
    assert "nothing is reserved" in desk.request("reservation.cancel", id="r1")


def test_what_cannot_be_reserved_is_refused_by_name(desk):
    desk.plug("2")
    assert reserve(desk) is None and reserve(desk, until_utc="2026-11-21T11:00:00Z") is None
    for changes, word in (({"id": "r2"}, "reserved already"), ({"evse_id": "9"}, "expected one of"),
                          ({"token_ref": None}, "neither"), ({"until_utc": "soon"}, "ISO 8601"),
                          ({"until_utc": "2026-01-01T00:00:00Z"}, "has passed"),
                          ({"id": ""}, "characters"), ({"id": "r3", "evse_id": "2"}, "occupied")):
        assert word in reserve(desk, **changes), changes
    assert [*desk.site.reservations] == ["r1"]
    desk.request("reservation.cancel", id="r1")
    desk.request("availability.set", evse_id="1", operational=False)
    assert "out of service" in reserve(desk)


def test_it_is_kept_over_a_restart_and_ends_while_nobody_looked(desk):
    for mains_back in (False, True):
        for away_s in (60, 600):
            reserve(desk, until_utc=text(desk.utc_ms + desk.now_ns // 10**6 + 300_000))
            restart(desk, away_s=away_s, mains_back=mains_back)
            assert bool(desk.site.reservations) is (away_s == 60), (mains_back, away_s)
            assert ("reservation:r1" in desk.kept) is (away_s == 60)


def test_after_a_restart_of_the_computer_only_the_wall_clock_counts(desk):
    """Its monotonic clock begins anew: lower than before here, or higher by chance."""
    for away_s, passed_s, stays in ((-900, 600, False), (-900, 60, True), (3600, 60, True)):
        reserve(desk, until_utc=text(desk.utc_ms + desk.now_ns // 10**6 + 300_000))
        desk.utc_ms += (passed_s - away_s) * 1000
        restart(desk, away_s=away_s, mains_back=True)
        desk.run(0.2)
        assert bool(desk.site.reservations) is stays, (away_s, passed_s)
        desk.request("reservation.cancel", id="r1")


def test_with_a_clock_that_is_not_sure_it_lasts_a_day_at_most():
    for wall in (True, False):
        desk = Desk(plan(1))
        desk.clock_ok = False
        reserve(desk)
        desk.run(3000, step_s=500)
        assert desk.site.reservations, "half past ten may be yet to come"
        desk.clock_ok = wall
        restart(desk, away_s=1)
        assert bool(desk.site.reservations) is not wall
        desk.run(83_000, step_s=1000)
        assert bool(desk.site.reservations) is not wall
        desk.run(800, step_s=100)
        assert not desk.site.reservations
