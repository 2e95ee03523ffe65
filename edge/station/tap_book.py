"""The taps of the last minutes, for a technician: what was decided, and which cards were refused.

In memory only. The number of a card is kept with a refused one alone, so that it can be put onto the
list by a command, and for a quarter of an hour at the most.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

from edge.controller.effects import NoteRefusal, TellReader
from edge.controller.struct import Value
from edge.link.card_protocol import Tap
from edge.rfid.tap_flow import Shown

KEPT_NS = 15 * 60 * 1_000_000_000
KEPT = 50

log = logging.getLogger(__name__)


class Entry(Value):
    """One tap. `seq` grows with each change of any; `shown` None: its number is forgotten."""

    index: int
    seq: int
    mono_ns: int
    tap: Tap
    ref: str
    shown: Shown | None


class TapBook:
    """Belongs to one loop."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._seq = 0
        self._index = 0
        self._news = asyncio.Event()
        self._wanted: list[tuple[str | None, asyncio.Future[Shown]]] = []

    async def next(self, reader_id: str | None, within_s: float) -> Shown:
        """The next card, which the core does not hear of. Raises TimeoutError."""
        future: asyncio.Future[Shown] = asyncio.get_running_loop().create_future()
        self._wanted.append((reader_id, future))
        try:
            return await asyncio.wait_for(future, within_s)
        finally:
            self._wanted = [one for one in self._wanted if one[1] is not future]

    def take(self, shown: Shown) -> bool:
        """Gives a card to the technician who waits for it; False: nobody does."""
        for reader_id, future in self._wanted:
            if reader_id in (None, shown.tag.reader_id) and not future.done():
                future.set_result(shown)
                return True
        return False

    def note(self, shown: Shown) -> None:
        """A tap that the core is about to hear of."""
        self._index += 1
        self._forget()
        self._entries.append(self._news_of(Entry(
            index=self._index, seq=0, mono_ns=self._clock_ns(), ref=shown.token.ref, shown=shown,
            tap=_tap(self._index, shown))))

    def refused(self, effect: NoteRefusal) -> None:
        """The core's word about a card. One line in the log, without its number."""
        log.info("reader %s: card ....%s refused: %s (%s)", effect.reader_id, effect.last4, effect.why,
                 effect.log)
        self._decide(effect.reader_id, effect.token_ref, "refused", why=effect.why, words=effect.log)

    def told(self, effect: TellReader) -> None:
        """What a reader was told. Who is accepted is nobody's to enrol."""
        if effect.accepted:
            self._decide(effect.reader_id, None, "accepted")

    def refusals(self) -> tuple[Tap, ...]:
        """The latest first."""
        self._forget()
        return tuple(self._aged(entry) for entry in reversed(self._entries)
                     if entry.tap.decision == "refused")

    def refused_card(self, index: int) -> Shown | None:
        """The card behind a refusal, while it is remembered."""
        self._forget()
        return next((entry.shown for entry in self._entries
                     if entry.index == index and entry.tap.decision == "refused"), None)

    async def changes(self, after: int, within_s: float) -> tuple[int, tuple[Tap, ...]]:
        """Taps that came or changed after `after`, as soon as there are any (0: from now on); and the
        number to ask with next.
        """
        after = after or self._seq
        try:
            async with asyncio.timeout(within_s):
                while self._seq <= after:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return max(after, 1), ()
        found = sorted((e for e in self._entries if e.seq > after), key=lambda entry: entry.seq)
        return self._seq, tuple(map(self._aged, found))

    def _decide(self, reader_id: str, ref: str | None, decision: Literal["accepted", "refused"], *,
                why: str = "", words: str = "") -> None:
        """Of the latest tap at this reader (of this token) that nothing was said about yet."""
        for place in reversed(range(len(self._entries))):
            entry = self._entries[place]
            if (entry.tap.decision == "open" and entry.tap.reader_id == reader_id
                    and ref in (None, entry.ref)):
                tap = msgspec.structs.replace(entry.tap, decision=decision, why=why, log=words)
                self._entries[place] = self._news_of(msgspec.structs.replace(
                    entry, tap=tap, shown=entry.shown if decision == "refused" else None))
                return

    def _news_of(self, entry: Entry) -> Entry:
        self._seq += 1
        self._news.set()
        return msgspec.structs.replace(entry, seq=self._seq)

    def _forget(self) -> None:
        oldest_ns = self._clock_ns() - KEPT_NS
        while self._entries and self._entries[0].mono_ns < oldest_ns:
            self._entries.popleft()

    def _aged(self, entry: Entry) -> Tap:
        return msgspec.structs.replace(
            entry.tap, age_s=round((self._clock_ns() - entry.mono_ns) / 1e9, 1))


def _tap(index: int, shown: Shown) -> Tap:
    return Tap(index=index, age_s=0.0, reader_id=shown.tag.reader_id, last4=shown.token.last4,
               kind=shown.tag.card_kind, level=int(shown.level), known=shown.record is not None,
               unproven=None if shown.unproven is None else shown.unproven.value, decision="open")
