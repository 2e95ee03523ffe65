"""`kill -9` and a new start of the core, while the world goes on."""

import msgspec
from core_desk import NS, Desk

from edge.controller import kept
from edge.controller.events import OutletFound, SessionRestored, Started
from edge.controller.session import Session
from edge.controller.state import initial


def restart(desk: Desk, *, away_s: float = 2.0, mains_back: bool = False, found: bool = True,
            **started: object) -> Desk:
    """The core begins again with what the journal kept. `found`: the pins could be read first."""
    desk.site = initial(desk.site.plan)
    desk.boot += 1
    desk.now_ns += round(away_s * NS)
    desk.log.clear()
    for key, body in list(desk.kept.items()):
        event = kept.restored(key, body)
        if event is not None:
            desk.feed(event)
    for session in list(desk.sessions.values()):
        desk.feed(SessionRestored(session=msgspec.json.decode(
            msgspec.json.encode(session), type=Session)))
    for evse_id, device in desk.devices.items():
        if found:
            desk.feed(OutletFound(evse_id=evse_id, relay_on=device.relay,
                                  pi_mirror_closed=device.closed))
    desk.feed(Started(software="test", mains_back=mains_back, **started))  # type: ignore[arg-type]
    return desk
