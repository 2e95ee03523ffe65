"""What a clock on the wall shows and what follows, by `zoneinfo` and calendar dates: another way than
the core's, which has a table of offsets and numbers of days.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from edge.controller.idtoken import Per, Window

#: Half an hour, none at all, a zone that turns back for Ramadan, and both sides of the Atlantic.
ZONES = ("Europe/Stockholm", "Europe/London", "America/New_York", "Australia/Lord_Howe",
         "Asia/Kathmandu", "Africa/Casablanca")


def shown(zone: str, utc_s: int) -> datetime:
    """What the wall shows, without a zone."""
    return datetime.fromtimestamp(utc_s, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def is_open(window: Window, wall: datetime) -> bool:
    """By the two windows that can be open: that of today and that of yesterday."""
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        begins = datetime(day.year, day.month, day.day) + timedelta(minutes=window.from_min)
        ends = datetime(day.year, day.month, day.day) + timedelta(minutes=window.until_min)
        if window.until_min <= window.from_min:
            ends += timedelta(days=1)
        if day.isoweekday() in window.days and begins <= wall < ends:
            return True
    return False


def period(per: Per, wall: datetime) -> str:
    """By the ISO calendar and by names of months."""
    if per is Per.EVER:
        return ""
    if per is Per.WEEK:
        year, week, _ = wall.isocalendar()
        return date.fromisocalendar(year, week, 1).isoformat()
    return f"{wall:%Y-%m-01}" if per is Per.MONTH else f"{wall:%Y-%m-%d}"


def turns(zone: str, year: int) -> Iterator[int]:
    """The hours (s since 1970) of a year after which the wall jumps."""
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    for day in range(first, first + 365 * 86_400, 86_400):
        if shown(zone, day + 86_400) - shown(zone, day) != timedelta(days=1):
            yield from (hour for hour in range(day, day + 86_400, 3600)
                        if shown(zone, hour + 3600) - shown(zone, hour) != timedelta(hours=1))
