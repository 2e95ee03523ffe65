"""Writes what comes from the firmware: the controller's copy of the map, and tables of the docs.

usage: python scripts/generate_registers.py [--check]     --check: only say what is not up to date
"""

import ast
import sys
from pathlib import Path

import generate_board_docs

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "firmware" / "registers.py"
COPY = ROOT / "edge" / "outlet" / "registers.py"
HEADER = '''"""The pilot board's Modbus map. Generated from `firmware/registers.py`: do not edit.

`python scripts/generate_registers.py` writes this file; a test compares the two.
"""
'''


def render(source: str) -> str:
    """The copy: the same lines in the same order, after a header of its own.

    Raises `ValueError` if the source is more than names of whole numbers and comments.
    """
    for node in ast.parse(source).body:
        whole = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) \
            and type(node.value.value) is int
        if not whole:
            raise ValueError(f"{SOURCE.name}:{node.lineno}: got {type(node).__name__}, "
                             f"expected NAME = whole number")
    return HEADER + "\n" + source


def main(argv: list[str]) -> int:
    """Exit status 1: `--check` found a difference."""
    fresh = {COPY: render(SOURCE.read_text(encoding="utf-8")),
             generate_board_docs.PAGE: generate_board_docs.fresh()}
    stale = [path for path, text in fresh.items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: differs from the firmware; run {Path(__file__).name}")
        return int(bool(stale))
    for path in stale:
        path.write_text(fresh[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
