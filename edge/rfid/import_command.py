"""`forecourt card import FILE.csv`: a sheet of cards into this site's own cards.

Shows what would be entered; `--apply` enters it, all of it or nothing. Exit status 0: shown or done;
1: the numbers can be read in more than one way, say which with --form; 2: cannot be done, with every
line that is wrong on stderr.
"""

import argparse
import sys
from pathlib import Path

from edge.controller.trouble import DeviceError
from edge.rfid.sheet import AUTO, Sheet, SheetRefused, read_sheet
from edge.rfid.tokens.csv_columns import COLUMNS
from edge.rfid.tokens.csv_import import SheetError
from edge.rfid.tokens.own import Entered, enter
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault, VaultError
from edge.rfid.uid import Form, last4

_SHOWN = 10


def main(argv: list[str]) -> int:
    """`argv` begins with `import`."""
    args = _parser().parse_args(argv[1:])
    try:
        sheet = read_sheet(args.file, args.form)
        store = TokenStore.open(args.state_dir, Vault.load(args.state_dir, args.credentials))
        try:
            entered = enter(store, sheet.cards, apply=args.apply)
        finally:
            store.close()
    except SheetRefused as error:
        print(error, file=sys.stderr)
        return 1 if error.ambiguous else 2
    except (SheetError, VaultError, DeviceError, OSError) as error:
        print(f"forecourt card import: {error}", file=sys.stderr)
        return 2
    _tell(sheet, entered, args)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forecourt card import", description="Enter the cards of a sheet. Its first line names "
        f"the columns: uid, {', '.join(COLUMNS)}")
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--form", choices=[AUTO, *Form], default=AUTO,
                        help="how it writes card numbers; auto: as all its numbers show, if they do")
    parser.add_argument("--apply", action="store_true", help="enter them; without it nothing changes")
    parser.add_argument("--state-dir", type=Path, default=Path("/var/lib/forecourt"), metavar="DIR")
    parser.add_argument("--credentials", type=Path, metavar="DIR", help="secrets from systemd, if any")
    return parser


def _tell(sheet: Sheet, entered: Entered, args: argparse.Namespace) -> None:
    how = "shown by its numbers" if sheet.shown else "as you say"
    print(f"{args.file}: {len(sheet.cards)} cards, numbers in the form {sheet.form.value} ({how})")
    for card in sheet.cards[:_SHOWN]:
        print(f"  line {card.line:<6} ....{last4(card.uid)}  {card.card.status:<8}  "
              f"{card.card.contract or '-'}")
    if len(sheet.cards) > _SHOWN:
        print(f"  ... and {len(sheet.cards) - _SHOWN} more")
    done = "entered" if args.apply else "would be entered"
    print(f"{entered.new} new, {entered.changed} known already: {done}")
    if not args.apply:
        print("nothing was changed; with --apply it is")
