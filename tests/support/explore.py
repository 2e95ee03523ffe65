"""Explore one EVSE exhaustively: `PYTHONPATH=. python tests/support/explore.py --depth 3`.

Exit status 1: an invariant fell; the story that led there is printed.
"""

import argparse
import sys

from evse_seeds import KINDS, seeds
from evse_stage import WILD
from explorer import Broken, Found, explore


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="explore", description=__doc__)
    parser.add_argument("--depth", type=int, default=2, help="events from each seed; default 2")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="default: plain")
    options = parser.parse_args(argv)
    for kind in options.kind or ["plain"]:
        try:
            found = explore(seeds(KINDS[kind]()), WILD, depth=options.depth)
        except Broken as error:
            print(f"broken, {kind}: {error}")
            return 1
        print(summary(found, kind, options.depth))
    return 0


def summary(found: Found, kind: str, depth: int) -> str:
    """One line for people and for the page of proofs."""
    return (f"{kind}: {len(found.states)} states, {found.transitions} transitions, depth {depth} from "
            f"every seed, {found.seconds:.0f} s of CPU")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
