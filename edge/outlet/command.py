"""`forecourt board`: look at, test and calibrate one pilot board, without a controller on its line."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator

import msgspec

from edge.bus.open import open_bus
from edge.controller.pilot import BoardStatus
from edge.controller.trouble import DeviceError, DeviceRefused
from edge.outlet.board import PilotBoard
from edge.outlet.board_service import BoardService
from edge.outlet.calibrate import Calibrator
from edge.outlet.calibration import CannotCalibrate
from edge.outlet.checks import judge, passed
from edge.outlet.selftest import lines, measure


def main(argv: list[str]) -> int:
    """Exit status 0; 1: something failed or did not answer; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    try:
        open_bus(arguments.url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(arguments))
    except CannotCalibrate as error:
        print(error, file=sys.stderr)
    except DeviceRefused as refusal:
        print(refusal, file=sys.stderr)
    except DeviceError as trouble:
        print(f"{trouble}\ncheck the board's 12 V, unit id, baud rate and parity, and the A/B wires",
              file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt board", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="print the status and every register once")
    info.add_argument("--json", action="store_true", help="machine readable")
    test = commands.add_parser(
        "selftest", help="test the residual current module, check voltages, times and counters")
    test.add_argument("--json", action="store_true", help="machine readable")
    calibrate = commands.add_parser(
        "calibrate", help="measure both plateaus of the pilot with a voltmeter, without a car")
    calibrate.add_argument("--high-mv", type=int, help="steady +12 V as measured at the outlet, in mV")
    calibrate.add_argument("--low-mv", type=int, help="steady -12 V (state F), with its minus, in mV")
    calibrate.add_argument("--yes", action="store_true", help="write without asking")
    for command in (info, test, calibrate):
        command.add_argument("--url", required=True, help="rtu:/dev/ttyUSB0?baud=19200&parity=E")
        command.add_argument("--unit", required=True, type=_unit, help="Modbus unit id, 1..247")
    return parser


def _unit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 247:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected 1..247")
    return int(text)


async def _run(arguments: argparse.Namespace) -> int:
    async with _board(arguments.url, arguments.unit) as (board, service):
        if arguments.command == "calibrate":
            good = await Calibrator(board, service, _ask, print).run(
                arguments.high_mv, arguments.low_mv, sure=arguments.yes)
            return 0 if good else 1
        if arguments.command == "selftest":
            return await _self_test(board, service, as_json=arguments.json)
        return await _info(board, service, arguments.unit, as_json=arguments.json)


async def _ask(question: str) -> str:
    """A person at the terminal, while the line goes on."""
    return await asyncio.to_thread(input, question)


@contextlib.asynccontextmanager
async def _board(url: str, unit: int) -> AsyncIterator[tuple[PilotBoard, BoardService]]:
    bus = open_bus(url)
    await bus.start()
    try:
        yield PilotBoard(bus, unit, time.monotonic_ns), BoardService(bus, unit)
    finally:
        await bus.close()


async def _self_test(board: PilotBoard, service: BoardService, *, as_json: bool) -> int:
    checks = judge(await measure(board, service))
    good = passed(checks)
    if as_json:
        print(msgspec.json.encode({"passed": good, "checks": checks}).decode())
    else:
        print("\n".join([*lines(checks), "", "passed" if good else "NOT passed"]))
    return 0 if good else 1


async def _info(board: PilotBoard, service: BoardService, unit: int, *, as_json: bool) -> int:
    status, words, identity = await board.poll(), await service.registers(), await service.identity()
    if as_json:
        print(msgspec.json.encode({"unit": unit, "identity": identity, "status": status,
                                   "registers": words}).decode())
    else:
        print("\n".join(_lines(status, words, identity)))
    return 0


def _lines(status: BoardStatus, words: dict[str, int], identity: dict[str, str]) -> list[str]:
    offer = f"{status.offered_a:g} A" if status.pwm_on else "none (steady)"
    heads = identity | {
        "firmware": status.firmware, "pilot": status.pilot.value, "offer": offer,
        "permit": "on" if status.permit else "off",
        "Pi's relay": "on" if status.request else "off",
        "mirror": "closed" if status.mirror_closed else "open",
        "diode": "seen" if status.diode_ok else "not seen",
        "temperature": "no sensor" if status.temperature_c is None else f"{status.temperature_c:g} C",
        "faults": ", ".join(status.faults) or "none"}
    return [f"{name:<20} {value}" for name, value in heads.items()] + [""] + [
        f"{name:<20} {value}" for name, value in words.items()]
