"""How the doctor asks a controller, at a real socket: all there is to hear is heard, nothing hangs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from well import WELL

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.controller.request import Origin, Request
from edge.controller.snapshot import FaultView, SiteView, Snapshot
from edge.doctor.asking import Answer, Presence, ask, knock
from edge.link.health import Health
from edge.link.messages import Reply, failed, refused, resulted
from edge.link.peer import Peer
from edge.link.server import LinkServer

pytestmark = pytest.mark.wire

PATIENCE_S = 0.5
READS = {"health", "status"}
SNAPSHOT = Snapshot(seq=1, mono_ns=1, utc=None, clock_ok=False, evses=(), site=SiteView(
    id="site", name="Site", time_zone="Europe/Stockholm", languages=("sv",), currency="SEK", phone=""))


class Desk:
    """`says`: its answer to one action."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.says: Callable[[Request], Awaitable[Reply]] = self.well

    async def __call__(self, _: Peer, request: Request) -> Reply:
        self.heard.append(request.action)
        return await self.says(request)

    async def well(self, request: Request) -> Reply:
        health = msgspec.structs.replace(WELL, uptime_s=float(len(self.heard)))
        return resulted(request, health)

    async def mute(self, _: Request) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    async def mute_after_one(self, request: Request) -> Reply:
        return await (self.well if len(self.heard) == 1 else self.mute)(request)

    async def strange(self, request: Request) -> Reply:
        return resulted(request, {"of": "another version"})

    async def broken(self, request: Request) -> Reply:
        return failed(request, "the disk took nothing")

    async def stopped(self, request: Request) -> Reply:
        if request.action != "status":
            return refused(request, "the controller is in safe stop")
        kind = CATALOGUE[FaultCode.RESTART_LOOP]
        fault = FaultView(code=kind.code, name="RestartLoop", severity=kind.severity, where="here",
                          detail="3 failed runs", since_utc="2026-03-01T10:00:00.5Z")
        return resulted(request, msgspec.structs.replace(SNAPSHOT, faults=(fault,)))

    async def refuses(self, request: Request) -> Reply:
        if request.action == "status":
            return resulted(request, SNAPSHOT)
        return refused(request, "not for you")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def run_dir(tmp_path: Path, desk: Desk) -> AsyncIterator[Path]:
    server = LinkServer(tmp_path, Origin.SERVICE, desk)
    await server.start()
    yield tmp_path
    await server.close()


async def asked(run_dir: Path) -> Answer:
    """In a thread, as the doctor asks; within what it promises, and a wide margin of the machine's."""
    async with asyncio.timeout(30):
        return await asyncio.to_thread(ask, run_dir, patience_s=PATIENCE_S, between_s=0.01)


async def test_two_answers_one_after_the_other(run_dir: Path, desk: Desk) -> None:
    answer = await asked(run_dir)
    assert answer.presence is Presence.ANSWERS and answer.pid
    assert isinstance(answer.before, Health) and isinstance(answer.now, Health)
    assert (answer.before.uptime_s, answer.now.uptime_s) == (1.0, 2.0)
    assert set(desk.heard) <= READS, "nothing is changed by asking"


@pytest.mark.parametrize(("how", "presence", "words", "before"), [
    ("mute", Presence.SILENT, "no reply to health", False),
    ("mute_after_one", Presence.SILENT, "no reply to health", True),
    ("strange", Presence.REFUSES, "answer is no", False),
    ("broken", Presence.REFUSES, "the disk took nothing", False),
    ("refuses", Presence.REFUSES, "not for you", False),
    ("stopped", Presence.SAFE_STOP, "RestartLoop since 2026-03-01T10:00:00Z: 3 failed runs", False)])
async def test_whatever_else_it_says_is_told_as_it_is(
        run_dir: Path, desk: Desk, how: str, presence: Presence, words: str, before: bool) -> None:
    desk.says = getattr(desk, how)
    answer = await asked(run_dir)
    assert (answer.presence, answer.now, answer.before is not None) == (presence, None, before)
    assert words in answer.error and set(desk.heard) <= READS


@pytest.mark.parametrize("backlog", [0, 5])
async def test_who_listens_and_never_accepts_is_silent(tmp_path: Path, backlog: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "service.sock"))
        listener.listen(backlog)
        others = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(backlog + 1)]
        try:
            for other in others:
                other.setblocking(False)
                other.connect(str(tmp_path / "service.sock"))
            assert (await asked(tmp_path)).presence is Presence.SILENT
        finally:
            for other in others:
                other.close()


async def test_a_socket_that_is_not_there_or_left_over(tmp_path: Path) -> None:
    assert knock(tmp_path / "service.sock") == (Presence.ABSENT, None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "service.sock"))
    assert (await asked(tmp_path)).presence is Presence.LEFT_OVER
