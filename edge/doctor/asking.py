"""Asks the controller at its service socket, and says in what way it does not answer."""

import asyncio
import contextlib
import enum
import socket
import struct
from pathlib import Path

from edge.controller.faults import FaultCode
from edge.controller.snapshot import Snapshot
from edge.controller.struct import Value
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkLost, LinkRefused
from edge.link.health import HEALTH, Health

SOCKET = "service.sock"
PATIENCE_S = 2.0
BETWEEN_S = 1.5
"""Between two answers: enough for a rate of errors on each line."""

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class Presence(enum.StrEnum):
    """How a socket is."""

    ANSWERS = "answers"
    SILENT = "silent"  # somebody holds it, and says nothing
    REFUSES = "refuses"  # it answers, and not with this
    SAFE_STOP = "safe stop"  # it answers, and nothing else runs
    LEFT_OVER = "left over"  # its file is there, and nobody behind it
    ABSENT = "absent"
    FORBIDDEN = "forbidden"


class Answer(Value):
    """What came of asking. `pid`: the process behind the socket, as the kernel knows it."""

    presence: Presence
    path: str
    now: Health | None = None
    before: Health | None = None
    pid: int | None = None
    error: str = ""


def ask(run_dir: Path, *, patience_s: float = PATIENCE_S, between_s: float = BETWEEN_S) -> Answer:
    """Two answers if there are any. Never takes longer than 3 * `patience_s` + `between_s`."""
    path = run_dir / SOCKET
    presence, pid = knock(path, patience_s)
    if presence is not Presence.ANSWERS:
        return Answer(presence=presence, path=str(path), pid=pid)
    return asyncio.run(_ask(path, pid, patience_s, between_s))


def knock(path: Path, patience_s: float = PATIENCE_S) -> tuple[Presence, int | None]:
    """Whether somebody listens at `path`, and his process; he need not do anything for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(patience_s)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return Presence.ABSENT, None
        except PermissionError:
            return Presence.FORBIDDEN, None
        except ConnectionRefusedError:
            return Presence.LEFT_OVER, None
        except OSError:  # its queue of connections is full: nobody takes them
            return Presence.SILENT, None
        pid, _, _ = _UCRED.unpack(
            probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Presence.ANSWERS, pid or None


async def _ask(path: Path, pid: int | None, patience_s: float, between_s: float) -> Answer:
    client = LinkClient(path)
    before: Health | None = None
    try:
        await client.connect(timeout_s=patience_s)
        before = await client.ask(HEALTH, None, Health, timeout_s=patience_s)
        await asyncio.sleep(between_s)
        now = await client.ask(HEALTH, None, Health, timeout_s=patience_s)
        return Answer(presence=Presence.ANSWERS, path=str(path), pid=pid, now=now, before=before)
    except LinkLost as error:
        how, why = Presence.SILENT, str(error)
    except LinkRefused as error:
        how, why = await _stopped(client, str(error), patience_s)
    except LinkError as error:
        late = isinstance(error, TimeoutError)
        how, why = Presence.SILENT if late else Presence.REFUSES, str(error)
    finally:
        with contextlib.suppress(TimeoutError):  # the closing handshake waits for the other side
            async with asyncio.timeout(patience_s):
                await client.close()
    return Answer(presence=how, path=str(path), pid=pid, before=before, error=why)


async def _stopped(client: LinkClient, refusal: str, patience_s: float) -> tuple[Presence, str]:
    """A controller in safe stop has no figures, but it says what stands."""
    with contextlib.suppress(LinkError):
        snapshot = await client.ask("status", None, Snapshot, timeout_s=patience_s)
        for fault in snapshot.faults:
            if fault.code is FaultCode.RESTART_LOOP:
                since = (fault.since_utc or "?")[:19]
                return Presence.SAFE_STOP, f"{fault.name} since {since}Z: {fault.detail}"
    return Presence.REFUSES, refusal
