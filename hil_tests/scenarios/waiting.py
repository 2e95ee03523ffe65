"""Wait on conditions of a rig, with deadlines in real time."""

import asyncio
from collections.abc import Awaitable, Callable

from hil_tests.rig import Rig

_LOOK_S = 0.02


class DidNotHappen(AssertionError):
    """A condition did not come true in time."""


async def until(rig: Rig, what: str, condition: Callable[[], Awaitable[bool]],
                within_s: float = 20.0) -> float:
    """Wait until `condition` holds; the seconds it took. Raises `DidNotHappen`."""
    began_s = await rig.now()
    while not await condition():
        waited_s = await rig.now() - began_s
        if waited_s > within_s:
            raise DidNotHappen(f"{what}: not within {within_s:g} s")
        await asyncio.sleep(_LOOK_S)
    return await rig.now() - began_s


async def coil(rig: Rig, evse: str, on: bool, within_s: float = 20.0) -> float:
    """Wait for the contactor's coil."""
    async def reached() -> bool:
        return await rig.coil_on(evse) is on

    return await until(rig, f"EVSE {evse}: coil {'on' if on else 'off'}", reached, within_s)


async def pwm(rig: Rig, evse: str, on: bool, within_s: float = 20.0) -> float:
    """Wait for an offer of current, or for its end (X1)."""
    async def reached() -> bool:
        return (0 < await rig.duty(evse) < 1) is on

    return await until(rig, f"EVSE {evse}: PWM {'on' if on else 'off'}", reached, within_s)


async def metered(rig: Rig, evse: str, from_wh: int, energy_wh: int, within_s: float = 60.0) -> float:
    """Wait until this much energy has flowed since the register showed `from_wh`."""
    async def reached() -> bool:
        return await rig.register_wh(evse) - from_wh >= energy_wh

    return await until(rig, f"EVSE {evse}: {energy_wh} Wh", reached, within_s)


async def settled_wh(rig: Rig, evse: str, quiet_s: float = 0.8) -> int:
    """The register once nothing flows any more: unchanged for longer than a meter's refresh."""
    last, since_s = await rig.register_wh(evse), await rig.now()
    while await rig.now() - since_s < quiet_s:
        await asyncio.sleep(_LOOK_S)
        value = await rig.register_wh(evse)
        if value != last:
            last, since_s = value, await rig.now()
    return last
