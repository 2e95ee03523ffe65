"""The table of a zone's offsets, against `zoneinfo` itself."""

import pytest
from looped import looped
from wall_oracle import ZONES, shown, turns

from edge.controller.wallclock import DAY_MIN, wall_at
from edge.station.zone import FROM_S, UNTIL_S, transitions


def wall_of(zone, utc_s):
    wall = shown(zone, utc_s)
    return wall.toordinal(), wall.hour * 60 + wall.minute


def core_of(table, utc_s):
    wall = wall_at(table, utc_s * 1000 + 999)
    assert 0 <= wall.minute < DAY_MIN
    return wall.day, wall.minute


@looped("zone", ZONES)
def test_the_wall_turns_in_the_very_second(zone):
    table = transitions(zone)
    assert [moment for moment, _ in table] == sorted({moment for moment, _ in table})
    for moment, _ in (one for one in table if one[0] < FROM_S + 3 * 366 * 86400):
        for utc_s in (moment - 1, moment, moment + 1):
            assert core_of(table, utc_s) == wall_of(zone, utc_s), utc_s


def test_a_zone_that_never_turns_has_one_offset_and_none_is_utc():
    assert transitions("Asia/Kathmandu") == ((FROM_S, 20_700),)
    assert core_of((), 0) == wall_of("UTC", 0) == core_of(transitions("UTC"), 0)
    assert core_of(((100, 3600), (200, 7200)), 0) == core_of(((100, 3600),), 0)  # before the first


def test_a_clock_that_is_far_off_shows_something():
    for utc_ms in (-10**15, 10**15):
        assert wall_at(((0, 50_400),), utc_ms).day > 0


@pytest.mark.stories
def test_every_turn_of_fifty_years_is_in_the_table():
    for zone in (*ZONES, "America/St_Johns", "Pacific/Chatham", "Asia/Gaza"):
        table = transitions(zone)
        for year in range(2025, 2076):
            for hour in turns(zone, year):
                for utc_s in (hour, hour + 1, hour + 1799, hour + 1800, hour + 3599, hour + 3600):
                    assert core_of(table, utc_s) == wall_of(zone, utc_s), (zone, utc_s)
        for utc_s in range(FROM_S, UNTIL_S, 3600 * 31 + 13):
            assert core_of(table, utc_s) == wall_of(zone, utc_s), (zone, utc_s)
