"""`forecourt card enrol`: puts a card onto the site's own list by holding it to the reader, or one that
was refused lately.

Exit status 0; 1: no card was shown, or it was refused; 2: it cannot be done.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.controller.idtoken import Level
from edge.enrolment.at_reader import AtReader, Through
from edge.enrolment.options import add_options, run
from edge.enrolment.telling import line
from edge.link import card_protocol as protocol
from edge.rfid.tokens.csv_columns import COLUMNS, CellError, card_of
from edge.rfid.tokens.list_entry import Card, Secret

WITHIN_S = 30.0
_HEX = ("application", "sun_key", "certificate")


def main(argv: list[str]) -> int:
    """`argv` begins with `enrol`."""
    parser = _parser()
    args = parser.parse_args(argv[1:])
    if not 0 < args.within <= 60:
        parser.error(f"--within: got {args.within:g}, expected more than 0 and at most 60 seconds")
    try:
        card = _card(args)
    except (CellError, ValueError, OSError) as error:
        parser.error(str(error))

    async def job(reader: AtReader) -> int:
        if args.refused is not None and args.refused <= 0:
            return await _list(reader)
        return await _enrol(reader, card, args)

    return run(args, job)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt card enrol", description=(
        "The next card at the reader may charge from now on, as the options say"))
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="SECONDS")
    parser.add_argument("--refused", type=int, nargs="?", const=0, metavar="INDEX",
                        help="not the next card, but one that was refused in the last 15 minutes; "
                             "without an index: shows them")
    for column in COLUMNS:
        parser.add_argument(f"--{column.replace('_', '-')}", dest=f"card_{column}", metavar="TEXT",
                            help=f"as the column {column} of a sheet of cards")
    parser.add_argument("--key", type=Path, metavar="FILE", help=(
        "JSON: protocol (ev2 or ev1), application, key_no, keys; sun_key; certificate; bytes in hex. "
        "What it is worth is said by --level"))
    add_options(parser)
    return parser


def _card(args: argparse.Namespace) -> Card:
    cells = {column: getattr(args, f"card_{column}") or "" for column in COLUMNS}
    card = card_of(cells)
    if args.key is not None:
        card = msgspec.structs.replace(card, secret=_secret(args.key))
    if card.level in (Level.SUN, Level.MUTUAL) and card.secret is None:
        raise ValueError(f"--level {card.level}: expected --key, by which the card proves itself")
    return card


def _secret(path: Path) -> Secret:
    """Raises ValueError that names no key, OSError."""
    try:
        table: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        for name in _HEX:
            if name in table:
                table[name] = bytes.fromhex(table[name])
        table["keys"] = tuple(bytes.fromhex(key) for key in table.get("keys", ()))
        return msgspec.convert(table, Secret)
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"--key {path}: expected JSON with protocol, application, key_no, keys; "
                         "sun_key; certificate; bytes in hex, keys of 16 bytes") from None


async def _enrol(reader: AtReader, card: Card, args: argparse.Namespace) -> int:
    body = msgspec.Raw(msgspec.json.encode(card))
    if args.refused is not None:
        wanted = protocol.CardEnrol(index=args.refused, card=body)
    else:
        print("Hold the card to the reader.", file=sys.stderr, flush=True)
        try:
            shown = await reader.next(args.within)
        except TimeoutError:
            print(f"forecourt card: no card was shown within {args.within:g} s", file=sys.stderr)
            return 1
        if shown.random:
            print("forecourt card: this card makes its number up at each tap: it identifies nobody",
                  file=sys.stderr)
            return 1
        wanted = protocol.CardEnrol(uid=shown.uid, card=body)
    done = await reader.enrol(wanted)
    if args.json:
        print(json.dumps(msgspec.to_builtins(done)))
    else:
        print(f"card ....{done.last4} is on the list{' (it was before)' if done.replaced else ''}")
    return 0


async def _list(reader: AtReader) -> int:
    if not isinstance(reader, Through):
        print("forecourt card: no controller runs: refused cards are not remembered", file=sys.stderr)
        return 2
    found = await reader.client.ask(protocol.REFUSALS, None, protocol.RefusedCards)
    for tap in found.taps:
        print(f"{tap.index:>4}  {tap.age_s:>5.0f} s ago  {line(tap)}")
    if not found.taps:
        print("no card was refused in the last 15 minutes")
    return 0
