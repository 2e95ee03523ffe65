"""Tells recorded events to the core of this software again, and compares what it does, to the byte."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from edge.controller.core import step
from edge.controller.events import Header, Stamped
from edge.controller.state import Site
from edge.controller.struct import Value
from edge.controller.version import CORE_VERSION
from edge.recorder import codec
from edge.recorder.segment import SUFFIX, Segment, Unreadable

#: What is told of each step as it is replayed: state before, the step, its outcome, state after.
Listener = Callable[[Site, Stamped, codec.Outcome, Site], None]


class Difference(Value):
    """The first step of a segment that came out otherwise. `step` counts from 1 in its segment; 0: the
    keyframe itself; None: the state at the end. `expected` and `got`: outcomes as in `codec.Steps`.
    """

    step: int | None
    at: Header
    event: str
    expected: str
    got: str


class Told(Value):
    """A segment that was replayed. `begin_state`, `end_state`: digests; the latter None where the
    replay did not come to the end that the recorder wrote. `span_ns`: of its events. `torn`: why its
    tail cannot be read.
    """

    name: str
    number: int
    boot: int
    core_version: int
    follows: bool
    lost: int
    steps: int
    span_ns: int
    begin_state: str
    end_state: str | None
    torn: str | None = None
    differs: Difference | None = None

    @property
    def other_core(self) -> bool:
        """Written by a core that may have done otherwise."""
        return self.core_version != CORE_VERSION


class Until(Value):
    """Where to stop: after the last event that is not later. One of them, or neither."""

    mono_ns: int | None = None
    utc: str | None = None

    def passed(self, at: Header) -> bool:
        """Whether an event is later."""
        if self.mono_ns is not None:
            return at.mono_ns > self.mono_ns
        return self.utc is not None and at.utc is not None and at.utc > self.utc


NEVER = Until()


def replay(path: Path, until: Until = NEVER, listener: Listener | None = None) -> Told:
    """Replay one segment up to the first difference, or to its end. Raises `Unreadable`."""
    segment = Segment(path)
    site, begun_with = segment.keyframe()
    head = segment.head
    first_ns = last_ns = head.mono_ns
    count, differs, whole = 0, _changed_keyframe(site, begun_with, segment), True
    for recorded in segment.steps():
        at = recorded.stamped.at
        if until.passed(at) or differs is not None:
            whole = False
            break
        before = site
        site, outcome = taken(before, recorded.stamped)
        count, last_ns = count + 1, at.mono_ns
        got = codec.outcome_bytes(outcome)
        if got != recorded.outcome:
            differs = Difference(step=count, at=at, event=type(recorded.stamped.event).__name__,
                                 expected=_text(recorded.outcome), got=_text(got))
        if listener is not None:
            listener(before, recorded.stamped, outcome, site)
    end_state = None
    if segment.end is not None and whole and differs is None:
        end_state = codec.digest(codec.site_bytes(site)).hex()
        differs = _at_the_end(segment, count, end_state)
    return Told(
        name=path.name, number=head.number, boot=head.boot, core_version=head.core_version,
        follows=head.follows, lost=head.lost, steps=count, span_ns=last_ns - first_ns,
        begin_state=codec.digest(begun_with).hex(), end_state=end_state, torn=segment.torn,
        differs=differs)


def taken(site: Site, stamped: Stamped) -> tuple[Site, codec.Outcome]:
    """As the station has it: a core that raises leaves the state as it was."""
    try:
        return step(site, stamped)
    except Exception as error:  # noqa: BLE001 (the wall around a core that failed)
        return site, error


def _changed_keyframe(site: Site, data: bytes, segment: Segment) -> Difference | None:
    """A state must be the same bytes again after it was read, or nothing that follows says anything."""
    again = codec.site_bytes(site)
    if again == data:
        return None
    return Difference(step=0, at=_begin(segment), event="keyframe", expected=_state(data),
                      got=_state(again))


def _at_the_end(segment: Segment, count: int, state: str) -> Difference | None:
    end = segment.end
    if end is None or (end.steps == count and end.state.hex() == state):
        return None
    return Difference(step=None, at=_begin(segment), event="end", got=f"{count} steps, state {state}",
                      expected=f"{end.steps} steps, state {end.state.hex()}")


def _begin(segment: Segment) -> Header:
    head = segment.head
    return Header(mono_ns=head.mono_ns, boot=head.boot, fresh_id="", utc=head.utc)


def _state(data: bytes) -> str:
    return f"a state of {len(data)} bytes, {codec.digest(data).hex()}"


def _text(outcome: bytes) -> str:
    return outcome.decode(errors="replace") or "no effects"


def broken_links(told: list[Told]) -> list[str]:
    """Where a segment does not begin with the state that the one before ended with. In order of age."""
    return [f"{after.name}: begins with state {after.begin_state}, {before.name} ended with"
            f" {before.end_state}"
            for before, after in pairwise(told)
            if after.follows and after.number == before.number + 1 and before.end_state is not None
            and before.differs is None and before.end_state != after.begin_state]


def segment_files(path: Path) -> list[Path]:
    """A file as it is; of a folder its segments, the oldest first. Raises `Unreadable` for none."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"*{SUFFIX}"))
    if not found:
        raise Unreadable(f"{path}: no *{SUFFIX} in this folder")
    return found
