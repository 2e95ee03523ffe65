"""Which registers to ask for together. Pure.

A request costs 13 characters, two silences and the device's turnaround whatever its length; a register
costs 2 characters. So a gap of registers that nobody wants is read along where that is cheaper than a
request more. With limits of length, barriers and holes in play the first fit is not the cheapest:
the blocks are chosen so that the whole takes the least time there is.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from edge.controller.struct import Value
from edge.meter import sunspec
from edge.meter.model import MeterModel, Register
from edge.meter.pace import Pace

_Cost = tuple[int, int, int]  # ns; of plans that take as long, fewer requests, fewer registers
_VALUE_WORDS = 2  # of most values; some devices refuse the half of one
_TIED_WORDS = 32  # further apart than this, reading two together costs more than it is worth


class Span(NamedTuple):
    """Registers `start` to `end` (exclusive) that are read whole: a value, or its scale factor."""

    function: int
    start: int
    end: int


HEADER_SPAN = Span(sunspec.HOLDING, 0, sunspec.HEADER)


class Block(Value):
    """One read request, and what of it is wanted."""

    function: int
    address: int
    count: int
    spans: tuple[Span, ...]

    @property
    def span(self) -> Span:
        return Span(self.function, self.address, self.address + self.count)

    def covers(self, span: Span) -> bool:
        return _contains(self.span, span)

    @property
    def is_grown(self) -> bool:
        """Whether it begins before what is wanted, or ends behind it, to be as long as no other."""
        return self.span != block_of(self.spans).span

    def halves(self) -> tuple["Block", "Block"]:
        """Two blocks instead of this one, parted at the gap that is nearest to the middle, if it has
        one. Raises `ValueError` for a block of one span.
        """
        cuts = range(1, len(self.spans))
        if not cuts:
            raise ValueError(f"block: got {self.span}, expected several values")
        middle = len(self.spans) / 2
        gaps = [cut for cut in cuts if self.spans[cut].start > max(s.end for s in self.spans[:cut])]
        cut = min(gaps or cuts, key=lambda cut: abs(cut - middle))
        return block_of(self.spans[:cut]), block_of(self.spans[cut:])


class Limits(NamedTuple):
    """What a block must not be: too long, across a barrier, or over a hole; and those that must not be
    made longer than they are.
    """

    max_block: int
    barriers: tuple[int, ...] = ()
    holes: tuple[Span, ...] = ()
    exact: frozenset[Span] = frozenset()

    def allow(self, span: Span) -> bool:
        return (span.end - span.start <= self.max_block
                and not any(span.start < barrier < span.end for barrier in self.barriers)
                and not any(_contains(span, hole) for hole in self.holes))


def limits_of(model: MeterModel) -> Limits:
    """Of a model whose device has taught us nothing yet."""
    identity = model.identity
    alone = () if identity is None or not identity.alone else (
        Span(identity.function, identity.address, identity.address + identity.count),)
    return Limits(model.max_block, model.barriers, alone)


def block_of(spans: Sequence[Span]) -> Block:
    """From the first to the last of some spans of one function."""
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return Block(function=spans[0].function, address=start, count=end - start, spans=tuple(spans))


def spans_of(register: Register) -> tuple[Span, ...]:
    """The words of a register's value, and those that it is scaled by."""
    value = Span(register.function, register.address, register.end)
    scale = register.scale_register
    return (value,) if scale is None else (value, Span(register.function, scale, scale + 1))


def ties_of(model: MeterModel, registers: Iterable[Register]) -> list[tuple[Span, ...]]:
    """Spans that should come in one answer: a value with its scale, and import with export."""
    wanted = list(registers)
    ties = [spans_of(register) for register in wanted if register.scale_register is not None]
    pair = {"energy_import" if model.billing is None else model.billing.quantity, "energy_export"}
    energies = [spans_of(register)[0] for register in wanted if register.quantity in pair]
    if len(energies) == 2 and energies[0].function == energies[1].function:
        ties.append(tuple(energies))
    return ties


def plan(spans: Iterable[Span], pace: Pace, turnaround_s: float, limits: Limits,
         ties: Iterable[tuple[Span, ...]] = ()) -> tuple[Block, ...]:
    """The blocks that cover `spans` in the shortest time, in order of function and address.

    A single value is asked for whatever the limits say: how else could it be had?
    """
    wanted = sorted(set(spans))
    units = {*wanted, *(union for tie in ties if (union := block_of(tie).span)
                        and union.end - union.start <= _TIED_WORDS and limits.allow(union))}
    largest = sorted(span for span in units
                     if not any(other != span and _contains(other, span) for other in units))
    blocks: list[Block] = []
    for _, group in groupby(largest, key=attrgetter("function")):
        for block in _cheapest(list(group), pace, turnaround_s, limits):
            inside = tuple(span for span in wanted if _contains(block, span))
            blocks.append(Block(function=block.function, address=block.start,
                                count=block.end - block.start, spans=inside))
    return tuple(blocks)


def told_apart(blocks: Iterable[Block], shapes: dict[tuple[int, int], int], known: Sequence[Span],
               limits: Limits) -> tuple[Block, ...]:
    """The blocks, none as long as another of its function at another address: in RTU nothing else
    tells a late answer from the one that was asked for. `shapes`: function and length -> address of
    those that were planned before; these are added.

    One that must be longer takes a neighbour of `known` in; where there is none, what follows it, as in
    a gap. A device that refuses that is read without it.
    """
    starts = {(span.function, span.start): span for span in sorted(known)}
    ends = {(span.function, span.end): span for span in sorted(known)}
    told = []
    for block in blocks:
        for span in _longer(block.span, starts, ends, limits):
            shape = span.function, span.end - span.start
            if shapes.setdefault(shape, span.start) == span.start:
                told.append(Block(function=span.function, address=span.start, count=shape[1],
                                  spans=block.spans))
                break
        else:
            told.append(block)
    return tuple(told)


def _longer(span: Span, starts: dict[tuple[int, int], Span], ends: dict[tuple[int, int], Span],
            limits: Limits) -> Iterator[Span]:
    """The span itself, and with more and more of what follows it, then of what stands before it, last
    with registers that nobody knows.
    """
    yield span
    if span in limits.exact:
        return
    for behind in (True, False):
        grown = span
        while (more := starts.get((span.function, grown.end)) if behind
               else ends.get((span.function, grown.start))) is not None:
            grown = Span(span.function, min(grown.start, more.start), max(grown.end, more.end))
            if not limits.allow(grown):
                break
            yield grown
    for values in (1, 2, 3):
        grown = Span(span.function, span.start, span.end + values * _VALUE_WORDS)
        if grown.end <= 0x10000 and limits.allow(grown):
            yield grown


def _cheapest(units: list[Span], pace: Pace, turnaround_s: float, limits: Limits) -> list[Span]:
    """Of all ways to part the sorted units into blocks. None holds another, so each block takes
    units that follow each other: best[n] is the least time for the first n, and where its last begins.
    """
    request_ns, register_ns = round(pace.request_s(turnaround_s) * 1e9), round(pace.register_s * 1e9)
    best: list[tuple[_Cost, int]] = [((0, 0, 0), 0)]
    for n, last in enumerate(units, 1):
        found: tuple[_Cost, int] | None = None
        for first in range(n - 1, -1, -1):
            block = Span(last.function, units[first].start, last.end)
            count = block.end - block.start
            if first < n - 1 and count > limits.max_block:
                break
            ns, requests, registers = best[first][0]
            cost = ns + request_ns + count * register_ns, requests + 1, registers + count
            if found is None or (cost < found[0] and limits.allow(block)):
                found = cost, first
        assert found is not None  # the unit alone
        best.append(found)
    blocks, n = [], len(units)
    while n:
        first = best[n][1]
        blocks.append(Span(units[first].function, units[first].start, units[n - 1].end))
        n = first
    return blocks[::-1]


def _contains(outer: Span, inner: Span) -> bool:
    return (outer.function == inner.function and outer.start <= inner.start
            and inner.end <= outer.end)
