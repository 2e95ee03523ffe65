"""The processes of a site: who is there, and whether he moves. By /proc, where it may be read."""

from collections.abc import Iterator
from pathlib import Path

from edge.doctor.computer import ROOT, process_state
from edge.doctor.finding import Finding, attention, ok
from edge.link.health import Health

_MOTIONLESS = {"T": "stopped by a signal (SIGSTOP)", "t": "held by a debugger", "Z": "dead",
               "D": "waits for a disk or a device that does not answer"}


def motionless(pid: int, root: Path = ROOT) -> str | None:
    """Why a process does nothing; None: it may."""
    return _MOTIONLESS.get(process_state(pid, root) or "")


def examine(now: Health, root: Path = ROOT) -> Iterator[Finding]:
    """Clients of the sockets and readers. `D` alone says nothing: every process is there at times."""
    seen = [(client.origin, client.pid) for client in now.clients if client.origin != "service"]
    seen += [(f"reader {reader.id}", reader.pid) for reader in now.readers if reader.pid is not None]
    moving = []
    for name, pid in seen:
        why = motionless(pid, root)
        if why is None or process_state(pid, root) == "D":
            moving.append(f"{name} {pid}")
        else:
            yield attention(f"{name} process", f"pid {pid} is {why}",
                            f"`kill -CONT {pid}`; if it stays, `kill -9 {pid}`: it is started anew, "
                            "and charging goes on meanwhile.")
    if not any(client.origin == "ui" for client in now.clients):
        moving.append("no screen")
    yield ok("processes", f"controller {now.pid}, {', '.join(moving)}")
