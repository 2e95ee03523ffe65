"""`forecourt meter record` and `replay`: a meter's frames in a file for a bug report, and what our
decoder makes of it there.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from edge.bus.link import Heard
from edge.bus.port import Bus, BusClass
from edge.bus.url import LineUrl
from edge.commissioning import golden
from edge.commissioning.arguments import seconds as seconds_of
from edge.commissioning.line import Line, OwnLine, open_line, set_as
from edge.commissioning.patient import Patient
from edge.commissioning.saw import advice
from edge.commissioning.values import shown
from edge.controller.trouble import DeviceError, DeviceTimeout
from edge.meter.meter import Meter
from edge.meter.model import MeterModel

_BETWEEN_S = 1.0


class _Tape(Bus):
    """A `Bus` that writes down what passes."""

    def __init__(self, bus: Bus, out: BinaryIO) -> None:
        self._bus, self._out = bus, out
        self._began_s = time.monotonic()
        self.trouble: DeviceError | None = None  # the last

    @property
    def at_s(self) -> float:
        """Since the recording began."""
        return round(time.monotonic() - self._began_s, 4)

    def heard(self, passed: Heard) -> None:
        """The wire's own bytes."""
        self.write(golden.Bytes(at_s=self.at_s, direction=passed.direction, data=passed.data.hex()))

    def write(self, entry: golden.Entry) -> None:
        """One line."""
        self._out.write(golden.written(entry))

    def turnaround_s(self, unit: int) -> float | None:
        """See `Bus`."""
        return self._bus.turnaround_s(unit)

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `Bus`."""
        at_s = self.at_s
        try:
            answer = await self._bus.transact(unit, pdu, klass, timeout_s=timeout_s)
        except DeviceError as error:
            self.trouble = error
            self.write(golden.Exchange(at_s=at_s, request=pdu.hex(),
                                       trouble=f"{error.what}: got {error.got}"))
            raise
        self.write(golden.Exchange(at_s=at_s, request=pdu.hex(), answer=answer.hex()))
        return answer


async def record(url: LineUrl, unit: int, model: MeterModel, run_dir: Path, out: Path,
                 seconds: float) -> int:
    """Exit status 0; 1: no reading was good (the file is there), or there is no line; 2: no file."""
    try:
        file = out.open("xb")
    except OSError as error:
        print(f"{out}: {error.strerror}; expected a new file in a folder that can be written",
              file=sys.stderr)
        return 2
    with file:
        try:
            async with open_line(url, run_dir) as line:
                good, all_, trouble = await _record(line, unit, model, file, seconds)
        except DeviceError as error:
            _remove(out)
            print("\n".join([str(error), *advice(error, unit, url, model)]), file=sys.stderr)
            return 1
    if not good:
        print("\n".join([str(trouble), *advice(trouble, unit, url, model)]), file=sys.stderr)
    print(f"{out}: {good} of {all_} readings with values. It holds registers of the meter, and nothing "
          f"of the site.")
    if good:
        print(f"`forecourt meter replay {out}` decodes it again.")
    return 0 if good else 1


def _remove(empty: Path) -> None:
    """So that the same command can be given again."""
    empty.unlink()


async def _record(line: Line, unit: int, model: MeterModel, file: BinaryIO,
                  seconds: float) -> tuple[int, int, DeviceError]:
    """Good readings, all readings, and what kept others from being good."""
    file.write(golden.written(golden.Head(
        version=golden.VERSION, model=model.slug, unit=unit, utc=datetime.now(UTC).isoformat(),
        line=set_as(line.url) if line.url.kind == "rtu" else line.url.kind)))
    tape = _Tape(Patient(line), file)
    if isinstance(line, OwnLine):
        line.owner.on_frame = tape.heard
    meter = Meter(tape, unit, model, model.slug, time.monotonic_ns, line=line.url)
    counts = [0, 0]
    turns = asyncio.ensure_future(_turns(meter, model, tape, counts))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, turns.cancel)
    try:
        await asyncio.wait({turns}, timeout=seconds)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        turns.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turns
    return counts[0], counts[1], tape.trouble or DeviceTimeout(
        "no answer", where=f"unit {unit} on {line.where}", got=f"nothing in {seconds:g} s",
        expected="a whole reading")


async def _turns(meter: Meter, model: MeterModel, tape: _Tape, counts: list[int]) -> None:
    """For ever. `counts`: good readings, all readings."""
    while True:
        errors: list[str] = []
        values: dict[str, dict[str, float | str | None]] = {}
        try:
            values = shown(model, await meter.read_values())
            errors = [f"{name}: {why}" for name, why in meter.errors.items()]
        except DeviceError as error:
            errors = [f"{error.what}: got {error.got}"]
        tape.write(golden.Values(at_s=tape.at_s, values=values, errors=errors))
        counts[0] += bool(values)
        counts[1] += 1
        await asyncio.sleep(_BETWEEN_S)


async def replay(path: Path) -> int:
    """Exit status 0: our decoder gives the recorded values; 1: others, or there are none; 2: no
    recording.
    """
    try:
        head, entries = golden.read(path)
        readings = list(await golden.replayed(head, entries))
    except OSError as error:
        print(f"{path}: {error.strerror}; expected a file of `forecourt meter record`", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    different = 0
    for then, now in readings:
        for name in then.values | now:
            was, is_ = then.values.get(name), now.get(name)
            if was != is_:
                different += 1
                print(f"{then.at_s:8.3f} s  {name}: recorded {was}, decoded {is_}")
    exchanges = sum(isinstance(entry, golden.Exchange) for entry in entries)
    found = (f"{different or 'no'} value{'' if different == 1 else 's'} decoded otherwise" if readings
             else "so there is nothing to compare")
    print(f"{head.model}, unit {head.unit}, {head.line}: {_many(len(readings), 'reading')} with values "
          f"in {_many(exchanges, 'exchange')}, {found}")
    return 1 if different or not readings else 0


def _many(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The commands' own options; returns the parser of `record`."""
    parser = commands.add_parser(
        "record", help="record a meter's frames and values in a file, for a bug report")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a new file")
    parser.add_argument("--seconds", type=seconds_of(1, 86_400), default=10.0,
                        help="how long (default: %(default)g)")
    again = commands.add_parser("replay", help="decode such a file again, without the meter")
    again.add_argument("file", type=Path, help="what `forecourt meter record` has written")
    return parser
