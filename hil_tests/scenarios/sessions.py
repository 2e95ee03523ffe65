"""One driver, one session, in the ways that drivers have. Only the `Rig` protocol is used.

Each returns what the rig saw: the import register before and after, in Wh.
"""

import asyncio
from dataclasses import dataclass, replace

from hil_tests.rig import Rig
from hil_tests.scenarios import waiting

CARD_REST_S = 3.5  # a card that started a session does not stop it sooner: nobody taps that fast


@dataclass(frozen=True)
class Seen:
    """A session from the outside."""

    evse: str
    card: str
    start_wh: int
    end_wh: int
    began_s: float  # when both card and plug were there
    to_pwm_s: float  # from the second of card and plug to the offer
    to_coil_s: float  # from the offer to the coil

    @property
    def energy_wh(self) -> int:
        """Difference of the two register values."""
        return self.end_wh - self.start_wh


async def start_card_first(rig: Rig, evse: str, card: str, reader: str | None = None) -> Seen:
    """Tap, then plug in; returns when the coil is on (`end_wh` is not known yet)."""
    start_wh = await rig.register_wh(evse)
    await rig.tap(card, reader)
    await rig.plug(evse)
    return await _started(rig, evse, card, start_wh)


async def start_plug_first(rig: Rig, evse: str, card: str, reader: str | None = None) -> Seen:
    """Plug in, then tap; returns when the coil is on."""
    start_wh = await rig.register_wh(evse)
    await rig.plug(evse)
    await rig.tap(card, reader)
    return await _started(rig, evse, card, start_wh)


async def stop_by_card(rig: Rig, seen: Seen, reader: str | None = None) -> Seen:
    """Tap again, wait for the contactor, then unplug. The session began with the offer, or before."""
    offered_s = seen.began_s + seen.to_pwm_s
    await asyncio.sleep(max(0.0, offered_s + CARD_REST_S - await rig.now()))
    await rig.tap(seen.card, reader)
    await waiting.coil(rig, seen.evse, False)
    end_wh = await waiting.settled_wh(rig, seen.evse)
    await rig.unplug(seen.evse)
    return replace(seen, end_wh=end_wh)


async def stop_by_unplugging(rig: Rig, seen: Seen) -> Seen:
    """Pull the plug under load."""
    await rig.unplug(seen.evse)
    await waiting.coil(rig, seen.evse, False)
    return replace(seen, end_wh=await waiting.settled_wh(rig, seen.evse))


async def _started(rig: Rig, evse: str, card: str, start_wh: int) -> Seen:
    began_s = await rig.now()
    to_pwm_s = await waiting.pwm(rig, evse, True)
    to_coil_s = await waiting.coil(rig, evse, True)
    return Seen(evse, card, start_wh, start_wh, began_s, to_pwm_s, to_coil_s)
