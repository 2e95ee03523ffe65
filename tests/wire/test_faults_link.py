"""`forecourt faults` at a real service socket."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from edge.controller.faults import FaultCode, Severity
from edge.controller.request import Origin, Request
from edge.controller.snapshot import EvseView, FaultView, Screen, SiteView, Snapshot
from edge.link.messages import Reply, resulted
from edge.link.server import LinkServer

pytestmark = pytest.mark.wire
DEADLINE_S = 20.0


def snapshot() -> Snapshot:
    fault = FaultView(code=FaultCode.METER_SILENT, name="meter silent", severity=Severity.FAILURE,
                      where="bay-1", since_utc="2026-05-04T12:24:10Z", count=2)
    site = SiteView(id="SE*FCT*E0001", name="Hamngatan garage", time_zone="Europe/Stockholm",
                    languages=("sv", "en"), currency="SEK", phone="+46 10 000 00 00")
    evse = EvseView(id="1", label="Bay 1", state="Faulted", screen=Screen.FAULT, faults=(fault,))
    return Snapshot(seq=1, mono_ns=1, utc=None, clock_ok=False, site=site, evses=(evse,))


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[list[str]]:
    actions: list[str] = []

    async def handle(_: object, request: Request) -> Reply:
        actions.append(request.action)
        return resulted(request, snapshot())
    server = LinkServer(tmp_path, Origin.SERVICE, handle)
    await server.start()
    yield actions
    await server.close()


async def faults(*argv: str) -> str:
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.ui.faults_command", *argv, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(ran.communicate(), DEADLINE_S)
    assert ran.returncode == 0
    return out.decode()


async def test_a_running_controller_says_what_stands_in_the_sites_language(
        asked: list[str], tmp_path: Path) -> None:
    out = await faults("F102", "--run-dir", str(tmp_path))
    assert "F102 bay-1 sedan 2026-05-04 14:24:10, gång nummer 2" in out
    assert "Elmätaren svarar inte." in out
    told = msgspec.json.decode(await faults("--json", "--run-dir", str(tmp_path)))
    assert [(f["code"], f["where"], f["count"]) for f in told["standing"]] == [("F102", "bay-1", 2)]
    assert asked == ["status", "status"], "it looks, and asks for nothing else"
