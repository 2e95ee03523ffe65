"""What a watched site shows: readings of any kind, fed to a desk whose own meters are quiet."""

import msgspec
from core_desk import NS, Desk, plan

from edge.controller.events import ReadingTaken, Tick
from edge.controller.faults import Fault
from edge.controller.reading import PerPhase, Quality, Reading
from edge.controller.site import Circuit, SitePlan

Values = tuple[float | None, ...]


def site(evses: int = 2, *, fuse_a: float = 32, evse: dict[str, object] | None = None,
         grid_meter: str | None = None, **changes: object) -> SitePlan:
    """The desk's plan with other parts; `evse` changes every outlet."""
    found = plan(evses, fuse_a=fuse_a)
    found = msgspec.structs.replace(found, evses=tuple(
        msgspec.structs.replace(e, **(evse or {})) for e in found.evses))
    if grid_meter is not None:
        grid, *rest = found.circuits
        circuits: tuple[Circuit, ...] = (
            msgspec.structs.replace(grid, meter_id=grid_meter), *rest)
        changes |= {"circuits": circuits, "site_meters": (grid_meter,)}
    return msgspec.structs.replace(found, **changes)


def reading(desk: Desk, meter_id: str = "bay-1", *, amps: Values = (), volts: Values = (),
            power_w: float | None = 0.0, wh: int | None = 1_000,
            quality: Quality = Quality.GOOD) -> None:
    """One reading, now."""
    desk.feed(ReadingTaken(reading=Reading(
        meter_id=meter_id, mono_ns=desk.now_ns, quality=quality, energy_import_wh=wh, power_w=power_w,
        energy_raw="00", energy_scale="1", current_a=_phases(amps), voltage_v=_phases(volts))))


def _phases(values: Values) -> PerPhase:
    return PerPhase(**dict(zip(("L1", "L2", "L3"), values, strict=False)))


def jump(desk: Desk, seconds: float) -> None:
    """Time, in which boards are polled, and no meter says anything."""
    left_ns = round(seconds * NS)
    while left_ns > 0:
        step_ns = min(left_ns, NS // 2)
        left_ns -= step_ns
        desk.now_ns += step_ns
        for evse_id in desk.devices:
            desk.poll(evse_id)
        desk.feed(Tick())


def faults(desk: Desk) -> dict[str, Fault]:
    """What stands, by code."""
    return {fault.code.value: fault for fault in desk.site.faults.values()}

