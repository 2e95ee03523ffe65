"""When a tariff element is in force, and the moments at which that can change.

Rules (mod_tariffs, and where the text is silent the reading that does not give energy away):
wall clock of the site's zone; start inclusive, end exclusive; end before start wraps midnight; end
00:00 is the end of the day; start == end is the whole day; days and dates are those of the moment
itself (of a window Mon 20:00-08:00, Tuesday morning needs TUESDAY); restrictions never apply backwards.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from edge.billing.tariff import Restrictions, Tariff, Weekday
from edge.controller.struct import Value

_WEEKDAYS = tuple(Weekday)


class Moment(Value):
    """What restrictions look at. `local` is naive wall clock; power in kW, current in A."""

    local: datetime
    energy_wh: Fraction = Fraction(0)  # of the session so far
    elapsed_s: Fraction = Fraction(0)  # since the session began, parking included
    power_kw: Fraction | None = None
    current_a: Fraction | None = None


class Rule:
    """The restrictions of one element, parsed once."""

    def __init__(self, given: Restrictions | None) -> None:
        r = given or Restrictions()
        self.reservation = r.reservation
        self._start_min, self._end_min = _minutes(r.start_time), _minutes(r.end_time)
        self._first = date.fromisoformat(r.start_date) if r.start_date else None
        self._after = date.fromisoformat(r.end_date) if r.end_date else None
        self._days = frozenset(_WEEKDAYS.index(day) for day in r.day_of_week)
        self._energy_wh = _range(r.min_kwh, r.max_kwh, 1000)
        self._elapsed_s = _range(r.min_duration, r.max_duration)
        self._power_kw = _range(r.min_power, r.max_power)
        self._current_a = _range(r.min_current, r.max_current)
        self.always = given is None or given == Restrictions()

    def holds(self, at: Moment) -> bool:
        """Whether every restriction holds at that moment."""
        if self.always:
            return True
        day = at.local.date()
        return (self._in_window(at.local.hour * 60 + at.local.minute)
                and (self._first is None or day >= self._first)
                and (self._after is None or day < self._after)
                and (not self._days or at.local.weekday() in self._days)
                and _within(at.energy_wh, self._energy_wh)
                and _within(at.elapsed_s, self._elapsed_s)
                and _within(at.power_kw, self._power_kw)
                and _within(at.current_a, self._current_a))

    def _in_window(self, minute: int) -> bool:
        start, end = self._start_min or 0, self._end_min or 0
        if end == 0:  # no end, or 00:00: the end of the day
            return minute >= start
        if end > start:
            return start <= minute < end
        return start == end or minute >= start or minute < end


_Range = tuple[Fraction | None, Fraction | None]


def _range(least: object, below: object, scale: int = 1) -> _Range | None:
    if least is None and below is None:
        return None
    low, high = (None if v is None else Fraction(str(v)) * scale for v in (least, below))
    return low, high


def _within(value: Fraction | None, limits: _Range | None) -> bool:
    if limits is None:
        return True
    if value is None:  # unknown: do not charge the price of something that was not measured
        return False
    low, high = limits
    return (low is None or value >= low) and (high is None or value < high)


def _minutes(clock: str | None) -> int | None:
    return None if clock is None else int(clock[:2]) * 60 + int(clock[3:])


class Thresholds:
    """Where a tariff's elements can come into force or go out of it."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo) -> None:
        given = [e.restrictions for e in tariff.elements if e.restrictions is not None]
        self._zone = zone
        clocks = {_minutes(c) for r in given for c in (r.start_time, r.end_time)} - {None}
        if clocks or any(r.day_of_week or r.start_date or r.end_date for r in given):
            clocks.add(0)
        self._clocks = sorted(c for c in clocks if c is not None)
        self.energy_wh = _bounds((r.min_kwh, r.max_kwh) for r in given)
        self.energy_wh = [kwh * 1000 for kwh in self.energy_wh]
        self.elapsed_s = _bounds((r.min_duration, r.max_duration) for r in given)

    def on_the_clock(self, start: datetime, end: datetime) -> list[datetime]:
        """UTC instants strictly between at which the wall clock may switch an element.

        A boundary that the autumn repeats counts twice; one that the spring skips, at the jump.
        """
        if not self._clocks or end <= start:
            return []
        found: set[datetime] = set()
        day = start.astimezone(self._zone).date()
        last = end.astimezone(self._zone).date()
        while day <= last:
            found.update(self._of_day(day))
            day += timedelta(days=1)
        return sorted(moment for moment in found if start < moment < end)

    def _of_day(self, day: date) -> Iterator[datetime]:
        for minute in self._clocks:
            for fold in (0, 1):
                wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, fold=fold)
                yield wall.replace(tzinfo=self._zone).astimezone(UTC)
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
        jump = self._jump(begin, begin + timedelta(hours=25))
        if jump is not None:
            yield jump

    def _jump(self, low: datetime, high: datetime) -> datetime | None:
        """The first second at which the zone's offset is another than at `low`."""
        def offset(at: datetime) -> timedelta | None:
            return at.astimezone(self._zone).utcoffset()

        before = offset(low)
        if offset(high) == before:
            return None
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        return high


def _bounds(pairs: Iterator[tuple[object, object]]) -> list[Fraction]:
    return sorted({Fraction(str(v)) for pair in pairs for v in pair if v is not None})
