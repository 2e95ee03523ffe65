"""Where MicroPython is on this machine, and how a board runs in it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[3]
UNPACKED = ROOT / ".build" / "micropython" / "micropython"
PACKAGE = "@micropython/micropython-webassembly-pyscript"
INSTALLED = ROOT / ".build" / "micropython-wasm" / "node_modules" / PACKAGE / "micropython.mjs"
FIRMWARE = ROOT / "firmware"
HERE = Path(__file__).resolve().parent
TARGET = HERE / "target"
LAUNCHER = HERE / "wasm" / "board.mjs"
FETCH = ROOT / "scripts" / "get_micropython.sh"

NODE_MAJOR = 18  # the oldest that loads the port
HEAP = "200k"  # of the unix port, a hard limit: about what an RP2040 has left

Port = Literal["unix", "wasm"]


class NoMicroPython(FileNotFoundError):
    """No MicroPython on this machine; `scripts/get_micropython.sh` fetches one."""


@dataclass(frozen=True)
class Runtime:
    """A port of MicroPython. `executable`: the unix port itself, or the node that runs the other."""

    port: Port
    executable: Path

    def command(self, firmware: Path) -> list[str]:
        """What runs `firmware/main.py`; the board's flash is the current folder."""
        if self.port == "unix":
            return [str(self.executable), "-X", f"heapsize={HEAP}", str(firmware / "main.py")]
        small = "--max-semi-space-size=1"  # MB of garbage; there is one node for each board
        return [str(self.executable), small, *map(str, (LAUNCHER, INSTALLED, firmware, TARGET))]

    def environment(self, page: str, uart: int) -> dict[str, str]:
        """For that command: the file with the board's silicon, and the inherited pty."""
        return {"MICROPYPATH": f"{TARGET / 'unix'}:{TARGET}:.frozen", "PATH": os.defpath,
                "BOARD": f"page={page},uart={uart}"}


def find_micropython(port: Port | None = None) -> Runtime:
    """The best MicroPython here, or the one of this port; raises NoMicroPython.

    In this order: the unix port with `ffi` from PATH (Debian 13), or as the script unpacked it; the
    webassembly port that the script installed, under node.
    """
    for runtime in _all_found():
        if port in (None, runtime.port):
            return runtime
    what = {None: "micropython", "unix": "MicroPython's unix port",
            "wasm": f"MicroPython's webassembly port, or node ({NODE_MAJOR} or newer) to run it,"}[port]
    raise NoMicroPython(f"{what} is neither on PATH nor in .build; run scripts/get_micropython.sh"
                        + (" --wasm" if port == "wasm" else ""))


def fetch_micropython(port: Port | None = None) -> Runtime:
    """As `find_micropython`, but fetches what is missing (once, some seconds)."""
    try:
        return find_micropython(port)
    except NoMicroPython:
        option = {None: [], "unix": ["--unpack"], "wasm": ["--wasm"]}[port]
        done = subprocess.run([FETCH, *option], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise
        return find_micropython(port)


def _all_found() -> list[Runtime]:
    found = []
    if (unix := shutil.which("micropython")) and _succeeds(unix, "-c", "import ffi, uctypes"):
        found.append(Runtime("unix", Path(unix)))
    if os.access(UNPACKED, os.X_OK):
        found.append(Runtime("unix", UNPACKED))
    if INSTALLED.exists() and (node := shutil.which("node")) and _is_new_enough(node):
        found.append(Runtime("wasm", Path(node)))
    return found


def _is_new_enough(node: str) -> bool:
    old = f"parseInt(process.versions.node) < {NODE_MAJOR}"
    return _succeeds(node, "-e", f"process.exit({old} ? 1 : 0)")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
