"""Hours of a card by the clock on the wall, through both turns of the year."""

import random
from datetime import UTC, datetime

import pytest
from looped import looped
from wall_oracle import ZONES, is_open, shown, turns

from edge.controller.authorisation.windows import open_at
from edge.controller.idtoken import Window
from edge.controller.wallclock import Wall, wall_at
from edge.station.zone import transitions

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
STOCKHOLM = transitions("Europe/Stockholm")


def at(utc: str) -> Wall:
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    return wall_at(STOCKHOLM, int(moment.timestamp() * 1000))


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def window(times: str, *days: int) -> Window:
    first, _, last = times.partition("-")
    return Window(days=days or EVERY_DAY, from_min=clock(first), until_min=clock(last))


@looped("case", (
    ("08:00-17:00", "07:59", False), ("08:00-17:00", "08:00", True), ("08:00-17:00", "16:59", True),
    ("08:00-17:00", "17:00", False), ("22:00-06:00", "21:59", False), ("22:00-06:00", "22:00", True),
    ("22:00-06:00", "05:59", True), ("22:00-06:00", "06:00", False), ("00:00-24:00", "00:00", True),
    ("00:00-24:00", "23:59", True), ("00:00-00:00", "12:00", True), ("12:00-12:00", "11:59", True),
    ("23:59-24:00", "23:59", True), ("23:59-24:00", "00:00", False), ("00:00-00:01", "00:01", False)))
def test_a_window_begins_with_its_first_minute_and_ends_before_its_last(case):
    times, now, expected = case
    assert open_at((window(times),), Wall(day=739_576, minute=clock(now))) is expected


@looped("case", (
    # Monday 22:00 to Tuesday 06:00; whole days; Sunday night
    ("22:00-06:00", 1, "2026-11-23T21:30", True), ("22:00-06:00", 1, "2026-11-24T04:30", True),
    ("22:00-06:00", 1, "2026-11-23T04:30", False), ("22:00-06:00", 1, "2026-11-24T21:30", False),
    ("00:00-00:00", 2, "2026-11-23T23:00", True), ("00:00-00:00", 2, "2026-11-24T22:59", True),
    ("00:00-00:00", 2, "2026-11-24T23:00", False), ("10:00-10:00", 2, "2026-11-25T08:59", True),
    ("10:00-10:00", 2, "2026-11-25T09:00", False), ("10:00-10:00", 2, "2026-11-24T08:59", False),
    ("22:00-06:00", 7, "2026-11-23T04:59", True), ("22:00-06:00", 7, "2026-11-23T05:00", False)))
def test_a_night_belongs_to_the_day_on_which_it_begins(case):
    times, day, utc, expected = case
    assert open_at((window(times, day),), at(utc)) is expected


@looped("case", (
    # 2027-03-28: the wall goes from 01:59:59 to 03:00. 2026-10-25: from 02:59:59 back to 02:00.
    ("02:30-03:00", "2027-03-28T00:59:59", False), ("02:30-03:00", "2027-03-28T01:00:00", False),
    ("02:30-03:00", "2027-03-29T00:30:00", True), ("02:30-04:00", "2027-03-28T00:59:59", False),
    ("02:30-04:00", "2027-03-28T01:00:00", True), ("02:00-03:00", "2026-10-25T00:00:00", True),
    ("02:00-03:00", "2026-10-25T00:59:59", True), ("02:00-03:00", "2026-10-25T01:00:00", True),
    ("02:00-03:00", "2026-10-25T01:59:59", True), ("02:00-03:00", "2026-10-25T02:00:00", False),
    ("22:00-02:30", "2026-10-25T00:29:59", True), ("22:00-02:30", "2026-10-25T00:30:00", False),
    ("22:00-02:30", "2026-10-25T01:29:59", True), ("22:00-02:30", "2026-10-25T01:30:00", False)))
def test_the_hour_that_spring_skips_never_opens_and_autumns_counts_twice(case):
    times, utc, expected = case
    assert open_at((window(times),), at(utc)) is expected


def test_a_window_that_no_day_has_never_opens_and_any_of_several_does():
    impossible = (Window(days=EVERY_DAY, from_min=-1, until_min=1440),
                  Window(days=EVERY_DAY, from_min=1440, until_min=0),
                  Window(days=EVERY_DAY, from_min=0, until_min=1441),
                  Window(days=EVERY_DAY, from_min=60, until_min=-1),
                  Window(days=(), from_min=0, until_min=0),
                  Window(days=(0, 8), from_min=0, until_min=0))
    for day in range(739_570, 739_578):
        for minute in (0, 59, 720, 1439):
            wall = Wall(day=day, minute=minute)
            assert not any(open_at((one,), wall) for one in impossible) and not open_at((), wall)
            assert open_at((*impossible, window("00:00-00:00")), wall)


def drawn(dice: random.Random) -> Window:
    """Often at the edges that matter: midnight and the hours in which walls turn."""
    edges = (0, 30, 60, 90, 119, 120, 121, 150, 180, 181, 1380, 1410, 1439)
    from_min, until_min = (dice.choice((*edges, dice.randrange(1440))) for _ in range(2))
    days = tuple(day for day in EVERY_DAY if dice.random() < 0.6)
    return Window(days=days, from_min=from_min, until_min=dice.choice((until_min, 1440)))


def compare(zone: str, table, utc_s: int, dice: random.Random, windows: int) -> int:
    """How many were open."""
    wall, shows = wall_at(table, utc_s * 1000), shown(zone, utc_s)
    drawn_ = [drawn(dice) for _ in range(windows)]
    expected = [is_open(one, shows) for one in drawn_]
    assert [open_at((one,), wall) for one in drawn_] == expected, (zone, utc_s, drawn_)
    return sum(expected)


def test_windows_agree_with_the_calendar_around_the_turns_of_a_year():
    dice, opened, compared = random.Random(7), 0, 0
    for zone in ZONES:
        table = transitions(zone)
        for hour in (*turns(zone, 2027), int(datetime(2027, 6, 1, tzinfo=UTC).timestamp())):
            for utc_s in range(hour - 3600, hour + 3 * 3600, 367):
                opened += compare(zone, table, utc_s, dice, 2)
                compared += 2
    assert compared > 600 and compared / 5 < opened < compared * 4 / 5


@pytest.mark.stories
def test_windows_agree_with_the_calendar_in_every_minute_of_days_that_turn():
    dice = random.Random(8)
    for zone in ZONES:
        table = transitions(zone)
        for year in (2026, 2027, 2028):
            for hour in (*turns(zone, year), int(datetime(year, 2, 28, tzinfo=UTC).timestamp())):
                for utc_s in range(hour - 86_400, hour + 86_400, 60):
                    compare(zone, table, utc_s, dice, 1)
