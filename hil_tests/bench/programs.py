"""Rows of single rooms: measured by programs in `tests/`, which may import every room."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from hil_tests.bench.report import Row

MICRO, JOURNAL, BUS, LIST = (
    Path("tests") / f"bench_{name}.py" for name in ("micro", "journal", "bus", "list"))
WEEK = Path("tests") / "support" / "week_journal.py"


def rows(checkout: Path, program: Path, *, quick: bool) -> list[Row]:
    """All that the program prints. Raises `RuntimeError` with its last words."""
    said = run(checkout, program, *(["--quick"] if quick else []))
    return [Row(**json.loads(line)) for line in said.splitlines()]


def tell(argv: list[str], measured: Callable[[bool], Iterable[Row]], about: str | None) -> int:
    """What such a program's `main` does: print the rows of `measured(quick)` as they come."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true")
    for row in measured(parser.parse_args(argv).quick):
        print(json.dumps(asdict(row)), flush=True)
    return 0


def run(checkout: Path, program: Path, *words: str) -> str:
    """What a program of `tests/` says. Raises `RuntimeError` with its last words."""
    paths = os.pathsep.join((str(checkout), str(checkout / "tests" / "support")))
    done = subprocess.run([sys.executable, str(checkout / program), *words], cwd=checkout, text=True,
                          capture_output=True, timeout=600, env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr.strip()[-2000:]}")
    return done.stdout
