"""`forecourt meter`: the models that ship, and a technician's tools for a line and its meters.

Where a controller runs, they go through it (as a member of its group), and never before its own work.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from edge.bus.url import LineUrl, parse_url
from edge.commissioning import arguments as taken
from edge.commissioning import models as models_command
from edge.commissioning import read_command, record_command, scan_command, watch_command
from edge.commissioning.line import RUN_DIR, run_dir_of
from edge.meter.model import MeterModel


def main(argv: list[str]) -> int:
    """Exit status 0; 1: a meter or the line did not answer, or not well; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "models":
        return models_command.show(as_json=arguments.json)
    logging.basicConfig(level=logging.ERROR)  # what a meter refuses is told as its errors
    try:
        if arguments.command == "replay":
            return asyncio.run(record_command.replay(arguments.file))
        return asyncio.run(_run(arguments))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1


async def _run(arguments: argparse.Namespace) -> int:
    run_dir = arguments.run_dir or run_dir_of(arguments.site)
    if arguments.command == "scan":
        url = parse_url(f"rtu:{arguments.port}" if arguments.port else arguments.url)
        return await scan_command.run(scan_command.Wanted(
            url=url, units=arguments.units, bauds=arguments.bauds, parities=arguments.parities,
            timeout_ms=arguments.timeout_ms), run_dir, as_json=arguments.json)
    named = [taken.model(slug) for slug in arguments.model or ()]
    first = named[0] if named else None
    url, unit = with_factory_setting(arguments.url, first), arguments.unit[0]
    if arguments.command == "watch":
        return await watch_command.run(
            url, _paired(arguments.unit, named), run_dir, interval_s=arguments.interval,
            turns=arguments.turns, as_json=arguments.json)
    if len(arguments.unit) + len(named) > 2:
        raise ValueError("got several --unit or --model, expected one (`meter watch` takes more)")
    if arguments.command == "record":
        if first is None:
            raise ValueError("got no --model, expected a slug of `forecourt meter models` "
                             "(`meter scan` finds it)")
        return await record_command.record(url, unit, first, run_dir, arguments.out,
                                           arguments.seconds)
    return await read_command.run(url, unit, first, run_dir, as_json=arguments.json)


def _paired(units: list[int], models: list[MeterModel]) -> list[tuple[int, MeterModel | None]]:
    """Each unit with its model: one for all, one for each, or none. Raises `ValueError`."""
    if len(models) not in (0, 1, len(units)):
        raise ValueError(f"got {len(models)} --model for {len(units)} --unit, expected none, one, or "
                         "one for each")
    if len(models) == len(units):
        return list(zip(units, models, strict=True))
    return [(unit, models[0] if models else None) for unit in units]


def with_factory_setting(text: str, model: MeterModel | None) -> LineUrl:
    """The line of a URL; what it does not say of a serial port is as `model` leaves its factory.

    Raises `ValueError`.
    """
    url = parse_url(text)
    if url.kind != "rtu" or model is None:
        return url
    said = {part.partition("=")[0] for part in text.partition("?")[2].split("&")}
    usual = {"baud": model.serial.baud, "parity": model.serial.parity, "stop": model.serial.stop}
    more = "&".join(f"{name}={value}" for name, value in usual.items() if name not in said)
    return parse_url(f"{text}{'&' if '?' in text else '?'}{more}") if more else url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt meter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    models = commands.add_parser("models", help="list the meter models")
    models.add_argument("--json", action="store_true", help="machine readable")
    read = read_command.add(commands)
    scan, watch = scan_command.add(commands), watch_command.add(commands)
    record = record_command.add(commands)
    for one in (read, watch, record):
        one.add_argument("--model", action="append", help="slug, see `forecourt meter models`")
        one.add_argument("--url", required=True, help="rtu:/dev/ttyUSB0?baud=9600&parity=N, "
                         "tcp://host:port or rtu+tcp://host:port")
        one.add_argument("--unit", action="append", required=True, type=taken.whole(1, 247),
                         help="Modbus unit id, 1..247")
    for one in (read, watch, record, scan):
        one.add_argument("--site", type=Path, metavar="FILE",
                         help="site.toml of the controller that may own the line "
                              "(default: /etc/forecourt/site.toml)")
        one.add_argument("--run-dir", type=Path, metavar="DIR",
                         help=f"folder of its sockets (default: as the site says, or {RUN_DIR})")
    return parser
