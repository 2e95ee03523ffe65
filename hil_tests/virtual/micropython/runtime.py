"""Where MicroPython is on this machine."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
UNPACKED = ROOT / ".build" / "micropython" / "micropython"
FIRMWARE = ROOT / "firmware"
TARGET = Path(__file__).resolve().parent / "target"
FETCH = ROOT / "scripts" / "get_micropython.sh"


class NoMicroPython(FileNotFoundError):
    """No MicroPython on this machine; `scripts/get_micropython.sh` fetches one."""


def find_micropython() -> Path:
    """MicroPython's unix port with `ffi`: from PATH (Debian 13), or as the script unpacked it."""
    if (found := shutil.which("micropython")) and _has_ffi(found):
        return Path(found)
    if os.access(UNPACKED, os.X_OK):
        return UNPACKED
    raise NoMicroPython("micropython is neither on PATH nor in .build/micropython; "
                        "run scripts/get_micropython.sh")


def fetch_micropython() -> Path:
    """As `find_micropython`, but fetches what is missing (once, some seconds)."""
    try:
        return find_micropython()
    except NoMicroPython:
        done = subprocess.run([FETCH], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise
        return Path(done.stdout.strip())


def _has_ffi(executable: str) -> bool:
    probe = subprocess.run([executable, "-c", "import ffi, uctypes"], capture_output=True, check=False)
    return probe.returncode == 0
