"""`forecourt meter watch`: values of some meters as they change, and how well the line does."""

import argparse
import asyncio
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge.bus.figures import LineFigures
from edge.bus.port import BusClass
from edge.bus.url import LineUrl
from edge.commissioning.arguments import seconds, whole
from edge.commissioning.line import Line, open_line, set_as
from edge.commissioning.reading import named
from edge.commissioning.saw import advice
from edge.commissioning.values import Shown, shown
from edge.controller.struct import Value
from edge.controller.trouble import DeviceError
from edge.meter.meter import Meter
from edge.meter.model import MeterModel

_HOME, _REST = "\x1b[H\x1b[2J", "\x1b[J"
_COLUMNS = (("V L1", 6, "voltage_l1", 1), ("V L2", 6, "voltage_l2", 1), ("V L3", 6, "voltage_l3", 1),
            ("A L1", 7, "current_l1", 2), ("A L2", 7, "current_l2", 2), ("A L3", 7, "current_l3", 2))
_NARROW = (("V L1", 5, "voltage_l1", 0), ("L2", 4, "voltage_l2", 0), ("L3", 4, "voltage_l3", 0),
           ("A L1", 6, "current_l1", 1), ("L2", 6, "current_l2", 1), ("L3", 6, "current_l3", 1))
_WIDE = 109  # columns


class Row(Value):
    """One meter at one turn. `age_s`: since its last good reading, None: there was none."""

    unit: int
    model: str
    values: Shown
    age_s: float | None
    error: str | None = None


class Turn(Value):
    """What a turn has shown; what `--json` prints, one a line."""

    at_s: float
    meters: tuple[Row, ...]
    requests_per_s: float | None
    line: LineFigures | None


class _Watched:
    """One meter, and its last good reading."""

    def __init__(self, line: Line, unit: int, model: MeterModel) -> None:
        self.unit, self.model = unit, model
        self._meter = Meter(line, unit, model, model.slug, time.monotonic_ns, line=line.url)
        billing = (model.billing.quantity,) if model.billing else ("energy_import",)
        self._wanted = tuple(dict.fromkeys((*model.fast, *model.slow, *billing)))
        self._good_s: float | None = None

    async def row(self) -> Row:
        """Never raises what a meter or a line does; what cannot be had now is not shown."""
        values: Shown = {}
        error = None
        asked_s = time.monotonic()
        try:
            values = shown(self.model, await self._meter.read_values(self._wanted, BusClass.BULK))
            self._good_s = asked_s
        except DeviceError as trouble:
            error = f"{trouble.what}: got {trouble.got}"
        age_s = None if self._good_s is None else round(time.monotonic() - self._good_s, 3)
        return Row(unit=self.unit, model=self.model.slug, values=values, age_s=age_s, error=error)


async def run(url: LineUrl, units: Sequence[tuple[int, MeterModel | None]], run_dir: Path, *,
              interval_s: float, turns: int | None, as_json: bool) -> int:
    """Until Ctrl-C, or for so many turns. Exit status 0; 1: no line, or a unit that we do not know."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        async with open_line(url, run_dir) as line:
            meters = [_Watched(line, unit, model or await named(line, unit)) for unit, model in units]
            await _turns(line, meters, interval_s=interval_s, turns=turns, as_json=as_json)
    except asyncio.CancelledError:
        print()
    except DeviceError as error:
        print("\n".join([str(error), *advice(error, units[0][0], url, units[0][1])]), file=sys.stderr)
        return 1
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return 0


async def _turns(line: Line, meters: Sequence[_Watched], *, interval_s: float, turns: int | None,
                 as_json: bool) -> None:
    began_s = due_s = before_s = time.monotonic()
    asked = 0
    done = 0
    while turns is None or done < turns:
        rows = tuple([await meter.row() for meter in meters])
        told, now_s = await line.figures(), time.monotonic()
        rate = None if told is None or not done else (told.requests - asked) / (now_s - before_s)
        asked, before_s = told.requests if told else 0, now_s
        turn = Turn(at_s=round(now_s - began_s, 3), meters=rows, line=told,
                    requests_per_s=None if rate is None else round(rate, 1))
        print(msgspec.json.encode(turn).decode() if as_json else _screen(turn, line), flush=True)
        done += 1
        due_s = max(due_s + interval_s, now_s)
        if turns is None or done < turns:
            await asyncio.sleep(due_s - now_s)


def _screen(turn: Turn, line: Line) -> str:
    setting = f" {set_as(line.url)}" if line.url.kind == "rtu" else ""
    text = "\n".join(table(turn, f"{line.where}{setting}",
                           shutil.get_terminal_size((_WIDE, 24)).columns))
    return f"{_HOME}{text}{_REST}" if sys.stdout.isatty() else text


def table(turn: Turn, where: str, columns: int) -> list[str]:
    """Lines of text: one for each meter, what it does wrong, and the line.

    A terminal of less than `_WIDE` columns gets volts without decimals, short models, and neither the
    age nor the CRC errors of each.
    """
    wide = columns >= _WIDE
    shown, room = (_COLUMNS, 21) if wide else (_NARROW, 20)
    heads = "".join(f"{head:>{width}}" for head, width, _, _ in shown)
    lines = [f"unit {'model':<{room}}{heads}{'W':>7}{'kWh':>12}"
             + (f"{'age':>8}{'in':>7}{'lost':>5}{'CRC':>5}" if wide else f"{'lost':>5}")]
    known = {unit.unit: unit for unit in turn.line.units} if turn.line else {}
    for row in turn.meters:
        cells = "".join(_cell(row.values, name, width, places) for _, width, name, places in shown)
        age = "-" if row.age_s is None else f"{row.age_s:.1f} s"
        unit = known.get(row.unit)
        took = "-" if unit is None or unit.turnaround_ms is None else f"{unit.turnaround_ms:.0f} ms"
        lost, crc = (unit.timeouts, unit.crc_errors) if unit else ("-", "-")
        lines.append(f"{row.unit:>4} {row.model[:room]:<{room}}{cells}{_watts(row.values)}"
                     f"{_energy(row.values)}"
                     + (f"{age:>8}{took:>7}{lost:>5}{crc:>5}" if wide else f"{lost:>5}"))
        if row.error:
            lines += _wrapped(f"     {row.error}", columns)
    return [*lines, "", *_wrapped(_line(turn, where), columns)]


def _wrapped(text: str, columns: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text, columns, subsequent_indent=indent, break_on_hyphens=False)


def _line(turn: Turn, where: str) -> str:
    if turn.line is None:
        return where
    rate = "" if turn.requests_per_s is None else f" {turn.requests_per_s:g} requests/s,"
    told = turn.line
    return (f"{where}:{rate} {told.requests} requests, {told.timeouts} timeouts, "
            f"{told.bad} bad answers, {told.crc_errors} CRC errors, {told.noise_bytes} bytes of noise")


def _number(values: Shown, name: str) -> float | None:
    one = values.get(name) or values.get(name.removesuffix("_l1") if name.endswith("_l1") else name)
    value = one["value"] if one else None
    return value if isinstance(value, float) else None


def _cell(values: Shown, name: str, width: int, places: int) -> str:
    value = _number(values, name)
    return f"{'-' if value is None else f'{value:.{places}f}':>{width}}"


def _watts(values: Shown) -> str:
    total = _number(values, "power")
    if total is None:
        phases = [value for n in "123" if (value := _number(values, f"power_l{n}")) is not None]
        total = sum(phases) if phases else _number(values, "import_power")
    return f"{'-' if total is None else f'{total:.0f}':>7}"


def _energy(values: Shown) -> str:
    value = next((v for name in ("energy_import_fine", "energy_import", "energy_total")
                  if (v := _number(values, name)) is not None), None)
    return f"{'-' if value is None else f'{value:.3f}':>12}"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The command's own options."""
    parser = commands.add_parser(
        "watch", help="show values as they change, and how the line does",
        description="Show values as they change, and how the line does, until Ctrl-C. Several --unit "
                    "take one --model for all, or one for each, in order; without, it is found out.")
    parser.add_argument("--interval", type=seconds(0.1, 3600), default=1.0, metavar="SECONDS",
                        help="between two turns, at least (default: %(default)g)")
    parser.add_argument("--turns", type=whole(1, 1_000_000), metavar="N", help="end after so many")
    parser.add_argument("--json", action="store_true", help="machine readable, one object a line")
    return parser
