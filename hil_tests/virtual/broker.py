"""The site's broker: a real mosquitto in a folder of its own, on a free port of the loopback.

It may be killed with -9 and started again on the same port, as brokers are. Without persistence
(the default here) a kill loses every message and session that it had acknowledged.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
SBIN_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
UNPACKED = Path(__file__).resolve().parents[2] / ".build" / "mosquitto" / "mosquitto"


class NoBroker(FileNotFoundError):
    """No mosquitto on this machine; `scripts/get_mosquitto.sh` fetches one."""


def find_mosquitto() -> Path:
    """The broker's executable: from PATH, the sbin folders, or what the script unpacked."""
    where = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN_FOLDERS])
    if found := shutil.which("mosquitto", path=where):
        return Path(found)
    if os.access(UNPACKED, os.X_OK):
        return UNPACKED
    raise NoBroker("mosquitto is neither on PATH nor in .build/mosquitto; run scripts/get_mosquitto.sh")


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """One mosquitto. `port` 0 picks a free one at the first start and keeps it afterwards.

    `settings` are further lines of its configuration file, for example `("max_inflight_messages 5",)`.
    """

    def __init__(self, folder: Path, *, port: int = 0, persistence: bool = False,
                 settings: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = port
        self.persistence = persistence
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:port`, once started."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running broker."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """What the broker wrote about itself, over all its lives."""
        return self.folder / "mosquitto.log"

    def start(self) -> None:
        """Start and wait until it accepts connections. Raises NoBroker, RuntimeError."""
        if self._process is not None:
            raise RuntimeError("the broker runs already")
        executable = find_mosquitto()
        self.folder.mkdir(parents=True, exist_ok=True)
        chosen = self.port
        for _ in range(5):  # somebody else may take the free port before the broker does
            self.port = chosen or free_port()
            self._spawn(executable)
            if self._wait_ready():
                return
            self.kill()
        raise RuntimeError(f"mosquitto does not start on port {self.port}; its log is {self.log_path}")

    def stop(self) -> None:
        """Ask it to end, and wait. Nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`. Nothing happens when it does not run."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, executable: Path) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._configuration()) + "\n")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen([str(executable), "-c", str(config)],
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _configuration(self) -> list[str]:
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "log_dest stderr",
                 "set_tcp_nodelay true", f"persistence {'true' if self.persistence else 'false'}"]
        if self.persistence:
            lines.append(f"persistence_location {self.folder}/")
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes nobody, who may not enter this folder
        return [*lines, *self.settings]

    def _wait_ready(self) -> bool:
        process = self._process
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and process is not None and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return process.poll() is None
            time.sleep(0.01)
        return False

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
