"""The site's time zone as the core has it: a table of moments and offsets, without any library."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

FROM_S = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
UNTIL_S = int(datetime(2076, 1, 1, tzinfo=UTC).timestamp())
_STEP_S = 2 * 86_400  # no zone changes its offset and takes it back so soon


def transitions(time_zone: str) -> tuple[tuple[int, int], ...]:
    """From each moment (s since 1970) on, the seconds that the zone's wall is ahead of UTC.

    Of fixed years, whatever the computer's clock says: it may know nothing yet when a site starts, and
    the table goes into each recording. `time_zone`: an IANA name that exists.
    """
    zone = ZoneInfo(time_zone)

    def ahead_s(moment_s: int) -> int:
        offset = datetime.fromtimestamp(moment_s, zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

    found = [(FROM_S, ahead_s(FROM_S))]
    for later_s in range(FROM_S + _STEP_S, UNTIL_S + 1, _STEP_S):
        was_s, is_s = found[-1][1], ahead_s(later_s)
        if is_s == was_s:
            continue
        before_s, after_s = later_s - _STEP_S, later_s
        while after_s - before_s > 1:
            middle_s = (before_s + after_s) // 2
            if ahead_s(middle_s) == was_s:
                before_s = middle_s
            else:
                after_s = middle_s
        found.append((after_s, is_s))
    return tuple(found)
