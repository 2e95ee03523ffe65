"""Opening in order: the two channels that feed the coil are switched off one after the other.

The pilot board's interlock and the Pi's relay are in series, so opening both at once would hide that
one of them is stuck. At a stop in order (no current flows any more, or the car had its 6 s) one opens
first, and the other when the main contacts have followed, or when they have had time enough to be
called stuck. Whose turn it is, and what it proved, the board says (`BoardStatus.pi_first`). Where the
car rests, the board has opened by itself, whoever has the turn: then the relay follows in the same way.

This is for stops in order only: whatever is urgent switches both off at once, and nothing here keeps
it from doing so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.trouble import DeviceError

LOOK_S = 0.01
PROOF_S = 0.04  # the board believes its mirror after 20 ms, and its turns take up to 10
MARGIN_S = 0.05  # beyond the time after which the board calls it stuck, so that it does
MOST_S = 0.98  # the relay follows PERMIT within 1 s, however late the answer to the revocation comes

log = logging.getLogger(__name__)

_CALM = frozenset({PilotState.B, PilotState.C, PilotState.D})
_HARMLESS = frozenset({BoardFault.HEARTBEAT, BoardFault.MEMORY})


class Board(Protocol):
    """The board's channel. Both methods raise `DeviceError`."""

    async def poll(self) -> BoardStatus: ...

    async def revoke(self) -> None: ...


class Relay(Protocol):
    """The Pi's channel."""

    def set(self, on: bool) -> None: ...


def drop(relay: Relay) -> None:
    """The relay off. One that does not obey keeps nobody from opening the board's channel, nor other
    outlets: the next poll sees it on, and the core tells it again and calls it stuck.
    """
    try:
        relay.set(False)
    except DeviceError as error:
        log.error("relay: %s", error)


async def open_in_order(board: Board, relay: Relay, *, pi_first: bool, suspect_s: float,
                        overtaken: Callable[[], bool], left_s: float | None = None) -> bool:
    """Open both channels; whether the board understood (if not, it has to be told again).

    The second channel opens when the board has seen the main contacts open by the first, at the latest
    `suspect_s` (of the board's settings) and a margin after that one, and at once when `overtaken`,
    when the board does not answer, or when it reports a fault or a pilot that is not B, C or D.
    `left_s`: the board has opened already; so long may the relay stay on, and never longer than
    `suspect_s` and the margin.
    """
    patience_s = suspect_s + MARGIN_S
    if pi_first:
        drop(relay)
        await _within(patience_s, _opened_by(board, lambda status: not status.request, overtaken))
        return await _within(None, board.revoke())
    understood = False
    try:
        async with asyncio.timeout(MOST_S if left_s is None else min(left_s, patience_s)):
            understood = await _within(patience_s, board.revoke())
            if understood:
                await _within(patience_s,
                              _opened_by(board, lambda status: not status.permit, overtaken))
    except TimeoutError:
        pass  # what is stuck the board names by itself
    finally:
        drop(relay)
    return understood


async def _opened_by(board: Board, channel: Callable[[BoardStatus], bool],
                     overtaken: Callable[[], bool]) -> None:
    """Until the board has seen this channel and the main contacts open, or nobody may wait for it."""
    while not overtaken():
        status = await board.poll()
        if status.pilot not in _CALM or not _HARMLESS.issuperset(status.faults):
            return
        if channel(status) and status.mirror_closed is False:
            await asyncio.sleep(PROOF_S)
            return
        await asyncio.sleep(LOOK_S)


async def _within(limit_s: float | None, work: Awaitable[None]) -> bool:
    """Whether it was done in time and without trouble. What is stuck the board names by itself."""
    try:
        async with asyncio.timeout(limit_s):
            await work
    except (TimeoutError, DeviceError):
        return False
    return True
