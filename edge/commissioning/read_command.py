"""`forecourt meter read`: every quantity of one meter, once."""

import argparse
import sys
from pathlib import Path

import msgspec

from edge.bus.url import LineUrl
from edge.commissioning.line import open_line
from edge.commissioning.reading import Told, look_elsewhere, read_once
from edge.commissioning.saw import Sign, advice, saw
from edge.controller.trouble import DeviceError
from edge.meter.model import MeterModel


async def run(url: LineUrl, unit: int, model: MeterModel | None, run_dir: Path, *,
              as_json: bool) -> int:
    """Exit status 0; 1: something could not be had, or makes no sense."""
    told = await _told(url, unit, model, run_dir)
    if as_json:
        print(msgspec.json.encode(told).decode())
        return 1 if told.errors else 0
    for line in _lines(told, named=model is None):
        print(line)
    for error in told.errors:
        print(error, file=sys.stderr)
    return 1 if told.errors else 0


async def _told(url: LineUrl, unit: int, model: MeterModel | None, run_dir: Path) -> Told:
    try:
        async with open_line(url, run_dir) as line:
            outcome = await read_once(line, unit, model)
        better = await look_elsewhere(outcome, line)
        if better is not None:
            outcome.told.errors.insert(1, better)
        return outcome.told
    except DeviceError as error:
        assert saw(error).sign is Sign.DOWN
        return Told(model=model.slug if model else None, unit=unit, values={}, age_s=0.0,
                    errors=[str(error), *advice(error, unit, url, model)])


def _lines(told: Told, *, named: bool) -> list[str]:
    head = [f"{'model':<28} {told.model}"] if named and told.model else []
    return head + [f"{name:<28} {_text(one)}" for name, one in told.values.items()]


def _text(one: dict[str, float | str | None]) -> str:
    value = one["value"]
    if not isinstance(value, float):
        return "not available"
    unit = "" if one["unit"] == "1" else f" {one['unit']}"
    return f"{value:.10g}{unit}"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The command's own options."""
    parser = commands.add_parser(
        "read", help="read every quantity of one meter once",
        description="Read every quantity of one meter once. Without --model it is found out. What the "
                    "url does not say of a port is taken from the model's factory setting.")
    parser.add_argument("--json", action="store_true", help="machine readable")
    return parser
