"""`forecourt privacy erase`: destroys what links a token to a card, for a person who asks for it.

Rows of the journal keep their hashes and stay provable; the numbers sealed in them open for nobody any
more. Works beside a running controller. Exit status 0: erased; 1: nothing is known of it; 2: cannot be
done.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import msgspec

from edge.controller.trouble import DeviceError
from edge.rfid.tokens.aside import set_aside_files
from edge.rfid.tokens.erase import Erased, erase
from edge.rfid.tokens.schema import TAPS_FILE
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault, VaultError
from edge.rfid.uid import UidError, parse_uid

_REF = re.compile(r"[0-9a-f]{32}")


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    args = _parser().parse_args(argv)
    try:
        store = TokenStore.open(args.state_dir, Vault.load(args.state_dir))
        try:
            ref = args.token or store.token(parse_uid(args.uid)).ref
            erased = erase(store, ref)
        finally:
            store.close()
    except (UidError, VaultError, DeviceError, OSError) as error:
        print(f"forecourt privacy: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(msgspec.to_builtins(erased) | {"token": ref}))
    else:
        print("\n".join([*_words(ref, erased), *_copies(args.state_dir)]))
    return 0 if erased else 1


def _words(ref: str, erased: Erased) -> list[str]:
    if not erased:
        return [f"token {ref}: nothing is known of it here"]
    done = [f"token {ref}:"]
    if erased.key:
        done.append("  its sealing key is destroyed: no number in any row opens any more")
    if erased.known:
        done.append("  its entry in the list is deleted, with its keys and names")
    if erased.taps:
        done.append("  the cloud's word about it and its counters are deleted")
    return [*done, "The journal is as it was: `forecourt journal verify` proves it."]


def _copies(state_dir: Path) -> list[str]:
    """Of the time before a file was found damaged; nobody but a technician can say what they hold."""
    kept = (*set_aside_files(state_dir), *set_aside_files(state_dir, TAPS_FILE))
    return [f"Delete {state_dir / name} when it has been read: it may hold the same." for name in kept]


def _ref(text: str) -> str:
    if not _REF.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError("expected 32 hex digits, as `card list --json` and rows say")
    return text.lower()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt privacy", description="A person's data")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("erase", help="destroy what links a token to a card", description=(
        "Destroys the key that opens the sealed numbers of a token, and all that the lists know of it"))
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--token", type=_ref, metavar="REF", help="its reference, 32 hex digits")
    which.add_argument("--uid", metavar="UID", help="the card's number in hex, byte 0 first")
    one.add_argument("--state-dir", type=Path, default=Path("/var/lib/forecourt"), metavar="DIR")
    one.add_argument("--json", action="store_true", help="for a machine")
    return parser
