"""`forecourt card read`: one card, for the technician who holds it; nothing is started by it.

Exit status 0; 1: no card was shown, or the controller refused; 2: it cannot be done.
"""

import argparse
import json
import sys

import msgspec

from edge.enrolment.at_reader import AtReader
from edge.enrolment.options import add_options, run
from edge.enrolment.telling import page
from edge.rfid.uid import forms, parse_uid

WITHIN_S = 30.0


def main(argv: list[str]) -> int:
    """`argv` begins with `read`."""
    parser = argparse.ArgumentParser(prog="forecourt card read", description=(
        "Shows a card's number in all common forms, what it can prove, and what the list says of it"))
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="SECONDS")
    add_options(parser)
    args = parser.parse_args(argv[1:])
    if not 0 < args.within <= 60:
        parser.error(f"--within: got {args.within:g}, expected more than 0 and at most 60 seconds")

    async def read(reader: AtReader) -> int:
        print("Hold a card to the reader.", file=sys.stderr, flush=True)
        try:
            card = await reader.next(args.within)
        except TimeoutError:
            print(f"forecourt card: no card was shown within {args.within:g} s", file=sys.stderr)
            return 1
        if args.json:
            print(json.dumps(msgspec.to_builtins(card) | {"forms": forms(parse_uid(card.uid))}))
        else:
            print(page(card))
        return 0

    return run(args, read)
