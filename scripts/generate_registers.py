"""Writes the controller's copy of the pilot board's map, `edge/outlet/registers.py`.

usage: python scripts/generate_registers.py [--check]     --check: only say whether it is up to date
"""

import ast
import sys
from pathlib import Path

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
    fresh = render(SOURCE.read_text(encoding="utf-8"))
    if "--check" in argv:
        return int(not COPY.exists() or COPY.read_text(encoding="utf-8") != fresh)
    COPY.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
