"""The whole virtual site in one folder: cabinet, broker, ingest, controller, sync, each a process.

Everything of a site is in its folder: `site.toml`, state, sockets, database, and `<name>.log` of each
child ("cabinet", "controller", "sync", "ingest"; the broker has `broker/mosquitto.log`).
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from hil_tests.virtual import cabinet_config, operator, site_file
from hil_tests.virtual.broker import Broker
from hil_tests.virtual.children import READY_S, ChildFailed, Children
from hil_tests.virtual.rig import VirtualRig
from hil_tests.virtual.site_file import USUAL, Choices

SHIM = Path(__file__).parent / "shim"
_LONGEST_SOCKET = 100  # sockaddr_un.sun_path has 108 bytes

Progress = Callable[[str], None]


def command(*words: str) -> list[str]:
    """A `forecourt` command of this very installation."""
    return [sys.executable, "-m", "edge.station.cli", *words]


class VirtualSite:
    """`async with VirtualSite(folder) as site: ...`. Use from the main thread only.

    `kill9(name)` and `start(name)` take "controller", "sync", "ingest" or "broker".
    """

    def __init__(self, folder: Path, *, evses: int = 2, on_exit: str = "persist",
                 log_level: str = "INFO", hold_s: int | None = None, choices: Choices = USUAL,
                 progress: Progress = lambda _: None) -> None:
        """Starts nothing. `choices`: what `site.toml` says otherwise than usual, `hold_s` one of them.
        `progress` is told what happens, in words.
        """
        self.folder = folder.absolute()
        self.evses = tuple(str(n + 1) for n in range(evses))
        self.state_dir = self.folder / "state"
        self.site_file = self.folder / "site.toml"
        self.db_url = f"sqlite:///{self.folder / 'cloud.db'}"
        self.children = Children(self.folder)
        self.broker = Broker(self.folder / "broker", persistence=True)
        self._on_exit, self._log_level, self._progress = on_exit, log_level, progress
        self._choices = choices if hold_s is None else replace(choices, hold_s=hold_s)
        self._short: Path | None = None
        self.environment: dict[str, str] = {}  # of the controller, besides what it must have
        self.counts_failures = False  # a test kills more often than a site is killed in ten minutes
        self.run_dir = self.folder / "run"

    @property
    def control(self) -> Path:
        """The rig's socket."""
        return self.run_dir / "rig.sock"

    @property
    def cards(self) -> dict[str, str]:
        """Which card the driver of each bay carries."""
        names = list(site_file.CARDS)
        return {evse: names[n % len(names)] for n, evse in enumerate(self.evses)}

    def rig(self) -> VirtualRig:
        """A client of the cabinet."""
        return VirtualRig(self.control)

    async def __aenter__(self) -> Self:
        try:
            await self.start_all()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.stop()

    async def start_all(self) -> None:
        """Write the files and start every process; returns when all are ready."""
        self._make_folders()
        self._progress("broker")
        await asyncio.to_thread(self.broker.start)
        reader_port, relay_port = _free_udp_port(), _free_tcp_port()
        site_file.write_site(self.folder, run_dir=self.run_dir, evses=len(self.evses),
                             reader_port=reader_port, relay_port=relay_port, choices=self._choices)
        config = site_file.cabinet_of(self.site_file, control=self.control, on_exit=self._on_exit,
                                      gpio=self.run_dir / "gpio.sock", broker_port=self.broker.port)
        cabinet_config.write(config, self.folder / "cabinet.json")
        self._progress("cards")
        await self._list_cards()
        self._progress("cabinet and cloud")
        await asyncio.gather(self.start("cabinet"), self.start("ingest"))
        self._progress("controller")
        await self.start("controller")
        await self.start("sync")

    async def _list_cards(self) -> None:
        if self._choices.people:
            await operator.deliver(self._forecourt, self.site_file, self.state_dir, site_file.SITE_ID)
            return
        for n, uid in enumerate(site_file.CARDS.values()):
            await self._forecourt("card", "add", uid, "--state-dir", str(self.state_dir),
                                  "--contract", f"SE-FCT-C0000000{n + 1}-{n}")

    async def start(self, name: str) -> None:
        """Start one of the processes and wait until it is ready. Raises `ChildFailed`."""
        if name == "broker":
            await asyncio.to_thread(self.broker.start)
            return
        polls = await self._polls() if name == "controller" else 0
        self.launch(name)
        await self.children.until(name, self._ready_file(name).exists)
        if name == "controller" and not self.in_safe_stop():
            await self._until_reader_polls(polls)

    def how(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Words and additional environment by which one of its own processes is started."""
        return self._how(name)

    def launch(self, name: str) -> None:
        """Start one of the processes, but the broker, and wait for nothing."""
        self._ready_file(name).unlink(missing_ok=True)
        if name == "controller" and not self.counts_failures:
            (self.run_dir / "starts.json").unlink(missing_ok=True)
        self.children.start(name, *self._how(name))

    def kill9(self, name: str) -> None:
        """`kill -9` one of the processes."""
        if name == "broker":
            self.broker.kill()
        else:
            self.children.kill9(name)

    async def restart(self, name: str) -> None:
        """`kill -9` and start again."""
        self.kill9(name)
        await self.start(name)

    def in_safe_stop(self) -> bool:
        """Whether the controller runs that only holds everything off."""
        ready = self._ready_file("controller")
        return ready.exists() and ready.read_text() == "safe stop\n"

    def damage_journal(self) -> None:
        """The head of the journal's file is overwritten. While no controller runs."""
        with (self.state_dir / "journal.db").open("r+b") as file:
            file.write(b"\x55" * 512)

    def damage_cards(self) -> None:
        """The head of the list of cards is overwritten. While no controller runs."""
        for log in ("-wal", "-shm"):
            (self.state_dir / f"cards.db{log}").unlink(missing_ok=True)
        with (self.state_dir / "cards.db").open("r+b") as file:
            file.write(b"\x55" * 512)

    async def list_cards(self) -> None:
        """The cards of the site's people, as at the first start."""
        await self._list_cards()

    def fill_state(self, megabytes: int) -> None:
        """So much of the state folder is taken by a file of somebody else; 0: it is gone again."""
        filler = self.state_dir / "filler"
        filler.unlink(missing_ok=True)
        if megabytes:
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, megabytes * 1_000_000)

    async def stop(self) -> None:
        """End everything, the controller first and the cabinet last."""
        for name in ("controller", "sync", "ingest", "cabinet"):
            await self.children.end(name, hurry=True)
        await asyncio.to_thread(self.broker.stop)
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)

    async def cdrs(self) -> list[str]:
        """What the cloud's database holds: one OCPI CDR as JSON each. Empty before there is one."""
        if not (self.folder / "cloud.db").exists():
            return []
        return (await self._forecourt("ingest", "cdr", "--db", self.db_url, "--json")).splitlines()

    async def sessions(self) -> list[str]:
        """The cloud's transactions, one JSON object each: see `forecourt ingest sessions`."""
        return (await self._forecourt("ingest", "sessions", "--db", self.db_url, "--json")).splitlines()

    async def _until_reader_polls(self, before: int) -> None:
        """A card that is held to a reader which is still starting is a card that nobody saw."""
        deadline = time.monotonic() + READY_S
        while await self._polls() <= before:
            if time.monotonic() > deadline:
                raise ChildFailed(f"the card reader looks for no card within {READY_S:g} s; see "
                                  f"{self.children.log_path('controller')}")
            await asyncio.sleep(0.02)

    async def _polls(self) -> int:
        async with self.rig() as rig:
            return int(await rig.ask("polls"))

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state_dir.mkdir(exist_ok=True)
        if len(str(self.run_dir / "service.sock")) > _LONGEST_SOCKET:
            self._short = self.run_dir = Path(tempfile.mkdtemp(prefix="forecourt-"))
        self.run_dir.mkdir(exist_ok=True)

    def _ready_file(self, name: str) -> Path:
        if name == "cabinet":
            return self.control
        return self.run_dir / ("ready" if name == "controller" else f"{name}.ready")

    def _how(self, name: str) -> tuple[list[str], dict[str, str]]:
        if name == "cabinet":
            return [sys.executable, "-m", "hil_tests.virtual.cabinet",
                    str(self.folder / "cabinet.json")], {}
        if name == "controller":
            more = [self.environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
            paths = [str(SHIM), *filter(None, more)]
            return (command("run", "--site", str(self.site_file), "--log-level", self._log_level),
                    {**self.environment, "PYTHONPATH": os.pathsep.join(paths),
                     "FORECOURT_CABINET_GPIO": str(self.run_dir / "gpio.sock")})
        ready = ["--ready-file", str(self._ready_file(name))]
        if name == "sync":
            return command("sync", "--run-dir", str(self.run_dir), "--state-dir", str(self.state_dir),
                           *ready), {}
        if name == "ingest":
            return command("ingest", "run", "--broker", self.broker.url, "--db", self.db_url,
                           *ready), {}
        raise ValueError(f"process: got {name!r}, expected cabinet, controller, sync, ingest or broker")

    async def _forecourt(self, *words: str) -> str:
        """Run a command to its end; its stdout. Raises `RuntimeError` with its stderr."""
        process = await asyncio.create_subprocess_exec(
            *command(*words), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        out, complaint = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"forecourt {' '.join(words[:2])}: {complaint.decode().strip()}")
        return out.decode()


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
