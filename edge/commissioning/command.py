"""`forecourt meter`: the models that ship, and a technician's tools for a line and its meters.

Where a controller runs, they go through it (as a member of its group), and never before its own work.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from edge.bus.url import LineUrl, parse_url
from edge.commissioning import models as models_command
from edge.commissioning import read_command, scan_command
from edge.commissioning.line import RUN_DIR, run_dir_of
from edge.meter.catalogue import load
from edge.meter.model import MeterModel


def main(argv: list[str]) -> int:
    """Exit status 0; 1: a meter or the line did not answer, or not well; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "models":
        return models_command.show(as_json=arguments.json)
    try:
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
    model = load(arguments.model) if arguments.model else None
    url = with_factory_setting(arguments.url, model)
    return await read_command.run(url, arguments.unit, model, run_dir, as_json=arguments.json)


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
    scan = scan_command.add(commands)
    for one in (read,):
        one.add_argument("--model", help="slug, see `forecourt meter models`")
        one.add_argument("--url", required=True, help="rtu:/dev/ttyUSB0?baud=9600&parity=N, "
                         "tcp://host:port or rtu+tcp://host:port")
        one.add_argument("--unit", required=True, type=_unit, help="Modbus unit id, 1..247")
    for one in (read, scan):
        one.add_argument("--site", type=Path, metavar="FILE",
                         help="site.toml of the controller that may own the line "
                              "(default: /etc/forecourt/site.toml)")
        one.add_argument("--run-dir", type=Path, metavar="DIR",
                         help=f"folder of its sockets (default: as the site says, or {RUN_DIR})")
    return parser


def _unit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 247:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected 1..247")
    return int(text)
