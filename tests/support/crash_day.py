"""A day with deaths in it, in processes of their own: `python tests/support/crash_day.py --help`.

Each story is a `Day` whose controller ends by `_exit` at one place (or at two), is started again on
the same file, and plays the day to its end. Processes are forked from this one, which has no threads
and no loop. Prints JSON: lines for each story, and the counts on the last one.
"""

import argparse
import functools
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from crash_point import DIED  # noqa: E402
from day import Day  # noqa: E402
from day_boot import kept_day, live  # noqa: E402
from day_judge import judge_death, judge_end, sessions_per_visit  # noqa: E402

WAYS = ("kill", "long", "mains")
AWAY_S = {"kill": 2.0, "long": 25.0, "mains": 3.0}
KILL_AGAIN = 40  # places of a start
MOST_S = 60  # of real time; a story takes less than one


class Story(NamedTuple):
    """Where the controller dies, how long it is away and why; and where it dies the second time."""

    place: int
    way: str
    second: int | None


def main(argv: list[str]) -> int:
    """Exit status 1: some story failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so many places")
    parser.add_argument("--first", type=int, default=1, help="the first place")
    parser.add_argument("--each-kind", action="store_true", help="one place of each kind, too")
    parser.add_argument("--way", choices=[*WAYS, "turns"], default="turns")
    parser.add_argument("--second", type=int, default=0, metavar="N",
                        help="die again in the start after it: N places further each time")
    parser.add_argument("--most-failures", type=int, default=10, help="then it ends")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        day, names = live(Day(), folder)
        expected = sessions_per_visit(folder)
        judge_end(day, folder, expected, expected)
    chosen = set(range(options.first, len(names) + 1, options.every))
    if options.each_kind:
        chosen |= {first + 1 for first in _first_of_each_kind(names)}
    stories = [Story(place, (WAYS[n % len(WAYS)] if options.way == "turns" else options.way),
                     1 + n * options.second % KILL_AGAIN if options.second else None)
               for n, place in enumerate(sorted(chosen))]
    failed = _play_all(stories, expected, options.jobs, options.most_failures)
    _say(places=len(names), kinds=len(_first_of_each_kind(names)), stories=len(stories),
         failed=failed, ways=Counter(story.way for story in stories), sessions=expected.total(),
         day_s=round(day.now_s - 1000), took_s=round(time.monotonic() - began))
    return 1 if failed else 0


def _first_of_each_kind(names: list[str]) -> list[int]:
    """Creating one table is like creating another; so is setting a pragma."""
    kinds = [re.sub("(CREATE TABLE|PRAGMA) .*", r"\1", name) for name in names]
    return [kinds.index(kind) for kind in dict.fromkeys(kinds)]


def _play_all(stories: list[Story], expected: Counter[str], jobs: int, most_failures: int) -> int:
    """How many failed; no more are begun then."""
    running: dict[int, Story] = {}
    failed, waiting = 0, list(reversed(stories))
    while waiting or running:
        if failed >= most_failures:
            waiting.clear()
        while waiting and len(running) < jobs:
            story = waiting.pop()
            running[_fork(functools.partial(_play, story, expected))] = story
        pid, status = os.wait()
        story = running.pop(pid)
        if os.waitstatus_to_exitcode(status) != 0:
            failed += 1
            _say(failed=story._asdict())
    return failed


def _say(**what: object) -> None:
    """One line in one write: several processes have the same output."""
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(work: Callable[[], object]) -> int:
    """Do it in a child; its exit status is 0 if it came to its end."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    signal.alarm(MOST_S)
    try:
        work()
        status = 0
    finally:
        if status:
            _say(error=traceback.format_exc()[-2500:])
        os._exit(status)


def _play(story: Story, expected: Counter[str]) -> None:
    """In a process of its own; raises what is not as it must be."""
    with tempfile.TemporaryDirectory() as name:
        folder, day, cut = Path(name), Day(), Counter[str]()
        for aim in (story.place, story.second):
            if aim is not None:
                day = _dies(day, folder, aim)
                cut += sessions_per_visit(folder, still_open=True)
                _meanwhile(day, folder, story.way)
        _say(story=story._asdict(), deaths=day.deaths)
        day, _ = live(day, folder)
        # A board that was without power cannot say that it is still the same car.
        judge_end(day, folder, expected, expected + cut if story.way == "mains" else expected)


def _dies(day: Day, folder: Path, aim: int) -> Day:
    pid = _fork(lambda: live(day, folder, aim))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == DIED, f"the controller ended with {status}, not at place {aim}"
    return kept_day(folder)


def _meanwhile(day: Day, folder: Path, way: str) -> None:
    """The site without a controller; and the first look at a register that counts is a torn one."""
    for evse_id in judge_death(day, folder):
        day.bays[evse_id].torn = True
    if way == "mains":
        for bay in day.bays.values():
            bay.mains()
        day.computer = f"computer-{day.boots + 1}"
        day.mono_shift_ns = -round((day.now_s - 5) * 1e9)
    day.away(AWAY_S[way])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
