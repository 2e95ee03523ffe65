"""`forecourt diagnostics`: a bundle for a bug report, without anything that names a person.

In it: the doctor's page with its figures, versions, the site's file, the newest rows of the journal,
logs, the flight recording of the last ten minutes and the list of what is pinned. Cards, names and
addresses are replaced by pseudonyms that hold within this bundle only; keys, the token store and the
journal itself are never packed. Works with and without a running controller, and only reads.

Exit status: 0 written, 1 it could not be written (a full disk: give another place with --out).
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from edge.doctor.bundle import Manifest, entries_of, pack, write
from edge.doctor.collecting import Collection
from edge.doctor.command import add_options, examine
from edge.doctor.site_file import facts_of
from edge.doctor.words import megabytes

HOURS = 24.0
FOLDER = "forecourt-diagnostics"


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    args = _parser().parse_args(argv)
    facts = facts_of(args.site)
    made = datetime.now(UTC)
    collection = Collection(facts, examine(facts, args.run_dir), hours=args.hours, logs=args.log,
                            pins=args.pin)
    collection.gather()
    manifest = Manifest(
        made_by=f"forecourt diagnostics {version('forecourt')}",
        utc=made.isoformat(timespec="seconds").replace("+00:00", "Z"),
        files=entries_of(collection.files), masked=collection.mask.counts,
        left_out=tuple(collection.left_out), notes=tuple(collection.notes))
    out: Path = args.out or Path(f"{FOLDER}-{made:%Y%m%dT%H%M%S}Z.tar.gz")
    try:
        beside, digest = write(out, pack(collection.files, manifest, FOLDER))
    except OSError as error:
        print(f"forecourt diagnostics: {out}: {error.strerror or error}; give another place with "
              "--out, as a USB stick or /dev/shm", file=sys.stderr)
        return 1
    print("\n".join(_told(manifest, out, beside, digest)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt diagnostics", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.tar.gz",
                        help=f"where to write it (default: {FOLDER}-TIME.tar.gz here)")
    parser.add_argument("--hours", type=_hours, default=HOURS, metavar="HOURS",
                        help="how far rows and logs go back (default: %(default)g)")
    parser.add_argument("--log", type=Path, action="append", default=[], metavar="FILE",
                        help="a log to take along, where systemd keeps none; may be given again")
    parser.add_argument("--pin", action="append", default=[], metavar="NAME",
                        help="a pinned flight recording to take along; may be given again")
    return parser


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 366:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected hours above 0, at most {24 * 366}")
    return hours


def _told(manifest: Manifest, out: Path, beside: Path, digest: str) -> Iterator[str]:
    """What is inside, and what was masked."""
    yield f"{out}: {len(manifest.files)} files, {megabytes(out.stat().st_size)}"
    yield f"{beside.name}: {digest}"
    yield "inside"
    for entry in manifest.files:
        yield f"  {entry.name:<44} {entry.bytes:>10,} bytes"
    masked = ", ".join(f"{count} {kind}" for kind, count in manifest.masked.items())
    yield f"masked: {masked or 'nothing was found that names anybody'}"
    for reason in manifest.left_out:
        yield f"left out: {reason}"
    yield ("Ids of bays, meters and sessions, times and energy are in it. Look through it before you "
           "send it to anybody.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
