"""`forecourt meter scan`: which meters are on a line, at which setting, and how to write them down."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import msgspec

from edge.bus.url import LineUrl
from edge.commissioning.arguments import whole
from edge.commissioning.elsewhere import BAUDS, PARITIES
from edge.commissioning.line import Line, open_line, own_line, set_as
from edge.commissioning.progress import Bar
from edge.commissioning.saw import advice
from edge.commissioning.scan import Found, OpenLine, Scan, Setting, orders
from edge.commissioning.snippet import snippet
from edge.commissioning.through import find
from edge.controller.struct import Value
from edge.controller.trouble import DeviceError, LineDown
from edge.meter.catalogue import load, models

_USUAL_PARITIES = ("N", "E")  # a line at odd parity has not been seen by any source
_SERIAL_MS, _NETWORK_MS = 100, 500
_BOARD = "FCT-PB"  # product code of a pilot board
_BY_ID = Path("/dev/serial/by-id")


class Wanted(Value):
    """What to look for. `bauds`, `parities`: of a serial port. `timeout_ms`: None: by what it is."""

    url: LineUrl
    units: tuple[int, ...]
    bauds: tuple[int, ...] = BAUDS
    parities: tuple[str, ...] = _USUAL_PARITIES
    timeout_ms: int | None = None


async def run(wanted: Wanted, run_dir: Path, *, as_json: bool) -> int:
    """Exit status 0: something answers; 1: nothing does, or the line cannot be had."""
    bar = Bar(sys.stderr)

    def say(one: Found) -> None:
        if not as_json:
            bar.clear()
            print(_row(one), flush=True)

    try:
        scan, notes = await _scan(wanted, run_dir, bar, say)
    except LineDown as error:
        print("\n".join([str(error), *advice(error, 0, wanted.url, None)]), file=sys.stderr)
        return 1
    complete, trouble = await _watched(scan)
    bar.clear()
    notes += scan.notes
    if trouble is not None:
        notes += [str(trouble), *advice(trouble, 0, wanted.url, None)]
    elif not complete:
        notes.append("stopped: not everything was asked")
    if as_json:
        print(msgspec.json.encode(_report(wanted, scan.found, notes, complete=complete)).decode())
    else:
        _tell(wanted, scan.found, notes, heard=trouble is None)
    return 0 if scan.found and trouble is None else 1


async def _scan(wanted: Wanted, run_dir: Path, bar: Bar,
                say: Callable[[Found], None]) -> tuple[Scan, list[str]]:
    """Ready to run. Raises `LineDown` if nobody knows whose the line is."""
    url, notes = wanted.url, []
    settings: Sequence[Setting | None] = [None]
    opener: OpenLine = partial(_fixed, url, run_dir)
    owned = await find(run_dir, url)
    if owned is not None:
        client, through = owned
        await client.close()
        notes.append("through the controller" + (
            f", which has this line at {set_as(through.url)}: no other setting was asked"
            if url.kind == "rtu" else ""))
    elif url.kind == "rtu":
        settings, opener = orders(wanted.bauds, wanted.parities), partial(_at, url)
    timeout_ms = wanted.timeout_ms or (_SERIAL_MS if url.kind == "rtu" else _NETWORK_MS)
    return Scan(opener, settings, wanted.units, models(), timeout_s=timeout_ms / 1000,
                on_found=say, watch=bar.show), notes


def _at(url: LineUrl, setting: Setting | None) -> AbstractAsyncContextManager[Line]:
    assert setting is not None
    return own_line(msgspec.structs.replace(url, baud=setting.baud, parity=setting.parity))


@contextlib.asynccontextmanager
async def _fixed(url: LineUrl, run_dir: Path, _: Setting | None) -> AsyncIterator[Line]:
    async with open_line(url, run_dir) as line:
        yield line


async def _watched(scan: Scan) -> tuple[bool, DeviceError | None]:
    """Whether it ran to its end; Ctrl-C ends it early, and what ended it otherwise."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(scan.run())
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False, None
    except DeviceError as error:
        return False, error
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return True, None


def _row(one: Found) -> str:
    at = f"{one.baud} 8{one.parity}1" if one.baud else ""
    return f"unit {one.unit:>3}  {at:<11} {_names(one)}{f'  ({one.says})' if one.says else ''}"


def _names(one: Found) -> str:
    if not one.models:
        return ("answers: a pilot board, no meter" if _BOARD in one.says
                else "answers, but is no model that we know")
    named = [f"{slug} ({load(slug).name})" for slug in one.models]
    return named[0] if len(named) == 1 else f"one of {', '.join(named)}"


def _tell(wanted: Wanted, found: Sequence[Found], notes: Sequence[str], *, heard: bool) -> None:
    """`heard`: the line itself could be had, so that silence says something of the meters."""
    if not found and heard:
        print("no meter answers")
        print("check the supply of the meters, whether the A and B wires are swapped, and termination; "
              "slow ones are found with --timeout-ms 500", file=sys.stderr)
    elif any(one.models for one in found):
        print(f"\n# for site.toml\n{snippet(_stable(wanted.url), found)}")
    for note in notes:
        print(note, file=sys.stderr)


def _stable(url: LineUrl) -> LineUrl:
    """By the adapter's own name, if it has one: that stays when it is plugged elsewhere."""
    if url.kind != "rtu" or not _BY_ID.is_dir():
        return url
    device = Path(url.path).resolve()
    named = next((link for link in sorted(_BY_ID.iterdir()) if link.resolve() == device), None)
    return url if named is None else msgspec.structs.replace(url, path=str(named))


def _report(wanted: Wanted, found: Sequence[Found], notes: Sequence[str], *, complete: bool) -> object:
    rows = [msgspec.to_builtins(one) | {"model": one.models[0] if one.models else None,
                                        "names": [load(slug).name for slug in one.models]}
            for one in found]
    return {"port": wanted.url.address, "complete": complete, "found": rows, "notes": list(notes),
            "site": snippet(_stable(wanted.url), found) if found else ""}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The command's own options."""
    parser = commands.add_parser(
        "scan", help="find the meters of a line: units, settings, models",
        description="Ask every unit at every setting, the likely ones first. Ctrl-C ends it and tells "
                    "what was found so far.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", metavar="PATH", help="serial port, as /dev/ttyUSB0")
    where.add_argument("--url", help="tcp://host:port, rtu+tcp://host:port, or rtu:/dev/... ")
    parser.add_argument("--units", type=_units, default="1-247", help="as 1-20,30 (default: 1-247)")
    parser.add_argument("--bauds", type=_bauds, default=",".join(map(str, BAUDS)), metavar="LIST",
                        help="of a serial port, the likely first (default: %(default)s)")
    parser.add_argument("--parities", type=_parities, default=",".join(_USUAL_PARITIES),
                        metavar="LIST", help="of N, E, O (default: %(default)s)")
    parser.add_argument("--timeout-ms", type=whole(10, 10_000), metavar="MS",
                        help="how long a unit may take to answer (default: "
                        f"{_SERIAL_MS}, over a network {_NETWORK_MS})")
    parser.add_argument("--json", action="store_true", help="machine readable")
    return parser


def _units(text: str) -> tuple[int, ...]:
    units: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise argparse.ArgumentTypeError(f"got {part!r}, expected numbers as 1-20,30")
        units += range(int(first), int(last or first) + 1)
    if not units or not all(1 <= unit <= 247 for unit in units):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected units from 1 to 247")
    return tuple(dict.fromkeys(units))


def _bauds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdigit() and int(part) in BAUDS for part in parts):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected some of {', '.join(map(str, BAUDS))}")
    return tuple(dict.fromkeys(map(int, parts)))


def _parities(text: str) -> tuple[str, ...]:
    parts = text.upper().split(",")
    if not all(part in PARITIES for part in parts):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected some of {', '.join(PARITIES)}")
    return tuple(dict.fromkeys(parts))
