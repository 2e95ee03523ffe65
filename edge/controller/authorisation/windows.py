"""Whether a token's hours are open, by the site's clock on the wall. Pure.

It is judged when the card is shown: a session that began in its hours goes on after them.

Only what the wall shows counts. So a window in the hour that spring skips does not open on that day,
and one in the hour that autumn has twice is open both times. A window that ends on the next day belongs
to the day on which it begins.
"""

from edge.controller.idtoken import Window
from edge.controller.wallclock import DAY_MIN, Wall, weekday


def open_at(windows: tuple[Window, ...], wall: Wall) -> bool:
    """Whether one of them is open. (No windows at all restrict nothing, which the caller knows.)"""
    return any(_open(window, wall) for window in windows)


def _open(window: Window, wall: Wall) -> bool:
    """A window that cannot be, with minutes that no day has, is never open."""
    if not 0 <= window.from_min < DAY_MIN or not 0 <= window.until_min <= DAY_MIN:
        return False
    today, yesterday = wall.weekday in window.days, weekday(wall.day - 1) in window.days
    if window.from_min < window.until_min:
        return today and window.from_min <= wall.minute < window.until_min
    return (today and wall.minute >= window.from_min) or (yesterday and wall.minute < window.until_min)
