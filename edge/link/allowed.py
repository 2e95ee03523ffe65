"""The one table: which action each socket allows. What is not here is refused, whoever asks.

The driver's screen can do little; sync can read, acknowledge and hand over commands (which the
controller judges again); a technician at the cabinet can test and repair.
"""

from types import MappingProxyType
from typing import Final

from edge.controller.request import Origin
from edge.link import card_protocol, journal_protocol, line_protocol
from edge.link.health import HEALTH

ALLOWED: Final = MappingProxyType({
    Origin.UI: frozenset({
        "session.stop",  # the driver's own, by the screen
        "card.choose",  # which of the waiting cars a card is for
        "ui.language",
    }),
    Origin.SYNC: frozenset({
        journal_protocol.READ,
        journal_protocol.ACKED,
        journal_protocol.HEADS,
        journal_protocol.DESCRIBE,
        journal_protocol.STATUS,
        journal_protocol.COMMAND,
        card_protocol.ANSWER,
        card_protocol.SET,
        card_protocol.CANCEL,
    }),
    Origin.SERVICE: frozenset({
        "status",  # the latest snapshot, once
        HEALTH,
        "session.stop",
        "session.pause",
        "session.resume",
        "limit.set",
        "availability.set",
        "card.withdraw",
        "card.choose",
        card_protocol.SET,
        "contactor.replaced",
        "fault.clear",
        "board.info",
        "board.selftest",  # which the board refuses while the contactor is closed
        "meter.read",
        line_protocol.LINES,
        line_protocol.TRANSACT,  # reads only, as bulk
        "recorder.pin",  # the minutes around now; `words`: why
        card_protocol.NEXT,
        card_protocol.TAPS,
        card_protocol.REFUSALS,
        card_protocol.ENROL,
        card_protocol.CANCEL,
        "outlet.disable",
        "outlet.enable",
    }),
})


def refusal(origin: Origin, action: str) -> str | None:
    """Why `action` may not come through the socket of `origin`; `None`: it may."""
    allowed = ALLOWED[origin]
    if action in allowed:
        return None
    return (f"{origin} socket: unknown or forbidden action {action[:80]!r},"
            f" expected one of {', '.join(sorted(allowed))}")
