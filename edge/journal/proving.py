"""Which of the rows that were found in a damaged journal are proven: their hash says so.

`row_hash` over a row's content after the hash of the row before it is the row's own hash. A row whose
content was damaged still has its hash, which proves the row after it; one whose hash was damaged is
proven by the row after it, or by the head of its stream.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from edge.controller.effects import Stream
from edge.journal.carving import Candidate, Candidates
from edge.journal.row import NO_ROW, Head, Row

SAMPLE = 200


class Proven(NamedTuple):
    """A row, whose content is read when it is asked for."""

    one: Candidate
    prev: bytes
    hash: bytes


class Rows(Mapping[int, Row]):
    """Rows of one stream by seq. Each look reads the file."""

    def __init__(self, epoch: str, stream: Stream) -> None:
        self._epoch, self._stream = epoch, stream
        self.held: dict[int, Proven] = {}

    def __getitem__(self, seq: int) -> Row:
        one, prev, hash_ = self.held[seq]
        return one.row(prev, self._epoch, self._stream, hash_)

    def __iter__(self) -> Iterator[int]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)


class _Link(NamedTuple):
    """A hash that a row may have. `row`: the row that it is then, if that is not proven yet."""

    hash: bytes
    row: Proven | None = None


class Proof:
    """Of one journal's rows. `rows`: by stream and seq."""

    def __init__(self, found: Candidates, epoch: str, heads: Mapping[Stream, Head]) -> None:
        """`heads`: those that are known to be what was written."""
        self.rows = {stream: Rows(epoch, stream) for stream in Stream}
        self._found, self._epoch = found, epoch
        self._links: dict[Stream, dict[int, list[_Link]]] = {
            stream: defaultdict(list, {0: [_Link(NO_ROW)]}) for stream in Stream}
        for stream, head in heads.items():
            self._links[stream][head.tail].append(_Link(head.tail_hash))
        for seq in sorted(found):
            for one in [one for one in found[seq] if not self._prove(one)]:
                self._doubt(one)
        for stream, head in heads.items():
            self._accept(stream, head.seq, head.hash)

    def unproven(self, stream: Stream, seqs: Iterable[int]) -> list[int]:
        """Those of which something was found and the row before is lost: nothing can prove them."""
        links = self._links[stream]
        return [seq for seq in seqs if not links.get(seq - 1)
                and any(one.type.startswith(f"{stream}.") for one in self._found.get(seq, ()))]

    def _prove(self, one: Candidate) -> bool:
        for stream in _likely(one):
            for link in self._links[stream].get(one.seq - 1, ()):
                if one.hash_after(link.hash, self._epoch, stream) == one.hash:
                    if link.row is not None:
                        self.rows[stream].held.setdefault(one.seq - 1, link.row)
                    self.rows[stream].held.setdefault(
                        one.seq, Proven(one, link.hash, one.hash))
                    self._links[stream][one.seq].insert(0, _Link(one.hash))
                    return True
        return False

    def _doubt(self, one: Candidate) -> None:
        """Its content was damaged, or its hash, or the hash of the row before."""
        for stream in _likely(one):
            before = [link for link in self._links[stream].get(one.seq - 1, ()) if link.row is None]
            here = self._links[stream][one.seq]
            here.append(_Link(one.hash))
            for link in before:
                hash_ = one.hash_after(link.hash, self._epoch, stream)
                here.append(_Link(hash_, Proven(one, link.hash, hash_)))

    def _accept(self, stream: Stream, seq: int, hash_: bytes) -> None:
        for link in self._links[stream].get(seq, ()):
            if link.row is not None and link.hash == hash_:
                self.rows[stream].held.setdefault(seq, link.row)


def likeliest(found: Candidates, epochs: Iterable[str]) -> str | None:
    """The epoch by which most of a sample of rows is proven after the row before; None: by none."""
    pairs = [(before, one) for seq in sorted(found) for one in found[seq]
             for before in found.get(seq - 1, ())]
    step = max(1, len(pairs) // SAMPLE)
    scores = {epoch: sum(one.hash_after(before.hash, epoch, stream) == one.hash
                         for before, one in pairs[::step] for stream in Stream) for epoch in epochs}
    firsts = [(epoch, sum(one.hash_after(NO_ROW, epoch, stream) == one.hash
                          for one in found.get(1, ()) for stream in Stream)) for epoch in scores]
    best = max((scores[epoch] + score, epoch) for epoch, score in firsts) if firsts else (0, "")
    return best[1] if best[0] else None


def _likely(one: Candidate) -> list[Stream]:
    """Every stream, the one that its type names first."""
    return sorted(Stream, key=lambda stream: not one.type.startswith(f"{stream}."))
