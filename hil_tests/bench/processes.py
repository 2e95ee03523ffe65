"""Start, idle load and memory of the processes of the virtual site."""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator

from hil_tests.bench.machine import children, cpu_s, rss_mb
from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.site import VirtualSite, command

IDLE, READY, MEMORY = (f"python -m hil_tests.bench --only {name}" for name in ("idle", "ready", "rss"))
IDLE_CPU_PERCENT, CONTROLLER_RSS_MB, READY_S = 3.0, 80.0, 2.0
SETTLE_S = 3.0
_ROWS, _COLUMNS = 15, 50  # the driver's panel
_UI_S = 4.0
_METER_LOST_S = 10.0  # how long a meter may be silent before it is a fault


async def idle_rows(site: VirtualSite, seconds: float) -> list[Row]:
    """CPU and memory of a controller with nothing to do; then with a car at every outlet."""
    evses = f"{len(site.evses)} EVSEs"
    idle = await _percent(site, seconds)
    found = [
        Row(f"controller idle, {evses}", idle["controller"], "% of a core", 1, IDLE,
            target=IDLE_CPU_PERCENT, note=f"over {seconds:g} s"),
        Row(f"controller memory, {evses}", rss_mb(site.children.pid("controller")), "MB RSS", 1, IDLE,
            target=CONTROLLER_RSS_MB),
        _faults(site, f"faults raised while idle, {evses}"),
        Row("sync idle", idle["sync"], "% of a core", 1, IDLE),
        Row("cabinet idle (virtual hardware)", idle["cabinet"], "% of a core", 1, IDLE),
    ]
    async with site.rig() as rig:
        for evse in site.evses:
            await rig.plug(evse)
    plugged = await _percent(site, max(seconds, _METER_LOST_S + 1))
    return [*found,
            Row(f"controller, cars at all {evses}", plugged["controller"], "% of a core", 1, IDLE),
            _faults(site, f"faults raised by then, {evses}")]


async def _percent(site: VirtualSite, seconds: float) -> dict[str, float]:
    """Share of a core that each process takes."""
    await asyncio.sleep(SETTLE_S)
    names = ("controller", "sync", "cabinet")
    before = {name: cpu_s(site.children.pid(name)) for name in names}
    start_s = time.monotonic()
    await asyncio.sleep(seconds)
    elapsed_s = time.monotonic() - start_s
    return {name: (cpu_s(site.children.pid(name)) - before[name]) / elapsed_s * 100 for name in names}


def _faults(site: VirtualSite, name: str) -> Row:
    """What the controller complained of; a line that cannot serve so many shows here first."""
    log = site.children.log_path("controller").read_text(encoding="utf-8", errors="replace")
    faults = [line.partition(" ERROR ")[2] for line in log.splitlines() if " ERROR " in line]
    return Row(name, len(faults), "faults", 1, IDLE, note="; ".join(faults[:2]))


async def ready_rows(site: VirtualSite, count: int) -> list[Row]:
    """As `start_rows`, of a site with an empty journal."""
    return await start_rows(site, count, "", READY)


async def start_rows(site: VirtualSite, count: int, words: str, command_: str, *, note: str = "",
                     before: Callable[[], None] = lambda: None) -> list[Row]:
    """From just before the controller's `exec` to the moment that its ready file names. `before`: done
    while no controller runs."""
    taken, cpu = [], []
    for _ in range(count):
        await site.children.end("controller")
        before()
        start_ns = time.monotonic_ns()
        await site.start("controller")
        cpu.append(cpu_s(site.children.pid("controller")))
        taken.append((await ready_ns(site) - start_ns) / 1e9)
    words = f", {words}" if words else ""
    return [distribution(f"controller: exec -> ready{words}", taken, "s", command_, target=READY_S,
                         note=note),
            distribution(f"controller: CPU time of a start{words}", cpu, "s", command_)]


async def ready_ns(site: VirtualSite) -> int:
    """The moment in the controller's ready file, which is there before there is anything in it."""
    file = site.run_dir / "ready"
    await site.children.until("controller", lambda: file.read_text().strip() != "")
    return int(file.read_text())


async def memory_rows(site: VirtualSite) -> list[Row]:
    """Resident memory of every process of the site, with a screen that runs in a pty."""
    pids = {name: site.children.pid(name) for name in ("controller", "sync", "ingest", "cabinet")}
    pids["reader"] = _child(pids["controller"], "edge.rfid.reader")
    pids["one board (MicroPython)"] = _child(pids["cabinet"], "main.py")
    if site.broker.pid is not None:
        pids["broker"] = site.broker.pid
    with _screen(site) as pid:
        await asyncio.sleep(_UI_S)
        pids["ui"] = pid
        return [Row(f"memory: {name}", rss_mb(pid), "MB RSS", 1, MEMORY)
                for name, pid in sorted(pids.items())]


def _child(parent: int, word: str) -> int:
    for pid, words in children(parent).items():
        if any(word in part for part in words):
            return pid
    raise RuntimeError(f"process {parent} has no child with {word!r} in its command line")


@contextlib.contextmanager
def _screen(site: VirtualSite) -> Iterator[int]:
    """The driver's screen in a pty that somebody reads; its pid."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        command("ui", "--run-dir", str(site.run_dir), "--log", str(site.folder / "ui.log")),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"})
    os.close(theirs)
    reader = threading.Thread(target=_swallow, args=(ours,), daemon=True)
    reader.start()
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        os.close(ours)


def _swallow(fd: int) -> None:
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while os.read(fd, 65536):
            pass
