"""Rows that the journal no longer holds: which of them a gap row names, and where to look for it. Pure.

Telemetry may be thinned before the cloud has it; the journal says so in a row of its own, written in
the same transaction. What no row names is a defect of a disk or of ours, and is never passed over.
"""

import msgspec

from edge.controller import records
from edge.controller.effects import Stream
from edge.controller.struct import Value
from edge.link.journal_protocol import WireRow

_MAY_BE_GIVEN_UP = Stream.TM


class Hole(Value):
    """Rows `first` to `last` of a stream."""

    first: int
    last: int


class Named:
    """What the gap rows of one epoch name, as far as they were seen."""

    def __init__(self) -> None:
        self._gaps: dict[int, tuple[int, str]] = {}  # first -> last, its hash

    def learn(self, row: WireRow) -> None:
        """Take note of a row of `ev`; most are about something else."""
        if row.type != records.EV_GAP:
            return
        try:
            gap = msgspec.json.decode(row.data, type=records.Gap)
        except ValueError:
            return  # it names nothing; the cloud has it quarantined
        if gap.stream != _MAY_BE_GIVEN_UP or gap.hash is None:
            return
        if gap.first_seq is not None and gap.last_seq is not None and gap.first_seq <= gap.last_seq:
            self._gaps[gap.first_seq] = (gap.last_seq, gap.hash)

    def hash_after(self, stream: str, hole: Hole) -> str | None:
        """The hash of the hole's last row, if gap rows name every row of it; else None."""
        if stream != _MAY_BE_GIVEN_UP:
            return None
        reached, hash_ = hole.first - 1, None
        for first, (last, its_hash) in sorted(self._gaps.items()):
            if first <= reached + 1 <= last and reached < hole.last:
                reached, hash_ = last, its_hash
        return hash_ if reached == hole.last else None


class Search:
    """A walk through `ev`: first what the cloud has not, up to the end, then what it has."""

    def __init__(self, acked: int) -> None:
        self._at, self._acked = acked, acked
        self._until: int | None = None
        self.done = False

    def after(self) -> int:
        """Where to read on."""
        return self._at

    def read(self, last: int | None) -> None:
        """Rows up to `last` were looked at; None: there were none."""
        if last is not None and (self._until is None or last < self._until):
            self._at = last
        elif self._until is None and self._acked:
            self._at, self._until = 0, self._acked
        else:
            self.done = True
