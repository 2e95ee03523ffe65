"""Real sessions on the virtual site, one after another, and the rows that come from their trails."""

import asyncio
import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

from edge.link.client import LinkClient
from hil_tests.bench.report import Row, distribution
from hil_tests.bench.trail import (
    Incomplete,
    Trail,
    close_parts_ms,
    from_moves,
    from_trace,
    tap_parts_ms,
)
from hil_tests.virtual.rig import VirtualRig
from hil_tests.virtual.site import Progress, VirtualSite

COMMAND = "python -m hil_tests.bench --only sessions"
UID_TO_PWM_MS, C_TO_CONTACT_MS = 150.0, 300.0
_HELD_S, _ASK_S, _STEP_S = 0.4, 0.1, 20.0
_MIN_OFF_S = 5.0  # a contactor that has opened rests so long: that rule is not what is measured here
_MOST_FAILURES = 3
_SEED = 61851  # where in a poll's period a car comes must not depend on us, and be the same tomorrow


async def play(site: VirtualSite, count: int,
               progress: Progress) -> tuple[list[tuple[str, int]], list[str]]:
    """`count` sessions: EVSE and when (ns) its card was held to the reader; and what became of others.

    Raises `RuntimeError` when so many fail that nothing is measured any more.
    """
    chance = random.Random(_SEED)
    held: list[tuple[str, int]] = []
    failed: list[str] = []
    unplugged_s = dict.fromkeys(site.evses, 0.0)
    async with site.rig() as rig, LinkClient(site.run_dir / "service.sock") as link:
        for evse in site.evses:
            await rig.ask("car", evse=evse, ask_after_s=_ASK_S)
        for n, evse in zip(range(count), itertools.cycle(site.evses), strict=False):
            progress(f"session {n + 1} of {count}")
            await asyncio.sleep(max(0.0, unplugged_s[evse] + _MIN_OFF_S - time.monotonic()))
            try:
                held.append((evse, await _session(rig, link, evse, site.cards[evse], chance)))
            except TimeoutError as error:
                failed.append(f"session {n + 1}: {error}")
                await rig.unplug(evse)
            if len(failed) > _MOST_FAILURES:
                raise RuntimeError("; ".join(failed))
            unplugged_s[evse] = time.monotonic()
    return held, failed


def failure_row(failed: list[str], count: int) -> Row:
    """A session that does not charge is a defect, however quick the others are."""
    return Row("sessions that failed", len(failed), "sessions", count, COMMAND, note="; ".join(failed))


async def _session(rig: VirtualRig, link: LinkClient, evse: str, card: str,
                   chance: random.Random) -> int:
    await rig.plug(evse)
    await _until(link, evse, "screen", "tap_card")
    await asyncio.sleep(0.2 * chance.random())
    held_ns = time.monotonic_ns()
    await rig.ask("tap", card=card, for_s=_HELD_S)
    await _until(link, evse, "screen", "charging")
    await asyncio.sleep(0.2 * chance.random())
    await rig.unplug(evse)
    await _until(link, evse, "state", "Available")
    return held_ns


async def _until(link: LinkClient, evse: str, field: str, wanted: str) -> None:
    """Until the EVSE shows it. Raises `TimeoutError` with what stands in the way."""
    deadline = time.monotonic() + _STEP_S
    while (view := await _view(link, evse))[field] != wanted:
        if time.monotonic() > deadline:
            faults = "; ".join(f"{f['code']} {f['detail']}" for f in view.get("faults", ()))
            raise TimeoutError(f"EVSE {evse}: {field} {view[field]!r}, expected {wanted!r} within "
                               f"{_STEP_S:g} s. {faults}")
        await asyncio.sleep(0.05)


async def _view(link: LinkClient, evse: str) -> dict[str, Any]:
    snapshot = json.loads(await link.request("status"))
    view: dict[str, Any] = next(view for view in snapshot["evses"] if view["id"] == evse)
    return view


def rows(site: VirtualSite, held: list[tuple[str, int]]) -> list[Row]:
    """What the trails of these sessions say."""
    trail = Trail([*from_trace(_lines(site.children.log_path("controller"))),
                   *from_moves(_lines(site.folder / "moves.jsonl"))])
    taps, closings, lost = [], [], []
    for evse, held_ns in held:
        try:
            taps.append(tap_parts_ms(trail, evse, held_ns))
            closings.append(close_parts_ms(trail, evse, held_ns))
        except Incomplete as missing:
            lost.append(f"no {missing}")
    note = f"{len(lost)} sessions left out: {', '.join(lost)}" if lost else ""
    tap = _columns(taps)
    close = _columns(closings)
    found = [distribution("UID known -> PWM on", tap.pop("total"), "ms", COMMAND,
                          target=UID_TO_PWM_MS, note=note)]
    radio = tap.pop("radio")
    found += [distribution(f"  {name}", values, "ms", COMMAND) for name, values in tap.items()]
    found.append(distribution("card held -> UID known (radio)", radio, "ms", COMMAND))
    found.append(distribution("debounced C -> contactor closed", close.pop("to contact"), "ms", COMMAND,
                              target=C_TO_CONTACT_MS, note=note))
    found.append(distribution("debounced C -> coil", close.pop("to coil"), "ms", COMMAND))
    found += [distribution(f"  {name} ", values, "ms", COMMAND) for name, values in close.items()]
    return found


async def link_row(site: VirtualSite, count: int) -> Row:
    """A call of `status` through the service socket, there and back."""
    taken = []
    async with LinkClient(site.run_dir / "service.sock") as link:
        for _ in range(count):
            start_ns = time.monotonic_ns()
            await link.request("status")
            taken.append((time.monotonic_ns() - start_ns) / 1e6)
    return distribution("link round trip (status)", taken, "ms", COMMAND)


def _columns(parts: list[dict[str, float]]) -> dict[str, list[float]]:
    if not parts:
        raise RuntimeError("no session left a whole trail")
    return {name: [part[name] for part in parts] for name in parts[0]}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
