"""The GPIO of the virtual cabinet: real processes at its socket, killed as in the field."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from hil_tests.virtual.gpio_server import GpioServer

pytestmark = pytest.mark.wire

SHIM = Path(__file__).resolve().parents[2] / "hil_tests" / "virtual" / "shim"
DEADLINE_S = 20
COIL, MIRROR = 17, 27

# Speaks one Python expression a line, so that a test can act as a controller of its own process.
REPL = """
import sys
from RPi import GPIO
from edge.outlet.gpio import RpiGpio
from edge.outlet.contactor import Contactor
for line in sys.stdin:
    try:
        print(repr(eval(line)), flush=True)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
"""


class Process:
    """A Python process with the shim on its path."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, expression: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(expression.encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            return (await self._process.stdout.readline()).decode().strip()

    async def kill9(self) -> None:
        if self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


@pytest.fixture
async def moves():
    return []


@pytest.fixture
async def server(tmp_path, moves):
    server = GpioServer(lambda pin, level, cause: moves.append((pin, level, cause.split(" by ")[0])))
    await server.start(tmp_path / "gpio.sock")
    yield server
    await server.stop()


@pytest.fixture
async def spawn(server, tmp_path):
    processes = []

    async def start() -> Process:
        environment = {**os.environ, "PYTHONPATH": str(SHIM),
                       "FORECOURT_CABINET_GPIO": str(tmp_path / "gpio.sock")}
        process = Process(await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPL, env=environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE))
        processes.append(process)
        return process

    yield start
    for process in processes:
        await process.kill9()


async def until(condition) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        await asyncio.sleep(0.005)


async def test_it_refuses_what_the_library_refuses(spawn):
    process = await spawn()
    assert "RuntimeError: Please set pin numbering mode" in await process.ask("GPIO.input(17)")
    assert await process.ask("GPIO.setmode(GPIO.BCM)") == "None"
    assert "ValueError: A different mode" in await process.ask("GPIO.setmode(GPIO.BOARD)")
    assert "You must setup() the GPIO channel first" in await process.ask("GPIO.input(17)")
    assert "has not been set up as an OUTPUT" in await process.ask("GPIO.output(17, 1)")
    assert "not valid for inputs" in await process.ask("GPIO.setup(17, GPIO.IN, initial=1)")
    assert "invalid on a Raspberry Pi" in await process.ask("GPIO.setup(99, GPIO.IN)")
    assert "Number of channels" in await process.ask("GPIO.output([17, 18], [1])")


async def test_a_line_follows_the_process_and_the_process_the_line(spawn, server, moves):
    process = await spawn()
    await process.ask("GPIO.setmode(GPIO.BOARD)")
    await process.ask("GPIO.setup(11, GPIO.OUT, initial=GPIO.LOW)")  # pin 11 is GPIO17
    assert moves == []
    await process.ask("GPIO.output(11, True)")
    assert moves == [(COIL, True, "output")]
    assert await process.ask("GPIO.input(11)") == "1"
    await process.ask("GPIO.setup(13, GPIO.IN)")
    assert await process.ask("GPIO.input(13)") == "0"
    server.drive(MIRROR, True)
    assert await process.ask("GPIO.input(13)") == "1"


@pytest.mark.parametrize(("on_exit", "found", "left_energised"), [
    ("persist", "True", True), ("input", "None", False), ("reset", "None", False)])
async def test_what_a_killed_process_leaves_is_found_before_it_is_claimed(
        spawn, server, moves, on_exit, found, left_energised):
    server.on_exit = on_exit
    first = await spawn()
    await first.ask("GPIO.setmode(GPIO.BCM)")
    await first.ask("GPIO.setup(17, GPIO.OUT, initial=1)")
    await first.kill9()
    await until(lambda: server.driven(COIL) is left_energised)
    moves.clear()
    second = await spawn()
    assert await second.ask("[gpio := RpiGpio(), gpio.found_output(17)][1]") == found
    assert await second.ask("Contactor(RpiGpio(), 17, 27).claim()") == str(left_energised)
    assert server.driven(COIL) is left_energised
    assert moves == [], "claiming moved a coil"


async def test_an_output_latch_survives_as_input_and_a_careless_setup_would_energise_it(spawn, server):
    """Why a line that nobody drives is claimed with an explicit low."""
    server.on_exit = "input"
    first = await spawn()
    await first.ask("GPIO.setmode(GPIO.BCM)")
    await first.ask("GPIO.setup(17, GPIO.OUT, initial=1)")
    await first.kill9()
    await until(lambda: not server.driven(COIL))
    careless = await spawn()
    await careless.ask("GPIO.setmode(GPIO.BCM)")
    await careless.ask("GPIO.setup(17, GPIO.OUT)")
    assert server.driven(COIL)


async def test_releasing_moves_nothing_but_cleanup_would(spawn, server, moves):
    process = await spawn()
    await process.ask("[c := Contactor(RpiGpio(), 17, 27), c.claim(), c.set(True), c.release()]")
    assert server.driven(COIL)
    await process.ask("GPIO.cleanup()")
    assert [move[1] for move in moves] == [True, False]


async def test_a_cabinet_that_is_gone_is_a_device_error(spawn, server):
    process = await spawn()
    assert await process.ask("[c := Contactor(RpiGpio(), 17, 27), globals().update(c=c), c.claim()][2]"
                             ) == "False"
    await server.stop()
    assert "LineDown" in await process.ask("c.coil_on()")


async def test_without_the_socket_it_is_not_a_raspberry_pi():
    environment = {**os.environ, "PYTHONPATH": str(SHIM)}
    environment.pop("FORECOURT_CABINET_GPIO", None)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from edge.outlet.gpio import RpiGpio; RpiGpio()", env=environment,
        stderr=asyncio.subprocess.PIPE)
    _, stderr = await process.communicate()
    assert "LineDown: cannot use GPIO at RPi.GPIO: got This module can only be run" in stderr.decode()


async def test_a_round_trip_is_short(spawn, server, record_property):
    process = await spawn()
    await process.ask("[c := Contactor(RpiGpio(), 17, 27), globals().update(c=c), c.claim()]")
    before = server.requests
    median_us = float(await process.ask(
        "(lambda t, s: (s([(lambda a: (c.coil_on(), t() - a)[1])(t()) for _ in range(500)])))"
        "(__import__('time').perf_counter, __import__('statistics').median) * 1e6"))
    record_property("gpio_round_trip_us", median_us)
    print(f"GPIO round trip: median {median_us:.0f} us")
    assert server.requests - before == 500
