"""Faults of the computer: disk, journal, clock."""

import pytest
from core_desk import Desk
from watching import faults, jump, site

from edge.controller.effects import OpenContactor, WithdrawOffer
from edge.controller.events import CommitsTimed, DiskSeen, JournalHurt

LOW, FULL = 500_000_000, 50_000_000


def free(desk: Desk, free_bytes: int) -> set[str]:
    desk.feed(DiskSeen(free_bytes=free_bytes, total_bytes=10**10))
    return set(faults(desk))


@pytest.mark.parametrize(("story", "found"), [
    ([LOW], set()), ([LOW - 1], {"F603"}), ([FULL], {"F603"}), ([FULL - 1], {"F603", "F604"}),
    ([0], {"F603", "F604"}),
    ([LOW - 1, LOW + 1], {"F603"}), ([LOW - 1, LOW * 6 // 5], set()),
    ([FULL - 1, FULL + 1], {"F603", "F604"}), ([FULL - 1, FULL * 6 // 5], {"F603"}),
])
def test_a_disk_that_fills_up_is_told_twice_and_ends_with_some_room_to_spare(story, found):
    desk = Desk(site(2))
    assert [free(desk, left) for left in story][-1] == found


def test_a_full_disk_stops_every_outlet_in_order_and_a_low_one_none():
    desk = Desk(site(2))
    desk.charge()
    desk.log.clear()
    free(desk, LOW - 1)
    assert not desk.effects(WithdrawOffer)
    free(desk, FULL - 1)
    assert faults(desk)["F604"].evse_ids == ("1", "2")
    assert desk.effects(WithdrawOffer) and not desk.effects(OpenContactor)


@pytest.mark.parametrize(("story_ms", "stands"), [
    ([], False), ([500], False), ([501], True), ([501, 251], True), ([501, 250], False),
    ([250, 499], False)])
def test_a_journal_that_becomes_slow_is_told_until_it_is_twice_as_quick(story_ms, stands):
    desk = Desk(site(1))
    desk.charge()
    for typical_ms in story_ms:
        desk.feed(CommitsTimed(typical_ms=typical_ms, commits=20))
    assert ("F607" in faults(desk)) is stands and desk.outlet().phase == "charging"


def test_a_damaged_journal_is_told_and_stops_nobody():
    desk = Desk(site(1))
    desk.charge()
    desk.feed(JournalHurt(error="page 7"))
    assert faults(desk)["F602"].detail == "page 7" and desk.outlet().phase == "charging"


def test_a_clock_that_is_not_known_a_minute_after_the_start_is_told():
    desk = Desk(site(1))
    desk.run(1)
    desk.clock_ok = False
    jump(desk, 0.5)
    jump(desk, 59.5)
    assert "F605" not in faults(desk)
    jump(desk, 1)
    assert "F605" in faults(desk)
    desk.clock_ok = True
    jump(desk, 0.5)
    assert "F605" not in faults(desk)
