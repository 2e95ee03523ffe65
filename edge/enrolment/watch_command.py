"""`forecourt card watch`: every tap with what was decided, until it is interrupted. Shows no number.

Exit status 0 after `--taps`; 1: interrupted; 2: it cannot be done.
"""

import argparse
from collections.abc import AsyncIterator

import msgspec

from edge.enrolment.at_reader import AtReader, Through
from edge.enrolment.options import add_options, run
from edge.enrolment.telling import line
from edge.link import card_protocol as protocol

ASK_S = 25.0
NEVER_S = 86_400.0 * 365


def main(argv: list[str]) -> int:
    """`argv` begins with `watch`."""
    parser = argparse.ArgumentParser(prog="forecourt card watch", description=(
        "Shows every tap: the card's last four digits, its kind, what it proved, what was decided"))
    parser.add_argument("--taps", type=int, metavar="N", help="end after so many")
    add_options(parser)
    args = parser.parse_args(argv[1:])

    async def watch(reader: AtReader) -> int:
        shown = 0
        async for tap in (_through(reader, args.reader) if isinstance(reader, Through)
                          else _own(reader)):
            print(msgspec.json.encode(tap).decode() if args.json else line(tap), flush=True)
            shown += tap.decision != "open" or not reader.controlled
            if args.taps is not None and shown >= args.taps:
                break
        return 0

    return run(args, watch)


async def _through(reader: Through, reader_id: str | None) -> AsyncIterator[protocol.Tap]:
    after = 0
    while True:
        seen = await reader.client.ask(
            protocol.TAPS, protocol.CardTaps(after=after, within_s=ASK_S), protocol.TapsSeen,
            timeout_s=ASK_S + 5.0)
        after = seen.next
        for tap in seen.taps:
            if reader_id in (None, tap.reader_id):
                yield tap


async def _own(reader: AtReader) -> AsyncIterator[protocol.Tap]:
    """Nobody decides: no controller runs."""
    while True:
        card = await reader.next(NEVER_S)
        yield protocol.Tap(
            index=0, age_s=0.0, reader_id=card.reader_id, last4=card.uid[-4:], kind=card.kind,
            level=card.level, unproven=card.unproven, known=card.known, decision="open")
