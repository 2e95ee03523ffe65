"""What a watched site shows: readings of any kind, fed to a desk whose own meters are quiet."""

import msgspec
from core_desk import NS, Desk, plan

from edge.controller.events import OutletSeen, ReadingTaken, Tick
from edge.controller.faults import Fault
from edge.controller.reading import PerPhase, Quality, Reading
from edge.controller.site import Circuit, SitePlan

Values = tuple[float | None, ...]


def site(evses: int = 2, *, fuse_a: float = 32, evse: dict[str, object] | None = None,
         grid_meter: str | None = None, **changes: object) -> SitePlan:
    """The desk's plan with other parts; `evse` changes every outlet."""
    found = plan(evses, fuse_a=fuse_a, **(evse or {}))
    if grid_meter is not None:
        grid, *rest = found.circuits
        circuits: tuple[Circuit, ...] = (
            msgspec.structs.replace(grid, meter_id=grid_meter), *rest)
        changes |= {"circuits": circuits, "site_meters": (grid_meter,)}
    return msgspec.structs.replace(found, **changes)


def reading(desk: Desk, meter_id: str = "bay-1", *, amps: Values = (), volts: Values = (),
            power_w: float | None = None, wh: int | None = 1_000,
            quality: Quality = Quality.GOOD) -> None:
    """One reading, now."""
    desk.feed(ReadingTaken(reading=Reading(
        meter_id=meter_id, mono_ns=desk.now_ns, quality=quality, energy_import_wh=wh, power_w=power_w,
        energy_raw="00", energy_scale="1", current_a=_phases(amps), voltage_v=_phases(volts))))


def _phases(values: Values) -> PerPhase:
    return PerPhase(**dict(zip(("L1", "L2", "L3"), values, strict=False)))


def pass_time(desk: Desk, seconds: float) -> None:
    """Nothing but time and polls: no meter says anything."""
    for evse_id in desk.devices:
        desk.devices[evse_id].meter_answers = False
    desk.run(seconds)


def jump(desk: Desk, seconds: float) -> None:
    """One poll of each board after so long, and a tick."""
    desk.now_ns += round(seconds * NS)
    for evse_id in desk.devices:
        desk.poll(evse_id)
    desk.feed(Tick())


def faults(desk: Desk) -> dict[str, Fault]:
    """What stands, by code."""
    return {fault.code.value: fault for fault in desk.site.faults.values()}


__all__ = ["NS", "OutletSeen", "faults", "jump", "pass_time", "reading", "site"]
