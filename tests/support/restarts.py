"""`kill -9` and a new start of the core, while the world goes on."""

import msgspec
from core_desk import NS, Desk

from edge.controller.events import SessionRestored, Started
from edge.controller.session import Session
from edge.controller.state import initial


def restart(desk: Desk, *, away_s: float = 2.0) -> Desk:
    """The core begins again with what the journal kept."""
    desk.site = initial(desk.site.plan)
    desk.boot += 1
    desk.now_ns += round(away_s * NS)
    desk.log.clear()
    for session in list(desk.sessions.values()):
        desk.feed(SessionRestored(session=msgspec.json.decode(
            msgspec.json.encode(session), type=Session)))
    desk.feed(Started(software="test"))
    return desk
