"""What the operating system says of this machine and its processes. Linux only."""

import os
import platform
import subprocess
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def description() -> dict[str, str]:
    """CPU, cores, Python, kernel: what makes two reports comparable."""
    return {"cpu": _cpu(), "cores": str(os.cpu_count()), "python": platform.python_version(),
            "kernel": platform.release()}


def commit(folder: Path) -> str:
    """Short id of the checkout, with `+` if files that git knows were changed; "?" without git."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=folder,
                              capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    return done.stdout.strip() or "?"


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes). Raises `OSError` for a process that is gone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB


def cpu_s(pid: int) -> float:
    """CPU time of a process and its threads so far, user and system."""
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / _TICKS_PER_S


def children(pid: int) -> dict[int, list[str]]:
    """Processes that this one started: pid and command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if int(_stat(int(folder.name))[1]) == pid:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                found[int(folder.name)] = words[:-1]
        except OSError:
            continue  # it ended while we looked
    return found


def _stat(pid: int) -> list[str]:
    """Fields of proc_pid_stat(5) from the state on; the name before it may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()
