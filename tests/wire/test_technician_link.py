"""`forecourt evse` and `forecourt faults clear` at a real service socket, as processes of their own."""

import asyncio
import os
import pty
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from edge.controller.faults import FaultCode, Severity
from edge.controller.request import Origin, Request
from edge.controller.snapshot import EvseView, FaultView, Screen, SiteView, Snapshot
from edge.link.messages import Reply, accepted, failed, refused, resulted
from edge.link.server import LinkServer

pytestmark = pytest.mark.wire
DEADLINE_S = 30.0


class Done(NamedTuple):
    status: int | None
    out: str
    err: str


class FakeController:
    """Faults end when they are cleared, but F402; `says` answers instead of doing it."""

    def __init__(self) -> None:
        self.faults = {("F401", "1"), ("F401", "2"), ("F402", "stop")}
        self.says: Reply | None = None
        self.asked: list[tuple[str, dict[str, object]]] = []

    async def handle(self, _: object, request: Request) -> Reply:
        if request.action == "status":
            return resulted(request, self._snapshot())
        args = {key: msgspec.json.decode(value) for key, value in request.args.items()}
        self.asked.append((request.action, args))
        if self.says is not None:
            return self.says
        if request.action == "fault.clear" and args["code"] != "F402":
            self.faults.discard((args["code"], args["where"]))
        if request.action == "session.stop" and args["evse_id"] == "2":
            return refused(request, "evse 2: no session runs")
        if request.action == "session.pause":
            return failed(request, "session.pause: no answer in time")
        return accepted(request)

    def _snapshot(self) -> Snapshot:
        views = {where: FaultView(code=FaultCode(code), name="", severity=Severity.DANGER, where=where,
                                  since_utc=None, detail="as seen")
                 for code, where in self.faults}
        site = SiteView(id="S", name="Garage", time_zone="Europe/Stockholm", languages=("sv", "en"),
                        currency="SEK", phone="+46 10 000 00 00")
        evses = tuple(EvseView(id=n, label=f"Plats {n}", state="Faulted", screen=Screen.FAULT,
                               faults=tuple(v for w, v in views.items() if w == n)) for n in "12")
        return Snapshot(seq=1, mono_ns=1, utc=None, clock_ok=False, site=site, evses=evses,
                        faults=tuple(v for w, v in views.items() if w == "stop"))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FakeController]:
    controller = FakeController()
    server = LinkServer(tmp_path, Origin.SERVICE, controller.handle)
    await server.start()
    yield controller
    await server.close()


async def forecourt(folder: Path, *argv: str, stdin: int = asyncio.subprocess.DEVNULL) -> Done:
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.station.cli", *argv, "--run-dir", str(folder), stdin=stdin,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(ran.communicate(), DEADLINE_S)
    assert b"Traceback" not in err, err.decode()
    return Done(ran.returncode, out.decode(), err.decode())


async def test_a_row_per_evse_in_the_sites_language(desk: FakeController, tmp_path: Path) -> None:
    done = await forecourt(tmp_path, "evse", "list")
    assert done.status == 0
    head, first, second, _, site = done.out.splitlines()
    assert head.split()[2] == "läge" and first.split()[0] == "1" and second.endswith("F401")
    assert site == "Hos själva anläggningen: F402 stop"
    assert desk.asked == [], "it looks, and asks for nothing else"
    told = msgspec.json.decode((await forecourt(tmp_path, "evse", "list", "--json")).out)
    assert [evse["id"] for evse in told["evses"]] == ["1", "2"]


@pytest.mark.parametrize(("argv", "request_"), [
    (("stop", "1"), ("session.stop", {"evse_id": "1"})),
    (("resume", "1"), ("session.resume", {"evse_id": "1"})),
    (("limit", "1", "10", "--for", "60"), ("limit.set", {
        "where": "1", "current_a": 10.0, "because": "technician", "ttl_s": 60.0})),
    (("limit", "row-a", "none"), ("limit.set", {
        "where": "row-a", "current_a": None, "because": "technician"})),
    (("out-of-service", "1"), ("availability.set", {"evse_id": "1", "operational": False})),
    (("in-service", "1"), ("availability.set", {"evse_id": "1", "operational": True})),
    (("contactor-replaced", "1"), ("contactor.replaced", {"evse_id": "1"}))])
async def test_each_command_is_one_request(
        argv: tuple[str, ...], request_: tuple[str, dict[str, object]], desk: FakeController,
        tmp_path: Path) -> None:
    done = await forecourt(tmp_path, "evse", *argv)
    assert (done.status, done.err) == (0, "")
    assert done.out.strip()
    assert desk.asked == [request_]


async def test_a_refusal_is_told_with_its_reason(desk: FakeController, tmp_path: Path) -> None:
    done = await forecourt(tmp_path, "evse", "stop", "2", "--language", "en")
    assert done == (1, "", "The controller refused: evse 2: no session runs.\n")
    done = await forecourt(tmp_path, "evse", "pause", "1", "--language", "en")
    assert done == (1, "", "The controller could not do it: session.pause: no answer in time.\n")
    assert len(desk.asked) == 2


async def test_a_cleared_fault_is_seen_to_end_and_a_standing_one_to_stand(
        desk: FakeController, tmp_path: Path) -> None:
    done = await forecourt(tmp_path, "faults", "clear", "401", "--where", "2")
    assert (done.status, done.out) == (0, "F401 på 2 har upphört.\n")
    done = await forecourt(tmp_path, "faults", "clear", "F401", "--where", "2", "--language", "en")
    assert (done.status, done.out.splitlines()[0]) == (
        1, "F401 does not stand at 2: there is nothing to clear.")
    done = await forecourt(tmp_path, "faults", "clear", "F402", "--language", "en")
    assert done.status == 1 and "still stands" in done.out and "as seen" in done.out


async def test_without_a_terminal_it_does_not_guess_which(desk: FakeController, tmp_path: Path) -> None:
    done = await forecourt(tmp_path, "faults", "clear", "F401")
    assert done.status == 2 and "--where" in done.err and "  2  F401 2" in done.out
    assert desk.asked == []


async def test_at_a_terminal_it_asks_which(desk: FakeController, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"2\n")
        done = await forecourt(tmp_path, "faults", "clear", "F401", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.status == 0 and done.out.endswith("F401 på 2 har upphört.\n")
    assert desk.asked == [("fault.clear", {"code": "F401", "where": "2"})]


async def test_a_socket_of_a_dead_controller_is_named(tmp_path: Path) -> None:
    async def handle(_: object, request: Request) -> Reply:
        return accepted(request)
    server = LinkServer(tmp_path, Origin.SERVICE, handle)
    await server.start()
    kept = tmp_path / "kept.sock"
    (tmp_path / "service.sock").rename(kept)
    await server.close()
    kept.rename(tmp_path / "service.sock")
    done = await forecourt(tmp_path, "evse", "list")
    assert done.status == 1
    assert f"A socket is at {tmp_path / 'service.sock'}" in done.err and "journalctl" in done.err


async def test_what_is_no_snapshot_of_ours_is_said(tmp_path: Path) -> None:
    async def handle(_: object, request: Request) -> Reply:
        return resulted(request, {"version": 99})
    server = LinkServer(tmp_path, Origin.SERVICE, handle)
    await server.start()
    done = await forecourt(tmp_path, "evse", "list")
    await server.close()
    assert done.status == 1 and "The controller could not do it" in done.err


STRANGER = """
import os, sys
from edge.ui.evse_command import main
from edge.ui.texts import Texts
Texts("en")  # while its catalogue may be read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main(["list", "--run-dir", sys.argv[1]]))
"""


def allow(*modes: tuple[Path, int]) -> None:
    for path, mode in modes:
        path.chmod(mode)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without the groups")
@pytest.mark.parametrize(("folder_mode", "socket_mode"), [(0o750, 0o666), (0o755, 0o660)])
async def test_who_may_not_use_the_socket_is_told_which_groups(
        folder_mode: int, socket_mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others
        folder = Path(name)
        server = LinkServer(folder, Origin.SERVICE, FakeController().handle)
        await server.start()
        allow((server.path, socket_mode), (folder, folder_mode))
        ran = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STRANGER, name, stderr=asyncio.subprocess.PIPE)
        _, err = await asyncio.wait_for(ran.communicate(), DEADLINE_S)
        await server.close()
    assert ran.returncode == 1, err.decode()
    assert f"may not use {server.path}" in err.decode() and "forecourt-service" in err.decode()
