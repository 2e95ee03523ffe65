"""Virtual hours and days of the pure parts in real MicroPython: no garbage, no growth, no wrap."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from test_on_micropython import FIRMWARE, HELPERS, HERE, compile_to

from hil_tests.virtual.micropython.runtime import HEAP, fetch_micropython

pytestmark = pytest.mark.wire

HOUR_MS = 3_600_000
STEP_MS = 10  # the longest turn allowed, so the fewest steps a day; the looks for garbage take 4 ms
WRAPS_AFTER_MS = 1_800_000
START_MS = 2**30 - WRAPS_AFTER_MS


def soak(folder: Path, hours: int, step_ms: int, timeout_s: float) -> list[dict]:
    for source in [*FIRMWARE.glob("*.py"), *(HERE / name for name in (*HELPERS, "soak.py"))]:
        compile_to(folder, source)
    start = f"import soak; soak.main({hours}, {step_ms}, {START_MS})"
    done = subprocess.run([fetch_micropython("unix").executable, "-X", f"heapsize={HEAP}", "-c", start],
                          env={"MICROPYPATH": f"{folder}:.frozen", "PATH": os.defpath},
                          capture_output=True, text=True, timeout=timeout_s, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    assert lines[-1] == {"what": "end"}, done.stderr
    return lines[:-1]


def judge(lines: list[dict], hours: int) -> list[dict]:
    """The hours; raises if anything was left behind in them."""
    looks = [line for line in lines if line["what"] in ("turns", "samples", "requests")]
    assert len(looks) == 18
    assert [line for line in looks if line["bytes"]] == []
    seen = [line for line in lines if line["what"] == "hour"]
    assert [line["hour"] for line in seen] == list(range(hours))
    last = seen[-1]
    assert last["steps"] >= HOUR_MS // STEP_MS * 0.99
    assert last["trips"] == last["silent"] == hours  # one trip and one burst of noise an hour
    assert last["cycles"] == 4 * hours
    assert last["exceptions"] == 0
    assert last["uptime_s"] >= 3600 * hours
    return seen


def growth(seen: list[dict]) -> int:
    """Bytes in use more at the last hour than after the first."""
    return seen[-1]["heap"] - seen[0]["heap"]


@pytest.mark.timeout(300)
def test_two_hours_and_a_wrap_of_the_clock_leave_the_heap_as_it_was(tmp_path):
    seen = judge(soak(tmp_path, 2, STEP_MS, 280), 2)
    assert growth(seen) <= 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_day_leaves_the_heap_as_it_was(tmp_path):
    seen = judge(soak(tmp_path, 24, STEP_MS, 1700), 24)
    assert growth(seen) <= 0
    steps = sum(line["steps"] for line in seen)
    print(f"{steps} steps, {1000 * steps // sum(line['ms'] for line in seen)} a second, "
          f"{seen[-1]['heap']} bytes in use, {seen[-1]['free']} free")
