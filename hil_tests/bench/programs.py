"""Rows of single rooms: measured by programs in `tests/`, which may import every room."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hil_tests.bench.report import Row

MICRO, JOURNAL, BUS = (
    Path("tests") / name for name in ("bench_micro.py", "bench_journal.py", "bench_bus.py"))
WEEK = Path("tests") / "support" / "week_journal.py"


def rows(checkout: Path, program: Path, *, quick: bool) -> list[Row]:
    """All that the program prints. Raises `RuntimeError` with its last words."""
    said = run(checkout, program, *(["--quick"] if quick else []))
    return [Row(**json.loads(line)) for line in said.splitlines()]


def run(checkout: Path, program: Path, *words: str) -> str:
    """What a program of `tests/` says. Raises `RuntimeError` with its last words."""
    paths = os.pathsep.join((str(checkout), str(checkout / "tests" / "support")))
    done = subprocess.run([sys.executable, str(checkout / program), *words], cwd=checkout, text=True,
                          capture_output=True, timeout=600, env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr.strip()[-2000:]}")
    return done.stdout
