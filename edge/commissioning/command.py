"""`forecourt meter`: the models that ship, and one reading of one meter, without a controller."""

import argparse
import asyncio
import sys
import time
from decimal import Decimal

import msgspec

from edge.bus.open import open_bus
from edge.commissioning import models as models_command
from edge.controller.trouble import DeviceError
from edge.meter.catalogue import load
from edge.meter.meter import Meter
from edge.meter.model import MeterModel


def main(argv: list[str]) -> int:
    """Exit status 0; 1: the meter or the line did not answer; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "models":
        return models_command.show(as_json=arguments.json)
    try:
        model = load(arguments.model)
        open_bus(arguments.url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_read(model, arguments.url, arguments.unit, as_json=arguments.json))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt meter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    models = commands.add_parser("models", help="list the meter models")
    read = commands.add_parser("read", help="read every quantity of one meter once")
    read.add_argument("--model", required=True, help="slug, see `forecourt meter models`")
    read.add_argument("--url", required=True,
                      help="rtu:/dev/ttyUSB0?baud=9600&parity=N or tcp:host:port")
    read.add_argument("--unit", required=True, type=_unit, help="Modbus unit id, 1..247")
    for command in (models, read):
        command.add_argument("--json", action="store_true", help="machine readable")
    return parser


def _unit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 247:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected 1..247")
    return int(text)


async def _read(model: MeterModel, url: str, unit: int, *, as_json: bool) -> int:
    bus = open_bus(url)
    await bus.start()
    values: dict[str, Decimal | None] = {}
    errors: list[str] = []
    started_ns = time.monotonic_ns()
    try:
        values = await Meter(bus, unit, model, model.slug, time.monotonic_ns).read_values()
    except DeviceError as trouble:
        errors.append(str(trouble))
    finally:
        await bus.close()
    age_s = (time.monotonic_ns() - started_ns) / 1e9
    units = {register.quantity: register.unit for register in model.registers}
    if as_json:
        print(msgspec.json.encode({
            "model": model.slug, "unit": unit, "age_s": round(age_s, 3), "errors": errors,
            "values": {name: {"value": None if value is None else float(value), "unit": units[name]}
                       for name, value in values.items()}}).decode())
    else:
        for name, value in values.items():
            shown = "not available" if value is None else f"{float(value):.10g} {units[name]}"
            print(f"{name:<28} {shown}")
        for error in errors:
            print(f"{error}\ncheck model, unit id, baud rate and parity, and the A/B wires",
                  file=sys.stderr)
    return 1 if errors else 0
