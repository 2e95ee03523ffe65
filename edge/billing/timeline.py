"""A session of ours as usages: UTC for every instant, cut wherever a price can change.

OCPI (mod_cdrs): a charging period SHALL begin at every moment that matters to the price; what the meter
did not say at that moment is interpolated, in whole Wh, between the two registers around it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import msgspec

from edge.billing.price import Book, Usage, utc
from edge.controller.session import Instant, Session
from edge.controller.struct import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Now(Value):
    """How far a running session has come: a moment and the register at it."""

    at: Instant
    energy_wh: int | None  # None: the meter says nothing now


class Point(Value):
    """A corner of a session: Wh since its start, and what the car does from here on."""

    at: datetime
    energy_wh: int
    charging: bool = False
    ev_idle: bool = False


class Clock:
    """Gives every instant of a session its UTC second.

    Durations come from the monotonic clock of a boot; the first trusted UTC of the boot says where
    on the calendar it lies. A boot that never knew the time follows the one before it at once, and so
    does one whose untrusted time would lie before that.
    """

    def __init__(self, instants: list[Instant]) -> None:
        self._zero: dict[int, datetime] = {}
        trusted = {instant.boot for instant in instants if instant.clock_ok}
        for instant in sorted(instants, key=lambda i: not i.clock_ok):  # stable: trusted ones first
            if instant.utc is not None and instant.boot not in self._zero:
                self._zero[instant.boot] = utc(instant.utc) - _since_boot(instant)
        last, begun = _EPOCH, set[int]()
        for instant in instants:
            first = instant.boot not in begun | trusted
            if instant.boot not in self._zero or (first and self._at(instant) < last):
                self._zero[instant.boot] = last - _since_boot(instant)
            begun.add(instant.boot)
            last = max(last, self._at(instant))

    def _at(self, instant: Instant) -> datetime:
        return self._zero[instant.boot] + _since_boot(instant)

    def second(self, instant: Instant) -> datetime:
        """The whole second that an instant lies in."""
        return self._at(instant).replace(microsecond=0)


def _since_boot(instant: Instant) -> timedelta:
    return timedelta(microseconds=instant.mono_ns // 1000)


def points(session: Session, now: Now | None = None) -> list[Point]:
    """The corners of a session, in order; the last one is its end (or `now`)."""
    end = session.ended or (now.at if now else session.began)
    clock = Clock([session.began, *(period.start for period in session.periods), end])
    start_wh = session.start_wh  # 0 of a new meter
    total_wh = metered_wh(session, now)
    found = [Point(at=clock.second(session.began), energy_wh=0, charging=not session.periods)]
    for period in session.periods:
        at = clock.second(period.start)
        energy_wh = 0 if start_wh is None else period.energy_wh - start_wh
        found.append(Point(
            at=max(at, found[-1].at), charging=period.charging, ev_idle=period.ev_idle,
            energy_wh=min(max(energy_wh, found[-1].energy_wh), total_wh)))
    found.append(Point(at=max(clock.second(end), found[-1].at), energy_wh=total_wh))
    return found


def metered_wh(session: Session, now: Now | None = None) -> int:
    """Wh between the start register and the last one; never negative."""
    if session.ended is None and now is not None and now.energy_wh is not None:
        session = msgspec.structs.replace(session, last_wh=now.energy_wh)
    return max(0, session.energy_wh)


def usages(corners: list[Point], book: Book) -> list[Usage]:
    """What was used between the corners, cut where the tariff changes, and not more often."""
    began = corners[0].at
    found: list[Usage] = []
    for a, b in pairwise(corners):
        merged: list[tuple[tuple[int | None, ...], Usage]] = []
        for start, end in pairwise(_cut(a, b, began, book)):
            if start.at == end.at and start.energy_wh == end.energy_wh:
                continue
            usage = _usage(start, end, a)
            selection = book.selection(book.moment(start.at, began, Fraction(start.energy_wh)))
            if merged and merged[-1][0] == selection:
                merged[-1] = (selection, _join(merged[-1][1], usage))
            else:
                merged.append((selection, usage))
        found += [usage for _, usage in merged]
    return found or [Usage(start=began)]


def _cut(a: Point, b: Point, began: datetime, book: Book) -> list[Point]:
    """Corners from a to b at every moment at which a restriction can begin or end to hold."""
    return sorted({(p.at, p.energy_wh): p for p in (a, *_between(a, b, began, book), b)}.values(),
                  key=lambda p: (p.at, p.energy_wh))


def _between(a: Point, b: Point, began: datetime, book: Book) -> Iterator[Point]:
    span_s, energy_wh = int((b.at - a.at).total_seconds()), b.energy_wh - a.energy_wh
    for at in book.thresholds.on_the_clock(a.at, b.at):
        yield _interpolated(a, at, span_s, energy_wh)
    for elapsed_s in book.thresholds.elapsed_s:
        at = began + timedelta(seconds=int(elapsed_s))
        if a.at < at < b.at:
            yield _interpolated(a, at, span_s, energy_wh)
    for threshold in book.thresholds.energy_wh:
        at_wh = -((-threshold.numerator) // threshold.denominator)
        if a.energy_wh < at_wh < b.energy_wh:
            seconds = -(-span_s * (at_wh - a.energy_wh) // energy_wh)
            yield Point(at=a.at + timedelta(seconds=seconds), energy_wh=at_wh)


def _interpolated(a: Point, at: datetime, span_s: int, energy_wh: int) -> Point:
    passed_s = int((at - a.at).total_seconds())
    return Point(at=at, energy_wh=a.energy_wh + energy_wh * passed_s // span_s)


def _usage(start: Point, end: Point, kind: Point) -> Usage:
    """Idle by the car's own will is parking; held back by the site is neither charging nor parking."""
    seconds = Fraction(int((end.at - start.at).total_seconds()))
    return Usage(
        start=start.at, energy_wh=Fraction(end.energy_wh - start.energy_wh),
        time_s=seconds if kind.charging and not kind.ev_idle else Fraction(0),
        parking_s=seconds if kind.ev_idle else Fraction(0))


def _join(a: Usage, b: Usage) -> Usage:
    return msgspec.structs.replace(a, energy_wh=a.energy_wh + b.energy_wh, time_s=a.time_s + b.time_s,
                                   parking_s=a.parking_s + b.parking_s)
