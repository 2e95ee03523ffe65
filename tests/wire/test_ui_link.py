"""The driver's screen at a real socket, in a process of its own and in ours."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from edge.controller.request import Origin, Request
from edge.controller.snapshot import EvseView, PriceLine, Screen, SiteView, Snapshot
from edge.link.messages import SNAPSHOT, Reply, accepted, refused
from edge.link.server import LinkServer
from edge.ui.driver_app import DriverApp
from edge.ui.source import LinkSource
from edge.ui.widgets.touch_target import TouchTarget

pytestmark = pytest.mark.wire
DEADLINE_S = 20.0


def charging(energy_wh: int = 23412) -> Snapshot:
    evse = EvseView(id="1", label="Bay 1", state="Occupied", screen=Screen.CHARGING,
                    energy_wh=energy_wh, power_w=10938.0, cost_incl_vat="114.70",
                    price=(PriceLine(dimension="ENERGY", price_incl_vat="4.90"),))
    site = SiteView(id="SE*FCT*E0001", name="Hamngatan garage", time_zone="Europe/Stockholm",
                    languages=("sv", "en"), currency="SEK", phone="+46 10 000 00 00")
    return Snapshot(seq=1, mono_ns=time.monotonic_ns(), utc=None, clock_ok=False, site=site,
                    evses=(evse,))


class Controller:
    """The server's side of `ui.sock`: remembers requests, refuses when told to."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.requests: list[Request] = []
        self.refuses = False
        self.server: LinkServer | None = None

    async def __call__(self, _: object, request: Request) -> Reply:
        self.requests.append(request)
        return refused(request, "not now") if self.refuses else accepted(request)

    async def start(self) -> None:
        self.server = LinkServer(self.run_dir, Origin.UI, self)
        await self.server.start()

    def push(self, snapshot: Snapshot) -> None:
        assert self.server is not None
        self.server.push(SNAPSHOT, snapshot)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close()


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    controller = Controller(tmp_path)
    yield controller
    await controller.stop()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


async def test_the_screen_is_live_survives_the_controller_and_stops_sessions(
        controller: Controller, tmp_path: Path) -> None:
    app = DriverApp(LinkSource(tmp_path))
    async with app.run_test(size=(50, 15)) as pilot:
        def page() -> str:
            return app.model.page if app.model else ""

        await controller.start()
        controller.push(charging())
        await until(lambda: page() == "charging")
        controller.push(charging(energy_wh=34567))
        await until(lambda: app.model is not None and app.model.figure == "34,5")

        stop = next(t for t in app.query(TouchTarget) if t.action == "stop")
        await pilot.click(stop)
        await until(lambda: len(controller.requests) == 1)
        assert controller.requests[0].action == "session.stop"
        assert msgspec.json.decode(controller.requests[0].args["evse_id"]) == "1"
        assert controller.requests[0].origin is Origin.UI

        controller.refuses = True
        await pilot.click(stop)
        await until(lambda: app.model is not None
                    and app.model.notice == "Stoppa med kortet eller i bilen.")

        await controller.stop()
        await until(lambda: page() == "no_contact")
        await controller.start()
        controller.push(charging())
        await until(lambda: page() == "charging")


async def test_a_request_without_contact_is_refused_and_raises_nothing(tmp_path: Path) -> None:
    assert await LinkSource(tmp_path).request("session.stop", {"evse_id": "1"}) is False


async def test_a_snapshot_that_cannot_be_read_is_no_contact(
        controller: Controller, tmp_path: Path) -> None:
    await controller.start()
    assert controller.server is not None
    controller.server.push(SNAPSHOT, {"version": 99})
    async with contextlib.aclosing(LinkSource(tmp_path).snapshots()) as snapshots:  # type: ignore[type-var]
        async with asyncio.timeout(DEADLINE_S):
            assert await anext(snapshots) is None


class Terminal:
    """`forecourt ui` in a pseudo-terminal of 50x15."""

    def __init__(self, run_dir: Path) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 15, 50, 0, 0))
        code = "import sys; from edge.ui.command import main; sys.exit(main(sys.argv[1:]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--run-dir", str(run_dir), "--log", str(run_dir / "ui.log"),
             "--language", "sv"],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")})
        os.close(slave)
        os.set_blocking(self.master, False)
        self.output = b""

    def read(self) -> str:
        """Everything it wrote so far, without escape sequences."""
        with contextlib.suppress(BlockingIOError, OSError):
            while chunk := os.read(self.master, 65536):
                self.output += chunk
        return re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]", b"", self.output).decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.process.kill()
    terminal.process.wait()
    os.close(terminal.master)


async def test_no_key_ends_the_process_and_sigterm_does(
        terminal: Terminal, controller: Controller) -> None:
    await controller.start()
    controller.push(charging())
    await until(lambda: "LADDAR" in terminal.read())
    terminal.type(b"\x03\x11\x04\x1a\x1c\x10q\x1b[15~")
    controller.push(charging(energy_wh=34567))
    terminal.type(b"\x1b[<0;5;14M\x1b[<0;5;14m")  # a tap on "English", after all those keys
    await until(lambda: "CHARGING" in terminal.read())
    assert terminal.process.poll() is None
    terminal.process.send_signal(signal.SIGTERM)
    await until(lambda: terminal.process.poll() is not None)
    assert "Traceback" not in terminal.read()


async def test_a_failure_shows_the_number_and_no_trace_and_the_screen_comes_back(
        terminal: Terminal, controller: Controller, tmp_path: Path) -> None:
    await controller.start()
    bad = charging()
    controller.push(msgspec.structs.replace(
        bad, evses=(msgspec.structs.replace(bad.evses[0], cost_incl_vat="not a number"),)))
    await until(lambda: "SKÄRMEN STARTAR OM" in terminal.read())
    assert "Ring +46 10 000 00 00" in terminal.read()
    controller.push(charging())
    await until(lambda: "LADDAR" in terminal.read())
    assert "Traceback" not in terminal.read()
    assert "InvalidOperation" in (tmp_path / "ui.log").read_text()


def test_ends_when_its_terminal_is_closed(tmp_path):
    """Found as a process that read the end of a closed pty for ever, at half a core."""
    terminal, inside = pty.openpty()
    screen = subprocess.Popen(
        [sys.executable, "-m", "edge.station.cli", "ui", "--run-dir", str(tmp_path), "--log",
         str(tmp_path / "ui.log")], stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"})
    os.close(inside)
    try:
        assert os.read(terminal, 1)  # it draws
        os.close(terminal)
        assert screen.wait(30) == 1
        assert "the terminal is gone" in (tmp_path / "ui.log").read_text()
    finally:
        if screen.poll() is None:
            screen.kill()
            screen.wait()
