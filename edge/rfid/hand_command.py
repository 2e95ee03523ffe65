"""`forecourt card add|block|unblock|remove|list`: cards by hand. Shows no number in full."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.controller.idtoken import TokenRecord
from edge.controller.trouble import DeviceError
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault, VaultError
from edge.rfid.uid import UidError, parse_uid


def main(argv: list[str]) -> int:
    """0: done; 1: the list does not know this card; 2: cannot be done, with the reason on stderr."""
    args = _parser().parse_args(argv)
    try:
        store = TokenStore.open(args.state_dir, Vault.load(args.state_dir))
        try:
            return int(args.run(store, args))
        finally:
            store.close()
    except (UidError, VaultError, DeviceError, OSError) as error:
        print(f"forecourt card: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt card", description="Cards that may charge here")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state-dir", type=Path, default=Path("/var/lib/forecourt"), metavar="DIR")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", parents=[common], help="add a card, or change what is known of it")
    add.add_argument("uid", metavar="UID", help="the number in hex, byte 0 first: 04 A3 C6 CA E2 61 80")
    add.add_argument("--contract", metavar="ID", help="contract id (eMAID) for the bill")
    add.add_argument("--group", metavar="NAME", help="cards of a group may stop each other's sessions")
    add.add_argument("--language", metavar="TAG", help="language of the screen for this driver: sv, en")
    add.add_argument("--evse", action="append", default=[], metavar="ID",
                     help="only at this EVSE; may be repeated; without it: at all of them")
    add.add_argument("--expires", type=_utc, metavar="UTC", help="2027-01-31 or 2027-01-31T12:00:00Z")
    add.set_defaults(run=_add)
    for name, run, text in (("block", _block, "keep a card and refuse it"),
                            ("unblock", _unblock, "take back a block; what the list says holds again"),
                            ("remove", _remove, "forget a card; its sessions can still be billed")):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("uid", metavar="UID")
        command.set_defaults(run=run)
    listing = commands.add_parser("list", parents=[common], help="show the cards, numbers masked")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_list)
    return parser


def _utc(text: str) -> str:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date and time of ISO 8601") from None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add(store: TokenStore, args: argparse.Namespace) -> int:
    uid = parse_uid(args.uid)
    record = TokenRecord(
        token=store.token(uid, contract_id=args.contract), group_ref=args.group,
        evse_ids=tuple(args.evse), language=args.language, expires_utc=args.expires)
    print(_line(store.add(uid, record)))
    return 0


def _block(store: TokenStore, args: argparse.Namespace) -> int:
    return _known(store.block(parse_uid(args.uid)), "blocked")


def _unblock(store: TokenStore, args: argparse.Namespace) -> int:
    uid = parse_uid(args.uid)
    if not store.unblock(uid):
        print("this card is not blocked here (a block by the operator is taken back by his list)",
              file=sys.stderr)
        return 1
    found = store.find(store.token(uid).ref)
    print("unblocked" if found is None else _line(found.entry.record))
    return 0


def _remove(store: TokenStore, args: argparse.Namespace) -> int:
    return _known(store.remove(parse_uid(args.uid)), "removed")


def _known(known: bool, done: str) -> int:
    if not known:
        print("the list does not know this card", file=sys.stderr)
        return 1
    print(done)
    return 0


def _list(store: TokenStore, args: argparse.Namespace) -> int:
    records = sorted(store.list(), key=lambda r: (r.token.contract_id or "", r.token.ref))
    if args.json:
        print(json.dumps([_as_dict(record) for record in records], indent=2))
        return 0
    for record in records:
        print(_line(record))
    return 0


def _as_dict(record: TokenRecord) -> dict[str, Any]:
    token = record.token
    return {"last4": token.last4, "ref": token.ref, "type": token.type, "status": record.status.value,
            "contract_id": token.contract_id, "group": record.group_ref, "evses": list(record.evse_ids),
            "language": record.language, "expires_utc": record.expires_utc,
            "min_level": int(record.min_level)}


def _line(record: TokenRecord) -> str:
    token = record.token
    return "  ".join((f"....{token.last4}", f"{record.status.value:<8}", token.contract_id or "-",
                      f"group {record.group_ref or '-'}",
                      f"EVSE {','.join(record.evse_ids) or 'all'}", record.language or "-",
                      f"until {record.expires_utc or '-'}"))
