"""`forecourt card list apply|make|show|keys`: the operator's signed list.

Exit status 0: done, or applied already; 2: cannot be done, with the reason on stderr; then the list
that was there holds.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec import to_builtins

from edge.controller.trouble import DeviceError
from edge.rfid import hand_command
from edge.rfid.sheet import SheetRefused, read_sheet
from edge.rfid.site_words import SITE_FILE, SiteError, SiteWords, site_words
from edge.rfid.tokens import list_seal, list_sign
from edge.rfid.tokens.csv_import import SheetError
from edge.rfid.tokens.list_apply import Updater
from edge.rfid.tokens.list_entry import Entry
from edge.rfid.tokens.list_file import ListFile, write_list
from edge.rfid.tokens.list_make import Order, build, load_fleet, read_json, with_keys
from edge.rfid.tokens.list_sign import BadKey
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault, VaultError
from edge.rfid.uid import Form

VERBS = ("apply", "make", "show", "keys")
_NICE = 10  # behind the controller


def main(argv: list[str]) -> int:
    """`argv` begins with `list`; without one of the verbs it shows the cards."""
    if len(argv) < 2 or (argv[1] not in VERBS and argv[1] not in ("-h", "--help")):
        return hand_command.main(argv)
    args = _parser().parse_args(argv[1:])
    try:
        return int(args.run(args))
    except SheetRefused as error:
        print(error, file=sys.stderr)
        return 2
    except (SiteError, SheetError, BadKey, VaultError, DeviceError, OSError) as error:
        print(f"forecourt card list: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt card list", description=(
        "The operator's signed list of cards. Without a verb: all cards that are known here, as "
        "`forecourt card list --state-dir DIR --json`"))
    site = argparse.ArgumentParser(add_help=False)
    site.add_argument("--site", type=Path, default=SITE_FILE, metavar="site.toml",
                      help=f"(default: {SITE_FILE})")
    site.add_argument("--credentials", type=Path, metavar="DIR", help="secrets from systemd, if any")
    site.add_argument("--json", action="store_true", help="for a machine")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    apply = verbs.add_parser("apply", parents=[site], help="take a signed list; also while it runs")
    apply.add_argument("file", type=Path, metavar="FILE")
    apply.set_defaults(run=_apply)
    show = verbs.add_parser("show", parents=[site], help="which list holds, or what a FILE is")
    show.add_argument("file", type=Path, nargs="?", metavar="FILE")
    show.set_defaults(run=_show)
    keys = verbs.add_parser("keys", parents=[site], help="whom it trusts, and its own public key")
    keys.set_defaults(run=_keys)
    _make_parser(verbs.add_parser("make", help="make and sign a list, at the operator's desk"))
    return parser


def _make_parser(make: argparse.ArgumentParser) -> None:
    make.add_argument("cards", type=Path, metavar="CARDS", help="CSV, or .json; docs/cards.md has both")
    make.add_argument("--site-id", required=True, metavar="ID", help="as SE*FCT*E0001")
    make.add_argument("--version", type=int, required=True, metavar="N", help="above all before")
    make.add_argument("--base", type=int, metavar="N", help="a differential list: changes of version N")
    make.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key (PEM)")
    make.add_argument("--new-key", action="store_true", help="make that key first")
    to = make.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", metavar="x25519:...", help="the site's public key: `card list keys` there")
    to.add_argument("--unsealed", action="store_true", help="in the open: only without keys and names")
    make.add_argument("--fleet", type=Path, metavar="FILE", help="master keys, for levels 2 and 3")
    make.add_argument("--form", choices=["auto", *Form], default="auto", help="of the numbers in a CSV")
    make.add_argument("--out", type=Path, required=True, metavar="FILE")
    make.set_defaults(run=_make)


def _apply(args: argparse.Namespace) -> int:
    words = site_words(args.site)
    os.nice(_NICE)
    began = time.monotonic()
    with ListFile.open(args.file, list_sign.verify_keys(words.operator_keys)) as file:
        vault = _prepared(words, args.credentials)
        applied = Updater(vault, words.state, words.id).apply(file)
    if args.json:
        print(json.dumps(to_builtins(applied)))
    elif applied.new:
        print(f"version {applied.version} holds: {applied.tokens} cards "
              f"({time.monotonic() - began:.1f} s)")
    else:
        print(f"version {applied.version} is applied already: {applied.tokens} cards")
    return 0


def _prepared(words: SiteWords, credentials: Path | None) -> Vault:
    """The site's secrets; its store is there and up to date. Raises VaultError, StoreError."""
    vault = Vault.load(words.state, credentials)
    TokenStore.open(words.state, vault).close()
    return vault


def _show(args: argparse.Namespace) -> int:
    words = site_words(args.site)
    facts: dict[str, int | str | None]
    if args.file is None:
        store = TokenStore.open(words.state, Vault.load(words.state, args.credentials))
        try:
            head = store.list_head()
        finally:
            store.close()
        facts = {"version": head.version, "cards": head.tokens, "issued_utc": head.issued_utc,
                 "confirmed_utc": head.confirmed_utc, "sha256": head.hash.hex()}
    else:
        with ListFile.open(args.file, list_sign.verify_keys(words.operator_keys)) as file:
            for index in range(len(file.manifest.chunks)):
                file.chunk(index)
            said = file.manifest
            facts = {"site": said.site, "version": said.version, "base": said.base, "kind": said.kind,
                     "entries": said.entries, "issued_utc": said.issued_utc,
                     "signed_by": said.signed_by, "chunks": len(said.chunks),
                     "sealed_to": None if said.sealed is None else said.sealed.to,
                     "sha256": file.hash.hex()}
    if args.json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:<13} {'-' if value is None else value}")
    return 0


def _keys(args: argparse.Namespace) -> int:
    words = site_words(args.site)
    trusted = list_sign.verify_keys(words.operator_keys)
    public = list_seal.public_of(Vault.load(words.state, args.credentials).list_key())
    own = list_sign.public_text(list_sign.SEALS, public)
    if args.json:
        print(json.dumps({"site": words.id, "public": own, "id": list_sign.key_id(public),
                          "trusted": list(trusted)}))
        return 0
    print(f"lists for {words.id} are sealed to   {own}   (id {list_sign.key_id(public)})")
    print("lists are taken from   " + (", ".join(trusted) or "nobody: [cards] operator_keys is empty"))
    return 0


def _make(args: argparse.Namespace) -> int:
    to = None if args.unsealed else list_sign.parse_public(list_sign.SEALS, args.to)
    key = list_sign.new_sign_key(args.key) if args.new_key else list_sign.load_sign_key(args.key)
    entries = _entries(args)
    if args.fleet is not None:
        entries = with_keys(entries, load_fleet(args.fleet))
    issued = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    order = Order(site=args.site_id, version=args.version, base=args.base, issued_utc=issued, to=to)
    message, chunks = build(entries, order, key)
    write_list(args.out, message, chunks.__getitem__, len(chunks))
    print(f"{args.out}: version {args.version} for {args.site_id}, {len(entries)} entries")
    public = list_sign.public_text(list_sign.SIGNS, list_sign.public_of(key))
    print(f'signed; the site file needs   [cards] operator_keys = ["{public}"]')
    return 0


def _entries(args: argparse.Namespace) -> list[Entry]:
    if args.cards.suffix.lower() == ".json":
        return read_json(args.cards.read_bytes(), args.cards.name)
    sheet = read_sheet(args.cards, args.form)
    return [Entry(uid=card.uid, card=card.card) for card in sheet.cards]
