"""Makes a signed list: at the operator's desk, never at a site.

Cards that prove themselves (L2, L3) get keys of their own from the fleet's master keys (AN10922), which
stay at the desk: a list holds keys of its cards only.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from edge.controller.idtoken import Level
from edge.controller.struct import Value
from edge.rfid.proof.diversify import card_key
from edge.rfid.tokens.list_entry import Card, Entry, Secret, check, encode_chunks
from edge.rfid.tokens.list_file import FORMAT, VERSION_END, ListRefused, Manifest, Version
from edge.rfid.tokens.list_seal import TAG_BYTES, ChunkCipher, new_key, wrap
from edge.rfid.tokens.list_sign import BadKey, SignKey, key_id, public_of, read_private
from edge.rfid.tokens.secret import Protocol
from edge.rfid.uid import UidError, parse_uid

_Hex16 = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{32}$")]
_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{2}){1,28}$")]


class Order(Value):
    """What a list is for. `base` None: a full list. `to`: the site's public key; None: unsealed."""

    site: str
    version: Version
    base: Version | None
    issued_utc: str
    to: bytes | None


class Fleet(Value):
    """The fleet's master keys and how a card's own are derived from them: a JSON file of the desk.

    `keys`: of mutual authentication, the present one first, then the one before. `sun_key`: of SUN
    messages. The input is UID || `application` || `tag`, 16 to 31 bytes; hex throughout.
    """

    application: _Hex
    tag: _Hex
    protocol: Protocol = Protocol.EV2
    key_no: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    keys: Annotated[tuple[_Hex16, ...], msgspec.Meta(max_length=2)] = ()
    sun_key: _Hex16 | None = None

    def __repr__(self) -> str:
        return "Fleet(<secret>)"


class _Asked(Value):
    """An entry as JSON has it; keys in base64. Without `card`: delete."""

    uid: str
    card: Card | None = None


def load_fleet(path: Path) -> Fleet:
    """Raises BadKey for what is no such file or open to others, OSError."""
    try:
        return msgspec.json.decode(read_private(path), type=Fleet)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadKey(f"{path}: {error}") from None


def read_json(data: bytes, name: str) -> list[Entry]:
    """Entries of a JSON array; raises ListRefused that names the entry."""
    try:
        asked = msgspec.json.decode(data, type=list[_Asked])
    except (msgspec.DecodeError, ValueError) as error:
        raise ListRefused("read the cards", where=name, got=str(error),
                          expected="an array of entries as docs/cards.md has it") from None
    found = []
    for number, one in enumerate(asked, 1):
        try:
            found.append(Entry(uid=parse_uid(one.uid), card=one.card))
        except UidError as error:
            raise ListRefused("read the cards", where=f"{name}, entry {number}", got="no card number",
                              expected=str(error)) from None
    return found


def with_keys(entries: Iterable[Entry], fleet: Fleet) -> list[Entry]:
    """The same with keys for those cards that need some and have none. Raises ListRefused."""
    return [_with_keys(number, entry, fleet) for number, entry in enumerate(entries, 1)]


def _with_keys(number: int, entry: Entry, fleet: Fleet) -> Entry:
    card = entry.card
    if card is None or card.secret is not None or card.level not in (Level.SUN, Level.MUTUAL):
        return entry
    application, tag = bytes.fromhex(fleet.application), bytes.fromhex(fleet.tag)

    def own(master: str) -> bytes:
        return card_key(bytes.fromhex(master), entry.uid, application, tag)
    try:
        keys = tuple(map(own, fleet.keys))
        sun_key = None if fleet.sun_key is None else own(fleet.sun_key)
    except ValueError as error:
        raise ListRefused("derive a card's key", where=f"card {number}", got=str(error),
                          expected="a longer tag in the fleet's file") from None
    secret = Secret(protocol=fleet.protocol if keys else None, application=application,
                    key_no=fleet.key_no, keys=keys, sun_key=sun_key)
    return replace(entry, card=replace(card, secret=secret))


def build(entries: Sequence[Entry], order: Order, key: SignKey) -> tuple[bytes, list[bytes]]:
    """The manifest message and the chunks. Raises ListRefused for what no site would take."""
    seen: dict[bytes, int] = {}
    for number, entry in enumerate(entries, 1):
        check(entry, full=order.base is None, sealed=order.to is not None, where="the cards",
              number=number)
        before = seen.setdefault(entry.uid, number)
        if before != number:
            raise ListRefused("make a list", where=f"the cards, entries {before} and {number}",
                              got="the same card", expected="each card once")
    if not 1 <= order.version < VERSION_END:
        raise ListRefused("make a list", where="the order", got=f"version {order.version}",
                          expected=f"1 to {VERSION_END - 1}")
    if order.base is not None and not 1 <= order.base < order.version:
        raise ListRefused("make a list", where="the order", got=f"base {order.base}",
                          expected=f"one from 1, and below version {order.version}")
    chunks = list(encode_chunks(entries, TAG_BYTES))
    sealed = None
    if order.to is not None:
        content_key = new_key()
        cipher = ChunkCipher(content_key)
        chunks = [cipher.encrypt(index, chunk) for index, chunk in enumerate(chunks)]
        sealed = wrap(content_key, order.to, order.site, order.version)
    manifest = Manifest(
        format=FORMAT, site=order.site, version=order.version, base=order.base,
        kind="full" if order.base is None else "differential", issued_utc=order.issued_utc,
        entries=len(entries), chunks=tuple(hashlib.sha256(chunk).hexdigest() for chunk in chunks),
        signed_by=key_id(public_of(key)), sealed=sealed)
    body = msgspec.json.encode(manifest)
    return key.sign(body) + body, chunks
