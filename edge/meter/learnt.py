"""What one device has refused, and so what it is not asked for again soon. Times are monotonic ns."""

from typing import NamedTuple

from edge.meter.plan import Block, Limits, Span

LONG_S = 6 * 3600.0  # until what was refused is tried once more
SHORT_S = 60.0  # a register that should be there is tried sooner, and ever more rarely


class Missing(NamedTuple):
    """A value that was refused alone."""

    why: str
    until_ns: int
    times: int


class Learnt:
    """Of one device. `version` changes with what its blocks have to respect."""

    def __init__(self, limits: Limits) -> None:
        self.version = 0
        self._limits = limits
        self._longest: tuple[int, int] | None = None  # registers, until
        self._holes: dict[Span, int] = {}
        self._exact: set[Span] = set()
        self._missing: dict[Span, Missing] = {}

    @property
    def limits(self) -> Limits:
        """What the model says, and what the device has taught."""
        longest = self._limits.max_block if self._longest is None else self._longest[0]
        return Limits(min(longest, self._limits.max_block), self._limits.barriers,
                      (*self._limits.holes, *self._holes, *self._missing), frozenset(self._exact))

    def missing(self, span: Span) -> str | None:
        """Why a value is not asked for now; `None`: it is."""
        found = self._missing.get(span)
        return None if found is None or not found.until_ns else found.why

    def part(self, left: Block, right: Block, now_ns: int) -> None:
        """Together they were refused, and each alone was not: for what lies between, or the length."""
        until_ns = now_ns + round(LONG_S * 1e9)
        hole = Span(left.function, left.span.end, right.address)
        if hole.start < hole.end:
            self._holes[hole] = until_ns
        elif hole.start > hole.end:  # they overlap
            self._holes[Span(left.function, left.address, right.span.end)] = until_ns
        else:
            self._longest = max(left.count, right.count), until_ns
        self.version += 1

    def leave(self, span: Span) -> None:
        """It is answered, and was not when it was longer than anybody wants it: so for good."""
        self._exact.add(span)
        self.version += 1

    def miss(self, span: Span, why: str, now_ns: int, *, optional: bool) -> None:
        """A value was refused alone."""
        before = self._missing.get(span)
        times = 1 if before is None else before.times + 1
        wait_s = LONG_S if optional else min(SHORT_S * 2 ** min(times - 1, 9), LONG_S)
        self._missing[span] = Missing(why, now_ns + round(wait_s * 1e9), times)
        self.version += 1

    def ask_again(self, span: Span) -> None:
        """Try a value that was refused now, without waiting for its time."""
        known = self._missing.get(span)
        if known is not None and known.until_ns:
            self._missing[span] = known._replace(until_ns=0)
            self.version += 1

    def found(self, block: Block) -> None:
        """A block was answered: nothing in it is missing any longer."""
        for span in [span for span in self._missing if block.covers(span)]:
            del self._missing[span]
            self.version += 1

    def expire(self, now_ns: int) -> None:
        """What was remembered for long enough is tried again once."""
        if self._longest is not None and now_ns >= self._longest[1]:
            self._longest = None
            self.version += 1
        for hole in [hole for hole, until_ns in self._holes.items() if now_ns >= until_ns]:
            del self._holes[hole]
            self.version += 1
        for span, known in self._missing.items():
            if known.until_ns and now_ns >= known.until_ns:  # asked for alone, until it answers
                self._missing[span] = known._replace(until_ns=0)
                self.version += 1

    def forget(self) -> None:
        """Another device, or the same at another address."""
        self._longest = None
        self._holes.clear()
        self._exact.clear()
        self._missing.clear()
        self.version += 1
