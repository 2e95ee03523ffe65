"""Rows of single rooms: measured by a program in `tests/`, which may import every room."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hil_tests.bench.report import Row

PROGRAM = Path("tests") / "bench_micro.py"


def rows(checkout: Path, *, quick: bool) -> list[Row]:
    """All that the program prints. Raises `RuntimeError` with its last words."""
    argv = [sys.executable, str(checkout / PROGRAM), *(["--quick"] if quick else [])]
    paths = os.pathsep.join((str(checkout), str(checkout / "tests" / "support")))
    done = subprocess.run(argv, cwd=checkout, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise RuntimeError(f"{PROGRAM}: {done.stderr.strip()[-2000:]}")
    return [Row(**json.loads(line)) for line in done.stdout.splitlines()]
