"""A line's statistics as a value that travels: for diagnostics, commands and bug reports."""

from edge.bus.link import WireCounts
from edge.bus.stats import LineStats, UnitStats
from edge.controller.struct import Value

_SOMEBODY = 3  # foreign requests; fewer may be what noise looks like


class UnitFigures(Value):
    """One unit. `timeouts` holds what a gateway said of it too (exceptions 10 and 11)."""

    unit: int
    answers: int
    refusals: int  # Modbus exceptions of its own
    timeouts: int
    bad: int  # something else came
    crc_errors: int
    noise_bytes: int  # around its answers
    turnaround_ms: float | None  # smoothed; None: it never answered
    worst_turnaround_ms: float
    timeout_ms: float  # as learned, for the next request
    gap_ms: float  # silence that it is given after another unit's frame, beyond t3.5
    silent: int  # failures in a row, up to now
    resting_s: float | None  # until it is probed again; None: it is asked as always


class LineFigures(Value):
    """One line. `down`: why it cannot be used now. `busy_s`: with a request under way."""

    where: str
    down: str | None
    requests: int
    answers: int
    refusals: int
    timeouts: int
    bad: int
    downs: int
    skipped: int  # cancelled while they waited
    busy_s: float
    worst_wait_ms: dict[str, float]  # in the queue, by class
    crc_errors: int
    noise_bytes: int
    foreign_requests: int
    another_master: bool  # somebody else asks on this line
    echo: bool  # the adapter hears what it sends, although the URL does not say so
    low_latency: bool | None  # None: not a serial port
    units: tuple[UnitFigures, ...]


def line_figures(where: str, down: str | None, stats: LineStats, counts: WireCounts,
                 now_s: float) -> LineFigures:
    """As of `now_s` of the loop's clock."""
    return LineFigures(
        where=where, down=down, requests=stats.requests, answers=stats.answers,
        refusals=stats.refusals, timeouts=stats.timeouts, bad=stats.bad, downs=stats.downs,
        skipped=stats.skipped, busy_s=round(stats.busy_s, 3),
        worst_wait_ms={klass.name.lower(): _ms(wait_s) for klass, wait_s
                       in sorted(stats.worst_wait_s.items())},
        crc_errors=counts.crc_errors, noise_bytes=counts.noise_bytes,
        foreign_requests=counts.foreign_requests,
        another_master=counts.foreign_requests >= _SOMEBODY, echo=counts.echoes > 0,
        low_latency=counts.low_latency,
        units=tuple(_unit(number, unit, now_s) for number, unit in sorted(stats.units.items())))


def _unit(number: int, unit: UnitStats, now_s: float) -> UnitFigures:
    turnaround_s, rest_s = unit.turnaround_s, unit.rest_s(now_s)
    return UnitFigures(
        unit=number, answers=unit.answers, refusals=unit.refusals, timeouts=unit.timeouts,
        bad=unit.bad, crc_errors=unit.crc_errors, noise_bytes=unit.noise_bytes,
        turnaround_ms=None if turnaround_s is None else _ms(turnaround_s),
        worst_turnaround_ms=_ms(unit.worst_turnaround_s), timeout_ms=_ms(unit.timeout_s),
        gap_ms=_ms(unit.gap.gap_s), silent=unit.in_a_row,
        resting_s=None if rest_s is None else round(rest_s, 3))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
