"""From the start of a controller that was killed in mid-session to that session, going on."""

import asyncio
import json
import time

from edge.link.client import LinkClient
from hil_tests.bench import processes
from hil_tests.bench.report import Row, distribution
from hil_tests.bench.trail import Incomplete, Trail, from_trace
from hil_tests.virtual.site import Progress, VirtualSite

COMMAND = "python -m hil_tests.bench --only resume"
RESUMED_S = 2.0
_EVSE, _STEP_S, _RETRY_S = "1", 30.0, 0.01


async def rows(site: VirtualSite, count: int, progress: Progress) -> list[Row]:
    """`count` kills of a controller while a car charges. Raises `RuntimeError` if it does not go on."""
    async with site.rig() as rig:
        await rig.ask("car", evse=_EVSE, ask_after_s=0.1)
        await rig.plug(_EVSE)
        await rig.tap(site.cards[_EVSE])
        await _until_charging(site)
        parts = []
        for n in range(count):
            progress(f"kill {n + 1} of {count}")
            parts.append(await _resumed_s(site))
        await rig.unplug(_EVSE)
        await _until(site, "state", "Available")
    whole = [sum(part.values()) for part in parts]
    return [distribution("restart -> resumed session", whole, "s", COMMAND, target=RESUMED_S),
            *(distribution(f"  {name}", [part[name] for part in parts], "s", COMMAND)
              for name in parts[0]), await _sessions_row(site, count)]


async def _resumed_s(site: VirtualSite) -> dict[str, float]:
    """The parts of one restart: they follow one another, so that they add up."""
    log = site.children.log_path("controller")
    site.kill9("controller")
    size = log.stat().st_size
    start_ns = time.monotonic_ns()
    _, shown_ns = await asyncio.gather(site.start("controller"), _until_charging(site))
    ready_ns = await processes.ready_ns(site)
    with log.open("rb") as file:
        file.seek(size)
        lines = file.read().decode(errors="replace").splitlines()
    trail = Trail(from_trace(lines))
    try:
        first_ns = trail.first(start_ns, "step", lambda m: m.what.startswith("step ")).at_ns
        renewed_ns = trail.effect(start_ns, f"RenewGrant:{_EVSE}").ns
    except Incomplete as missing:
        raise RuntimeError(f"after a restart there was no {missing}") from missing
    # A site is ready when every board and reader has been looked at; its sessions need not wait for it.
    return {"interpreter, imports, site file, journal": (first_ns - start_ns) / 1e9,
            "first step -> grants renewed": max(0, renewed_ns - first_ns) / 1e9,
            "renewed -> shown and ready": max(0, max(shown_ns, ready_ns) - renewed_ns) / 1e9}


async def _until_charging(site: VirtualSite) -> int:
    return await _until(site, "screen", "charging")


async def _until(site: VirtualSite, field: str, wanted: str) -> int:
    """When (ns) the snapshot said so. Raises `RuntimeError`."""
    seen = None
    deadline = time.monotonic() + _STEP_S
    async with LinkClient(site.run_dir / "service.sock", first_retry_s=_RETRY_S,
                          last_retry_s=_RETRY_S) as link:
        while time.monotonic() < deadline:
            snapshot = json.loads(await link.request("status"))
            seen = next(view[field] for view in snapshot["evses"] if view["id"] == _EVSE)
            if seen == wanted:
                return time.monotonic_ns()
            await asyncio.sleep(_RETRY_S)
    raise RuntimeError(f"EVSE {_EVSE}: {field} {seen!r}, expected {wanted!r} within {_STEP_S:g} s")


async def _sessions_row(site: VirtualSite, kills: int) -> Row:
    """More than one session means that a kill ended the driver's one."""
    found: list[str] = []
    deadline = time.monotonic() + _STEP_S
    while not found and time.monotonic() < deadline:
        found = await site.cdrs()
    return Row("sessions after these kills, 1 is right", len(found), "sessions", kills, COMMAND)
