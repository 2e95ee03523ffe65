"""What a journal must hold after a power cut, by what its owner had been told before it."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from journal_life import FILE, batch

from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import NewRow, Row
from edge.journal.verify import verify

WHOLE = "whole"
OWN = "journal:"
"""Kept values of the journal itself."""


@dataclass
class Known:
    """What was printed before the cut: see `journal_life`."""

    sent: int = 0
    durable: int = 0
    epoch: str | None = None
    boot: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    going: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: list[str]) -> "Known":
        """Batches become durable in their order."""
        known = cls()
        for line in lines:
            match line.split():
                case ["sent", number]:
                    known.sent = int(number) + 1
                case ["durable", number]:
                    known.durable = int(number) + 1
                case ["open", epoch, boot]:
                    known.epoch, known.boot = epoch, int(boot)
                case ["asked" | "going" as what, stream, seq]:
                    of_streams: dict[str, int] = getattr(known, what)
                    of_streams[stream] = max(of_streams.get(stream, 0), int(seq))
        return known


class Model:
    """What a journal holds after so many batches, were there no disk."""

    def __init__(self, batches: int) -> None:
        self.rows: dict[Stream, list[tuple[int, NewRow]]] = {stream: [] for stream in Stream}
        self.after: list[tuple[dict[Stream, int], dict[str, bytes], dict[str, bytes]]] = []
        sessions: dict[str, bytes] = {}
        kept: dict[str, bytes] = {}
        for number in range(batches + 1):
            heads = {stream: len(rows) for stream, rows in self.rows.items()}
            self.after.append((heads, dict(sessions), dict(kept)))
            new = batch(number)
            for row in new.rows:
                self.rows[row.stream].append((number, row))
            for held, changes in ((sessions, new.sessions), (kept, new.kept)):
                for key, body in changes.items():
                    held.pop(key, None)
                    if body is not None:
                        held[key] = body

    def batches_of(self, heads: dict[Stream, int], sessions: dict[str, bytes],
                   kept: dict[str, bytes], known: Known) -> int | None:
        """How many batches, from those that were acknowledged to those that were sent, give exactly
        this; None: no number of them.
        """
        for number in range(known.durable, known.sent + 1):
            if self.after[number] == (heads, sessions, kept):
                return number
        return None


async def judged(folder: Path, lines: list[str], model: Model) -> str:
    """`WHOLE`, or what is wrong with the journal in `folder`, which is opened, written and closed."""
    known = Known.of(lines)
    path = folder / FILE
    if known.epoch is not None and not path.exists():
        return "the file is gone"
    try:
        journal = await Journal.open(path)
    except JournalError as error:
        return f"not opened: {type(error).__name__}"
    try:
        wrong = await _wrong(journal, known, model)
        if wrong is None:
            (row,) = (await journal.append(batch(0)))[:1]
            if row.seq != journal.heads()[row.stream].seq:
                wrong = "what comes next has another number"
    except JournalError as error:
        wrong = f"not read: {type(error).__name__}"
    finally:
        await journal.close()
    if wrong is None and verify(path).breaks:
        wrong = "the chain is broken"
    return wrong or WHOLE


async def _wrong(journal: Journal, known: Known, model: Model) -> str | None:
    if known.epoch is not None and journal.epoch != known.epoch:
        return "another journal began"
    if journal.boot <= known.boot:
        return "a boot was counted twice"
    heads = {stream: head.seq for stream, head in journal.heads().items()}
    kept = {key: body for key, body in (await journal.kept()).items() if not key.startswith(OWN)}
    batches = model.batches_of(heads, await journal.sessions(), kept, known)
    if batches is None:
        behind = any(heads[s] < model.after[known.durable][0][s] for s in Stream)
        return "acknowledged rows are lost" if behind else "not what any number of batches gives"
    for stream, head in journal.heads().items():
        if head.acked > known.asked.get(stream.value, 0):
            return "an acknowledgement that nobody sent"
        tail = await _tail_of(journal, stream)
        if tail > known.going.get(stream.value, 0):
            return "rows were deleted that nobody gave up"
        if not await _rows_right(journal, stream, tail, model):
            return "a row is not what was written"
    return None


async def _tail_of(journal: Journal, stream: Stream) -> int:
    rows = await journal.read(stream, 0, 1)
    return rows[0].seq - 1 if rows else journal.heads()[stream].seq


async def _rows_right(journal: Journal, stream: Stream, tail: int, model: Model) -> bool:
    at = tail
    while rows := await journal.read(stream, at):
        if not all(_right(row, at + n, model) for n, row in enumerate(rows, 1)):
            return False
        at = rows[-1].seq
    return at == journal.heads()[stream].seq


def _right(row: Row, seq: int, model: Model) -> bool:
    number, new = model.rows[row.stream][seq - 1]
    return (row.seq == seq and row.intact() and row.mono_ns == number and row.type == new.type
            and row.data == new.data)


def cuts(rnd: random.Random, ops: int, count: int) -> list[int]:
    """So many places in a recording, in order."""
    return sorted(rnd.randint(0, ops) for _ in range(count))
