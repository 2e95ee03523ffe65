"""`forecourt board`: look at one pilot board, without a controller."""

import argparse
import asyncio
import sys
import time

import msgspec

from edge.bus.open import open_bus
from edge.controller.pilot import BoardStatus
from edge.controller.trouble import DeviceError
from edge.outlet.board import PilotBoard
from edge.outlet.board_service import BoardService


def main(argv: list[str]) -> int:
    """Exit status 0; 1: the board or the line did not answer; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    try:
        open_bus(arguments.url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_info(arguments.url, arguments.unit, as_json=arguments.json))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt board", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="print the status and every register once")
    info.add_argument("--url", required=True, help="rtu:/dev/ttyUSB0?baud=19200&parity=E")
    info.add_argument("--unit", required=True, type=_unit, help="Modbus unit id, 1..247")
    info.add_argument("--json", action="store_true", help="machine readable")
    return parser


def _unit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 247:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected 1..247")
    return int(text)


async def _info(url: str, unit: int, *, as_json: bool) -> int:
    bus = open_bus(url)
    await bus.start()
    try:
        board = PilotBoard(bus, unit, time.monotonic_ns)
        status, words = await board.poll(), await BoardService(bus, unit).registers()
    except DeviceError as trouble:
        print(f"{trouble}\ncheck the board's 12 V, unit id, baud rate and parity, and the A/B wires",
              file=sys.stderr)
        return 1
    finally:
        await bus.close()
    if as_json:
        print(msgspec.json.encode({"unit": unit, "status": status, "registers": words}).decode())
    else:
        print("\n".join(_lines(status, words)))
    return 0


def _lines(status: BoardStatus, words: dict[str, int]) -> list[str]:
    offer = f"{status.offered_a:g} A" if status.pwm_on else "none (steady)"
    heads = {"firmware": status.firmware, "pilot": status.pilot.value, "offer": offer,
             "permit": "on" if status.permit else "off",
             "mirror": "closed" if status.mirror_closed else "open",
             "diode": "seen" if status.diode_ok else "not seen",
             "faults": ", ".join(status.faults) or "none"}
    return [f"{name:<16} {value}" for name, value in heads.items()] + [""] + [
        f"{name:<16} {value}" for name, value in words.items()]
