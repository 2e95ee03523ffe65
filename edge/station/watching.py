"""Feeds the watchdog and says in words how it goes, for as long as what must be alive is."""

import asyncio

from edge.controller.state import Site
from edge.station.notify import Notifier
from edge.station.station import Station
from edge.station.vitals import BEAT_S, Vitals


class VitalLost(RuntimeError):
    """Something without which the controller must not go on, and that does not come back by itself."""


async def watch(vitals: Vitals, notifier: Notifier, station: Station) -> None:
    """For ever. Raises `VitalLost`: the loop still runs, so it ends with relays off, sooner than the
    watchdog would end it with relays as they are.
    """
    loop = asyncio.get_running_loop()
    feed_s = notifier.feed_s
    beat_s = BEAT_S if feed_s is None else min(BEAT_S, feed_s)
    fed_s = loop.time() - (feed_s or 0.0)
    while True:
        due_ns = station.clock.mono_ns() + round(beat_s * 1e9)
        await asyncio.sleep(beat_s)
        beat = vitals.beat(due_ns)
        if beat.dead:
            raise VitalLost("; ".join(beat.dead))
        notifier.status(words(station.site))
        if feed_s is not None and not beat.late and loop.time() - fed_s >= feed_s - beat_s / 2:
            notifier.alive()
            fed_s = loop.time()


def words(site: Site) -> str:
    """The line that `systemctl status` shows."""
    charging = sum(outlet.relay_on for outlet in site.outlets.values())
    faults = sorted({fault.code.value for fault in site.faults.values()})
    return (f"{charging} of {len(site.outlets)} charging, "
            + (f"faults {', '.join(faults)}" if faults else "no faults"))
