"""The computer itself: heat, supply, memory, disk, devices, units. Every question has a deadline.

`root`: where its file system begins, for tests.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.doctor.deadline import NoAnswer, said, within
from edge.doctor.finding import Finding, attention, ok, wrong
from edge.doctor.words import megabytes, span

ROOT = Path("/")
DISK_S, SYSTEMD_S = 3.0, 4.0
#: A Pi 4 throttles from 80 C on, and hard at 85 (Raspberry Pi documentation, "Frequency management
#: and thermal control").
HOT_C, TOO_HOT_C = 75.0, 82.0
LOW_MEMORY = 0.10  # our own choice: a Pi without room begins to kill
LOW_DISK, FULL_DISK = 500_000_000, 50_000_000  # the core's usual thresholds

UNITS = ("forecourt", "forecourt-sync", "forecourt-ui")
_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
#: Bits of get_throttled (Raspberry Pi documentation, "vcgencmd"); the same 16 bits up: since the start.
_THROTTLES = {0: "supply voltage too low", 1: "frequency capped", 2: "throttled",
              3: "soft temperature limit"}
_UNIT_FIELDS = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result"


def examine(state: Path, root: Path = ROOT, *, disk: bool = True) -> list[Finding]:
    """Everything of the computer that needs no controller. `disk`: the state folder's, too."""
    return [*(_disk(state) if disk else ()), *temperature(root), *supply(root), *memory(root),
            *units(root)]


def _disk(state: Path) -> Iterator[Finding]:
    try:
        found = within(lambda: os.statvfs(state), DISK_S, f"disk of {state}")
    except NoAnswer as error:
        yield wrong("disk", str(error), "The card hangs or has failed: `dmesg | tail`.")
        return
    except OSError as error:
        yield wrong("disk", f"{state}: {error.strerror}", "Is the disk mounted? A folder that "
                    "was never made is made at the first start.")
        return
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    what = f"{megabytes(free)} of {megabytes(total)} free at {state}"
    if found.f_flag & os.ST_RDONLY:
        yield wrong("disk", f"{state} is read-only: the card or its file system has failed",
                    "`dmesg | tail`; copy the state folder away, then replace the card.")
    elif free < FULL_DISK:
        yield wrong("disk", what, "Delete what is not ours (`sudo du -xh / | sort -h | tail`); never "
                    "delete a journal.db file.")
    elif free < LOW_DISK:
        yield attention("disk", what, "Delete what is not ours (`sudo du -xh / | sort -h | tail`).")
    else:
        yield ok("disk", what)


def temperature(root: Path = ROOT) -> Iterator[Finding]:
    """The hottest zone of the kernel; nothing where there is none."""
    values = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")):
        try:
            values.append(int(_read(zone)) / 1000)
        except (OSError, ValueError):
            continue
    if not values:
        return
    celsius = max(values)
    if celsius < HOT_C:
        yield ok("temperature", f"{celsius:.0f} C in the computer")
    elif celsius < TOO_HOT_C:
        yield attention("temperature", f"{celsius:.0f} C in the computer, which is hot",
                        "Give the cabinet shade and air, clear its filter.")
    else:
        yield attention("temperature", f"{celsius:.0f} C in the computer: it slows itself down",
                        "Open the cabinet to cool it; it needs shade, air, or a fan.")


def supply(root: Path = ROOT) -> Iterator[Finding]:
    """What a Pi's firmware has seen of its supply; nothing on another computer."""
    try:
        bits = int(_read(root / _THROTTLED), 16)
    except (OSError, ValueError):
        return
    now = [words for bit, words in _THROTTLES.items() if bits >> bit & 1]
    since = [words for bit, words in _THROTTLES.items() if bits >> (bit + 16) & 1]
    remedy = ("Low voltage damages cards and journals: use a supply of 5.1 V with enough current, a "
              "short thick cable, and unplug what the Pi feeds by USB.")
    if now:
        yield attention("supply", f"now: {', '.join(now)}", remedy)
    elif since:
        yield attention("supply", f"since the start: {', '.join(since)}", remedy)
    else:
        yield ok("supply", "the Pi has seen no low voltage since its start")


def memory(root: Path = ROOT) -> Iterator[Finding]:
    """Of /proc/meminfo (proc(5)), and how long the computer has been up."""
    try:
        fields = dict(line.split(":", 1) for line in _read(root / "proc/meminfo").splitlines())
        free, total = (1024 * int(fields[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
        up_s = float(_read(root / "proc/uptime").split()[0])
    except (OSError, ValueError, KeyError, IndexError):
        return
    what = f"{megabytes(free)} of {megabytes(total)} free; computer up {span(up_s)}"
    if free < LOW_MEMORY * total:
        yield attention("memory", what, "Find who takes it: `ps aux --sort=-rss | head`.")
    else:
        yield ok("memory", what)


def units(root: Path = ROOT) -> Iterator[Finding]:
    """What systemd says of our units, where it runs and has any."""
    if not (root / "run/systemd/system").is_dir() or shutil.which("systemctl") is None:
        return
    try:
        _, shown, _ = said(["systemctl", "show", "--no-pager", f"--property={_UNIT_FIELDS}",
                            *(f"{unit}.service" for unit in UNITS)], SYSTEMD_S)
    except NoAnswer as error:
        yield attention("systemd", str(error), "The computer is busy, or PID 1 hangs: restart it when "
                        "no car charges.")
        return
    yield from judge_units(shown)


def judge_units(shown: str) -> Iterator[Finding]:
    """`systemctl show` of several units: blocks of `Key=value`, with empty lines between."""
    running = []
    for block in shown.strip().split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        name = unit.get("Id", "").removesuffix(".service")
        if unit.get("LoadState") != "loaded":
            continue
        state = f"{unit.get('ActiveState')} ({unit.get('SubState')})"
        restarts = unit.get("NRestarts", "0")
        again = "" if restarts in ("", "0") else f", started anew {restarts} times"
        if unit.get("ActiveState") == "active":
            running.append(f"{name}{again}")
        elif unit.get("UnitFileState") == "enabled" or unit.get("ActiveState") == "failed":
            judge = wrong if name == "forecourt" else attention
            result = "" if unit.get("Result") in (None, "success") else f", {unit['Result']}"
            yield judge(f"unit {name}"[:24], f"{state}{result}{again}",
                        f"`journalctl -u {name} -n 50` says why; `sudo systemctl restart {name}`.")
    if running:
        yield ok("systemd", f"active: {', '.join(running)}")


def devices(paths: Sequence[str], root: Path = ROOT) -> Iterator[Finding]:
    """Files of serial lines and readers."""
    there = []
    for path in paths:
        file = root / path.lstrip("/")
        if not file.exists():
            by_id = root / "dev/serial/by-id"
            names = sorted(entry.name for entry in by_id.glob("*")) if by_id.is_dir() else []
            yield wrong("device", f"{path} is not there; /dev/serial/by-id has "
                        f"{', '.join(names) or 'nothing'}", "Plug the adapter in, or correct the "
                        "name in the site's file (a udev rule gives it: docs/install.md).")
        else:
            there.append(path)
    if there:
        yield ok("devices", ", ".join(there))


def process_state(pid: int, root: Path = ROOT) -> str | None:
    """The letter of proc(5): R, S, D (waits for a disk), T (stopped), Z (dead); None: no such one."""
    try:
        return _read(root / f"proc/{pid}/stat").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return None


def process_name(pid: int, root: Path = ROOT) -> str:
    """Its program and arguments, or nothing."""
    try:
        return _read(root / f"proc/{pid}/cmdline").replace("\0", " ").strip()
    except OSError:
        return ""


def holder_of(file: Path, root: Path = ROOT) -> int | None:
    """Who holds a flock on `file`, by /proc/locks: nothing is locked to find out."""
    try:
        found = file.stat()
        locks = _read(root / "proc/locks")
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in locks.splitlines():
        match = re.search(r"FLOCK\s+\S+\s+\S+\s+(-?\d+)\s+(\S+)", line)
        if match and match[2] == place:
            return int(match[1])
    return None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
