"""Records the golden recordings anew, or says whether this core still does what it did in them.

usage: python scripts/record_golden.py --check | --write

A core that does otherwise has another CORE_VERSION (edge/controller/version.py): raise that first.
Exit status: 0 as it was, or written; 1 it is not, and what to do about it.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from golden import FOLDER, RAISE, STORIES, recorded, verdict  # noqa: E402 (the path comes first)

from edge.controller.version import CORE_VERSION  # noqa: E402


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="only say whether they hold")
    mode.add_argument("--write", action="store_true", help="record them anew")
    options = parser.parse_args(argv)
    trouble = verdict(FOLDER)
    if options.check or trouble is None:
        print(trouble or f"the core does what it did: CORE_VERSION {CORE_VERSION}")
        return 0 if trouble is None else 1
    if trouble.endswith(RAISE):
        print(trouble, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for name, story in STORIES.items():
        (FOLDER / name).write_bytes(recorded(story()))
        print(f"wrote {(FOLDER / name).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
