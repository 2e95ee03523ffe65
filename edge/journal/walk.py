"""The older rows, checked while the controller runs: in slices on the journal's thread.

A start checks the newest rows only, so that it stays quick. What is found damaged here is noted in the
file, too: the next start sets it aside and salvages it, while this one goes on writing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.journal.errors import JournalError
from edge.journal.row import Head, Row

SLICE_ROWS = 200
PAUSE_S = 0.25
"""Between two slices: a week's rows take about two minutes, and each commit waits for one at most."""
PERIOD_S = 86_400.0

log = logging.getLogger(__name__)


class Examined(Value):
    """A slice. `last`: its last row; `damage`: what is wrong with one of it, if anything is."""

    last: int
    damage: str | None = None


class Books(Protocol):
    """The part of the journal that is walked."""

    def heads(self) -> dict[Stream, Head]: ...

    async def examine(self, stream: Stream, after: int, limit: int) -> Examined: ...

    async def note_hurt(self, why: str) -> None: ...


class Walk:
    """Belongs to one loop. `on_hurt` is called once, with what was found."""

    def __init__(self, journal: Books, on_hurt: Callable[[str], None], *, pause_s: float = PAUSE_S,
                 period_s: float = PERIOD_S) -> None:
        self._journal, self._on_hurt = journal, on_hurt
        self._pause_s, self._period_s = pause_s, period_s

    async def run(self) -> None:
        """Once now and then every day, until damage is found."""
        while True:
            try:
                damage = await self._walked()
                if damage is not None:
                    log.critical("journal: %s", damage)
                    self._on_hurt(damage)
                    await self._journal.note_hurt(damage)
                    return
            except JournalError as error:  # the disk does not answer: that is a fault of its own
                log.error("journal: not walked: %s", error)
            await asyncio.sleep(self._period_s)

    async def _walked(self) -> str | None:
        for stream in Stream:
            after = self._journal.heads()[stream].tail
            while True:
                found = await self._journal.examine(stream, after, SLICE_ROWS)
                if found.damage is not None:
                    return found.damage
                if found.last <= after:
                    break
                after = found.last
                await asyncio.sleep(self._pause_s)
        return None


def examined(stream: Stream, after: int, rows: tuple[Row, ...],
             heads: Mapping[Stream, Head]) -> Examined:
    """Of what was read after `after`, where the journal stood so when it was read."""
    expected = max(after, heads[stream].tail) + 1
    for row in rows:
        if row.seq != expected or not row.intact():
            return Examined(last=row.seq, damage=f"{stream} {expected} is missing" if (
                row.seq != expected) else f"{stream} {row.seq} is not what its hash says")
        expected += 1
    if not rows and expected <= heads[stream].seq:
        return Examined(last=after, damage=f"{stream} {expected} is missing")
    return Examined(last=rows[-1].seq if rows else after)
