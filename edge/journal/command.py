"""`forecourt journal`: is a journal whole, what is in it, and its rows as lines of JSON.

Reads only, and needs nothing but the file: beside a running controller, of one that was set aside, or
of a copy. Exit status: 0 whole (or done); 1 the chain is broken at the rows that are named; 2 it cannot
be read, or the arguments are wrong.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.export import line, proven, stored
from edge.journal.figures import Figures, figures
from edge.journal.row import Row
from edge.journal.verify import Verification, verify


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    options = _parser().parse_args(argv)
    work = {"verify": _verify, "stats": _stats, "export": _export}[options.command]
    try:
        return work(options)
    except (JournalError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # whoever read has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"forecourt journal: {error}", file=sys.stderr)
        if not getattr(options, "salvaged", True) or options.command == "verify":
            print("What can be proven of it: forecourt journal export --salvaged", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt journal", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("verify", help="check the hash of every row")
    two = commands.add_parser("stats", help="rows, days and sizes")
    three = commands.add_parser("export", help="rows as lines of JSON")
    for command in (one, two, three):
        command.add_argument("file", type=Path, metavar="FILE", help="journal.db, or one set aside")
    for command in (one, two):
        command.add_argument("--json", action="store_true", help="machine readable")
    three.add_argument("--stream", type=Stream, choices=[*Stream], help="one stream (default: all)")
    three.add_argument("--after", type=int, default=0, metavar="SEQ", help="rows after this number")
    three.add_argument("--type", metavar="NAME", help="rows of one type, as tx.cdr.v1")
    three.add_argument("--salvaged", action="store_true",
                       help="what can be proven of a file that is damaged, row by row")
    three.add_argument("--format", choices=["jsonl"], default="jsonl", help="one JSON object a line")
    return parser


def _verify(options: argparse.Namespace) -> int:
    progress = _Progress()
    try:
        found = verify(options.file, progress)
    finally:
        progress.end()
    if options.json:
        print(msgspec.json.encode({"whole": found.whole, **msgspec.to_builtins(found)}).decode())
    else:
        print("\n".join(_verified(options.file, found)))
    return 0 if found.whole else 1


def _verified(path: Path, found: Verification) -> Iterator[str]:
    rows = ", ".join(f"{stream} {count:,}" for stream, count in found.rows.items())
    yield f"{path}: journal {found.epoch}, opened {_times(found.boot)}; rows: {rows}"
    for one in found.breaks:
        yield f"{one.stream} {one.seq}: {one.why}"
    yield from found.troubles
    yield "Whole: every row is what its hash says." if found.whole else "BROKEN."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _stats(options: argparse.Namespace) -> int:
    found = figures(options.file)
    if options.json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(_said(options.file, found)))
    return 0


def _said(path: Path, found: Figures) -> Iterator[str]:
    yield f"{path}: journal {found.epoch}, opened {_times(found.boot)}, schema {found.schema}"
    yield (f"{found.file_bytes / 1e6:.1f} MB, of which {found.free_bytes / 1e6:.1f} MB free for new"
           f" rows; WAL {found.wal_bytes / 1e6:.1f} MB; {found.sessions} sessions and {found.kept}"
           f" values kept{'; a controller has it open' if found.controller else ''}")
    for stream, one in found.streams.items():
        held = f"{one.first:,} to {one.last:,}" if one.rows else "none"
        yield (f"{stream}: rows {held}, acknowledged up to {one.acked:,}; {one.bytes / 1e6:.1f} MB,"
               f" {one.oldest_utc or '-'} to {one.newest_utc or '-'}")
        for day in one.days:
            yield f"  {day.day or 'no time':<10} {day.rows:>8,} rows {day.bytes / 1e3:>12,.1f} kB"
    if found.hurt is not None:
        yield f"Found damaged while in use, set aside at the next start: {found.hurt}"
    if found.report is not None:
        yield f"It follows a damaged journal: {found.report}"


def _export(options: argparse.Namespace) -> int:
    for row in _rows(options):
        if options.type is None or row.type == options.type:
            sys.stdout.buffer.write(line(row) + b"\n")
    sys.stdout.buffer.flush()
    return 0


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    streams = [*Stream] if options.stream is None else [options.stream]
    if not options.salvaged:
        for stream in streams:
            yield from stored(options.file, stream, options.after)
        return
    if not options.file.is_file():
        raise JournalError(f"{options.file}: no such file")
    yield from proven(options.file, streams, options.after)


class _Progress:
    """A line that is written over, on a terminal, for a file that takes long."""

    STEP = 10_000

    def __init__(self) -> None:
        self._shown, self._next = False, self.STEP

    def __call__(self, done: int, of: int) -> None:
        if done >= self._next and sys.stderr.isatty():
            self._shown, self._next = True, done + self.STEP
            print(f"\r{done:,} of {of:,} rows", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
