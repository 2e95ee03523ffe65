"""`forecourt replay FILE|FOLDER`: tell recorded events to the core again, and compare what it does.

A file is one segment of a recording (about a minute), a folder all that it holds. Exit status: 0 every
effect and state is the same to the byte, 1 something differs, 2 a file cannot be read.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.controller.events import Stamped
from edge.controller.state import Site
from edge.controller.struct import Value
from edge.controller.version import CORE_VERSION
from edge.recorder.codec import Outcome
from edge.recorder.replay import Told, Until, broken_links, replay, segment_files
from edge.recorder.segment import Unreadable
from edge.recorder.story import Line, standing, tell

SAME, DIFFERS, UNREADABLE = range(3)
CUT = 600  # characters of an outcome that a person is shown
FEW = 4  # so many segments are done before other processes have started


class Job(Value):
    """A segment, and what is wanted of it."""

    path: str
    until: Until
    watch: bool
    evse_id: str | None


class Done(Value):
    """What came of it: `told`, or why it cannot be read; and the story, if it was wanted."""

    told: Told | None
    error: str = ""
    story: tuple[Line, ...] = ()


class Summary(Value):
    """`--json`, the last line. `times_real`: seconds that were recorded over seconds that it took."""

    status: int
    segments: int
    steps: int
    span_s: float
    took_s: float
    times_real: float
    core_version: int
    broken: tuple[str, ...]


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    options = _parser().parse_args(argv)
    try:
        files = segment_files(options.recording)
    except (Unreadable, OSError) as error:
        print(f"forecourt replay: {error}", file=sys.stderr)
        return UNREADABLE
    jobs = [Job(path=str(path), until=options.until, watch=options.watch, evse_id=options.evse)
            for path in files]
    began_s, done = time.monotonic(), []
    for one in _all(jobs, options.jobs):
        done.append(one)
        _print(one, as_json=options.json)
    return _conclude(done, time.monotonic() - began_s, as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt replay", description=__doc__)
    parser.add_argument("recording", type=Path, metavar="FILE|FOLDER",
                        help="a segment, or a folder of them: <state>/flight, or one that is pinned")
    parser.add_argument("--until", type=_until, default=Until(), metavar="T",
                        help="stop after T: UTC as 2026-11-21T09:40:00Z, or monotonic seconds")
    parser.add_argument("--watch", action="store_true", help="tell what happened, in words")
    parser.add_argument("--evse", metavar="ID", help="with --watch: only of this EVSE and of the site")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="processes (default: %(default)s)")
    return parser


def _until(text: str) -> Until:
    try:
        return Until(mono_ns=int(float(text) * 1e9))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected UTC as 2026-11-21T09:40:00Z, or seconds") from None
    utc = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return Until(utc=utc.replace("+00:00", "Z"))


def _all(jobs: list[Job], processes: int) -> Iterator[Done]:
    """In the order given; side by side where that is worth while."""
    if len(jobs) <= FEW or processes <= 1:
        yield from map(done, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context) as pool:
        yield from pool.map(done, jobs, chunksize=max(1, min(8, len(jobs) // processes)))


def done(job: Job) -> Done:
    """One segment, in whatever process."""
    story: list[Line] = []
    last: list[tuple[Site, Stamped]] = []

    def listen(before: Site, stamped: Stamped, outcome: Outcome, after: Site) -> None:
        story.extend(tell(before, stamped, outcome, after))
        last[:] = [(after, stamped)]

    try:
        told = replay(Path(job.path), job.until, listen if job.watch else None)
    except Unreadable as error:
        return Done(told=None, error=str(error))
    if last and job.until != Until():
        story.extend(standing(last[0][0], last[0][1].at))
    wanted = (line for line in story if job.evse_id is None or line.evse_id in (None, job.evse_id))
    return Done(told=told, story=tuple(wanted))


def _print(one: Done, *, as_json: bool) -> None:
    told = one.told
    if as_json:
        for line in one.story:
            print(msgspec.json.encode(line).decode())
        print(msgspec.json.encode({"error": one.error} if told is None else told).decode())
        return
    for line in one.story:
        print(line)
    if told is None:
        print(f"forecourt replay: {one.error}", file=sys.stderr)
        return
    if told.other_core:
        print(f"{told.name}: recorded by core version {told.core_version}, this is {CORE_VERSION}: "
              "where they differ nothing need be wrong", file=sys.stderr)
    if told.torn is not None:
        print(f"{told.name}: {told.torn}: what is before it was replayed", file=sys.stderr)
    if told.lost:
        print(f"{told.name}: {told.lost} steps before it were not recorded", file=sys.stderr)
    if told.differs is not None:
        print("\n".join(difference(told)))


def difference(told: Told) -> Iterator[str]:
    """The first step that differs, for people."""
    found = told.differs
    assert found is not None
    where = {0: "its keyframe", None: "its end"}.get(found.step, f"step {found.step}")
    yield f"{told.name}: {where} differs: {found.event} at {found.at.utc or 'no known time'},"
    yield f"  boot {found.at.boot} +{found.at.mono_ns / 1e9:.6f} s"
    yield f"  expected {_cut(found.expected, found.got)}"
    yield f"  got      {_cut(found.got, found.expected)}"


def _cut(text: str, other: str) -> str:
    """From a little before where two texts part."""
    if len(text) <= CUT:
        return text
    same = next((n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), len(other))
    begin = max(0, min(same - CUT // 4, len(text) - CUT))
    return f"{'..' if begin else ''}{text[begin:begin + CUT]}{'..' if begin + CUT < len(text) else ''}"


def _conclude(done: Iterable[Done], took_s: float, *, as_json: bool) -> int:
    all_done = list(done)
    told = [one.told for one in all_done if one.told is not None]
    broken = broken_links(told)
    status = SAME
    if broken or any(one.differs for one in told):
        status = DIFFERS
    if len(told) < len(all_done):
        status = UNREADABLE
    span_s = sum(one.span_ns for one in told) / 1e9
    summary = Summary(
        status=status, segments=len(told), steps=sum(one.steps for one in told), span_s=span_s,
        took_s=took_s, times_real=span_s / took_s if took_s else 0.0, core_version=CORE_VERSION,
        broken=tuple(broken))
    if as_json:
        print(msgspec.json.encode(summary).decode())
        return status
    for line in broken:
        print(line)
    print(f"{summary.steps} steps of {summary.segments} segments, {span_s:.0f} s recorded, replayed in"
          f" {took_s:.1f} s ({summary.times_real:.0f} times real time): "
          + ("the same to the byte", "NOT the same", "not all of it can be read")[status])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
