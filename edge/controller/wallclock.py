"""What the site's clock on the wall shows at a moment. Pure: a zone is its table of offsets.

`SitePlan.zone` has from each moment on (s since 1970) the seconds that the wall is ahead of UTC.
"""

from bisect import bisect_right
from datetime import date

from edge.controller.struct import Value

Zone = tuple[tuple[int, int], ...]

DAY_MIN = 24 * 60
_DAY_S = 86_400
_DAY_0 = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal()


class Wall(Value):
    """`day`: a date's ordinal (`date.fromordinal`); `minute` of that day, as the wall shows it."""

    day: int
    minute: int

    @property
    def weekday(self) -> int:
        """ISO: 1 is Monday."""
        return weekday(self.day)


def weekday(day: int) -> int:
    """ISO weekday of a date's ordinal: 1 is Monday."""
    return (day - 1) % 7 + 1


def wall_at(zone: Zone, utc_ms: int) -> Wall:
    """What the wall shows at a moment (ms since 1970), within the years 1 to 9999."""
    utc_s = utc_ms // 1000
    local_s = utc_s + _ahead_s(zone, utc_s)
    day, second = divmod(local_s, _DAY_S)
    return Wall(day=min(max(day + _DAY_0, 1), _LAST), minute=second // 60)


def _ahead_s(zone: Zone, utc_s: int) -> int:
    if not zone:
        return 0
    found = bisect_right(zone, utc_s, key=lambda transition: transition[0])
    return zone[max(found - 1, 0)][1]
