"""Every write of a day is a place to die at: no session is lost or told twice, each Wh is billed once.

The short form dies once at each kind of place; `make chaos` at every place of the day, at every third
by a cut of the mains, at every fifth and again in the start after it, and plays the short form over
copies of the product that have been broken: each of them is caught.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("edge", "examples", "tests/support")

#: What is broken: the file, a line of it, and what stands there instead.
MUTANTS = {
    "a grant that does not wait for its record": (
        "edge/station/runner.py", "if written is not None:", "if False:"),
    "a session that is kept in another transaction than its row": (
        "edge/station/runner.py", "Batch(rows=tuple(rows), sessions=sessions, kept=kept,",
        "Batch(rows=tuple(rows), mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok))\n"
        "            self._scribe.write(Batch(sessions=sessions, kept=kept,"),
    "a start that forgets the register": (
        "edge/station/restoring.py", "            meters[session.meter_id].resume(",
        "            (lambda *_: None)("),
    "a start that forgets the sessions": (
        "edge/station/restoring.py", "    hand_in(SessionRestored(session=session))\n", ""),
    "a start that forgets what was counted": (
        "edge/station/restoring.py", "        if event is not None:", "        if False:"),
    "an acknowledgement that deletes": (
        "edge/journal/store.py", "        if seq > head.acked:\n",
        "        self._connection().execute(f'DELETE FROM row_{stream.value} WHERE seq < ?', (seq,))\n"
        "        if seq > head.acked:\n"),
    "a start row that is written again": (
        "edge/controller/records.py", "event_type=event_type",
        "event_type='Started' if session.seq_no == 1 else event_type"),
    "an end that is forgotten when it was told": (
        "edge/controller/moves.py", "told=True", "told=False"),
}


def play(*options: str, root: Path = ROOT) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Die in a day; the counts, and a line for each story that did not end as it must."""
    done = subprocess.run(
        [sys.executable, str(root / "tests" / "support" / "crash_day.py"), *options],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    *lines, counts = [json.loads(line) for line in done.stdout.splitlines()] or [{}]
    failures = [line for line in lines if "story" not in line]
    if done.returncode and not failures:
        failures = [{"error": f"not even a day without a death: exit status {done.returncode}"}]
    return counts, failures


@pytest.mark.wire
def test_dying_once_at_each_kind_of_place_costs_nobody_anything():
    counts, failures = play("--each-kind", "--every", "211")
    assert not failures, failures
    assert counts["kinds"] > 40 and counts["stories"] >= counts["kinds"] and counts["failed"] == 0
    print(counts)


@pytest.mark.wire
def test_dying_again_in_the_start_after_it_costs_nobody_anything():
    counts, failures = play("--first", "7", "--every", "97", "--second", "3")
    assert not failures, failures
    assert counts["stories"] >= 10
    print(counts)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("options", [
    ("--way", "kill"), ("--way", "long", "--every", "3"), ("--way", "mains", "--every", "3"),
    ("--every", "5", "--second", "1")], ids=["killed", "away for long", "mains cut", "killed twice"])
def test_dying_at_every_place_of_the_day_costs_nobody_anything(options):
    counts, failures = play(*options)
    assert not failures, failures
    print(counts)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_product_that_is_broken_is_caught(name, tmp_path):
    for folder in NEEDED:
        shutil.copytree(ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("__pycache__"))
    file, line, instead = MUTANTS[name]
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert line in text, "it is written otherwise now"
    (tmp_path / file).write_text(text.replace(line, instead), encoding="utf-8")
    counts, failures = play("--each-kind", "--every", "41", "--most-failures", "1", root=tmp_path)
    assert failures, counts
