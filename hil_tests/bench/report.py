"""Rows of a benchmark: their statistics, their JSON file, their table, yesterday's figures. Pure.

A figure is better when it is lower, without exception. Targets are told, never asserted.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class Row:
    """One figure. A distribution's `value` is its p99, beside `p50` and `worst`.

    `target` is an upper bound in the row's unit; `command` measures this row again.
    """

    name: str
    value: float
    unit: str
    n: int
    command: str
    p50: float | None = None
    worst: float | None = None
    target: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """"met", "missed", or nothing without a target."""
        if self.target is None:
            return ""
        return "met" if self.value < self.target else "missed"


@dataclass(frozen=True)
class Report:
    """All rows of one run, and on what they were measured."""

    started_utc: str
    commit: str
    machine: dict[str, str]
    quick: bool
    rows: tuple[Row, ...]
    load: str = ""  # of the machine before we began: on a busy one every figure is worse


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that `percent` of all do not exceed. `ValueError` for none."""
    if not values:
        raise ValueError("percentile of no values")
    rank = max(1, math.ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


def distribution(name: str, values: Sequence[float], unit: str, command: str, *,
                 target: float | None = None, note: str = "") -> Row:
    """A row of p50, p99 and the worst value."""
    return Row(name=name, value=percentile(values, 99), unit=unit, n=len(values), command=command,
               p50=percentile(values, 50), worst=max(values), target=target, note=note)


def to_json(report: Report) -> str:
    """As it is stored."""
    return json.dumps({"version": VERSION, **asdict(report)}, indent=1) + "\n"


def from_json(text: str) -> Report:
    """Raises `ValueError` for what is no report of this version."""
    data: dict[str, Any] = json.loads(text)
    if not isinstance(data, dict) or data.pop("version", None) != VERSION:
        raise ValueError(f"no report of version {VERSION}")
    try:
        rows = tuple(Row(**row) for row in data.pop("rows"))
        return Report(rows=rows, **data)
    except (TypeError, KeyError) as error:
        raise ValueError(f"no report: {error}") from error


def store(report: Report, folder: Path) -> Path:
    """Write `<UTC>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.started_utc.replace(':', '')}.json"
    path.write_text(to_json(report), encoding="utf-8")
    return path


def previous(folder: Path, report: Report) -> Report | None:
    """The latest earlier report of the same kind on the same machine; other files are passed by.

    Rows that it has not (it was one of `--only`) come from the latest one that has them.
    """
    latest: Report | None = None
    rows: dict[str, Row] = {}
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            found = from_json(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        same = (found.machine, found.quick) == (report.machine, report.quick)
        if same and found.started_utc < report.started_utc:
            latest = latest or found
            rows = {row.name: row for row in found.rows} | rows
    return None if latest is None else replace(latest, rows=tuple(rows.values()))


def ratios(now: Report, before: Report | None) -> dict[str, float]:
    """Value over yesterday's value, for the rows that both have in the same unit."""
    if before is None:
        return {}
    old = {row.name: row for row in before.rows}
    return {row.name: row.value / old[row.name].value for row in now.rows
            if row.name in old and old[row.name].unit == row.unit and old[row.name].value}


def table(report: Report, before: Report | None) -> str:
    """The report for people, with a column for yesterday."""
    head = ("", "p50", "value", "worst", "unit", "target", "", "vs before", "n")
    change = ratios(report, before)
    lines = [(row.name, _figure(row.p50), _figure(row.value), _figure(row.worst), row.unit,
              "" if row.target is None else f"< {_figure(row.target)}", row.verdict,
              f"{change[row.name]:.2f}" if row.name in change else "", str(row.n))
             for row in report.rows]
    widths = [max(len(line[n]) for line in (head, *lines)) for n in range(len(head))]
    words = {0, 4, 6}  # columns that start at the left
    text = ["  ".join(cell.ljust(width) if n in words else cell.rjust(width)
                      for n, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in (head, tuple("-" * width for width in widths), *lines)]
    notes = [f"{row.name}: {row.note}" for row in report.rows if row.note]
    machine = ", ".join(f"{key} {value}" for key, value in report.machine.items())
    foot = [f"value: p99 where there is a p50. {machine}; commit {report.commit}, load {report.load}"]
    if before is not None:
        foot.append(f"before: {before.started_utc}, commit {before.commit}")
    return "\n".join([*text, "", *notes, *foot])


def with_note(row: Row, note: str) -> Row:
    """The same row with a word of explanation."""
    return replace(row, note=note)


def _figure(value: float | None) -> str:
    """Three digits that count, and no exponent."""
    if value is None:
        return ""
    if value and abs(value) < 100:
        return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    return f"{value:.0f}"
