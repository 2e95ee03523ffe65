"""When the cloud was last there: noted once an hour by a clock to trust, and kept over restarts."""

import msgspec
from core_desk import Desk, plan
from restarts import restart

from edge.controller.clockwork import text
from edge.controller.events import CloudSeen
from edge.controller.idtoken import Level
from edge.controller.state import CardList

DAY_MS = 86_400_000


def seen(desk: Desk, *, connected: bool = True) -> None:
    desk.feed(CloudSeen(connected=connected, last_ack_age_s=None, pending={}))


def kept(desk: Desk) -> str | None:
    body = desk.kept.get("cards:contact")
    return None if body is None else msgspec.json.decode(body)


def test_contact_is_kept_once_an_hour_and_by_a_clock_to_trust_alone(desk):
    desk.clock_ok = False
    seen(desk)
    assert desk.site.contact_utc is None and kept(desk) is None
    desk.clock_ok = True
    seen(desk, connected=False)
    assert desk.site.contact_utc is None
    noted = []
    for minute in range(0, 130, 10):
        seen(desk)
        if not noted or kept(desk) != noted[-1][1]:
            noted.append((minute, kept(desk)))
        desk.utc_ms += 600_000
    assert [minute for minute, _ in noted] == [0, 60, 120]
    assert desk.site.contact_utc == noted[-1][1]


def test_a_clock_that_was_set_back_does_not_leave_a_contact_in_the_future(desk):
    seen(desk)
    before = kept(desk)
    desk.utc_ms -= DAY_MS
    seen(desk)
    assert kept(desk) < before


def test_a_week_without_the_cloud_and_a_restart_the_age_still_counts_from_its_last_word():
    desk = Desk(plan())
    seen(desk)
    seen(desk, connected=False)
    began_ms = desk.utc_ms
    for days, taken in ((7, True), (29, True), (31, False)):
        desk.utc_ms = began_ms + days * DAY_MS
        restart(desk)
        desk.site = msgspec.structs.replace(desk.site, card_list=CardList(version=3, tokens=9))
        desk.run(1)
        desk.tap(evse_ids=("1",))
        assert (len(desk.site.cards) == 1) is taken, days
        assert taken or desk.outlet().message == "card_offline"


def test_a_list_of_a_day_to_come_is_not_young_for_ever():
    """Its maker's clock was wrong. By a clock that is behind, every list is of a day to come."""
    for ahead_days, clock_ok, level, taken in ((0.5, True, 0, True), (400, True, 0, False),
                                               (400, True, 3, True), (400, False, 0, True)):
        desk = Desk(plan())
        desk.clock_ok = clock_ok
        confirmed = text(desk.utc_ms + round(ahead_days * DAY_MS))
        desk.site = msgspec.structs.replace(
            desk.site, card_list=CardList(version=3, tokens=9, confirmed_utc=confirmed))
        desk.tap(evse_ids=("1",), level=Level(level))
        assert (len(desk.site.cards) == 1) is taken, (ahead_days, clock_ok, level)
