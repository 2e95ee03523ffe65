"""What a list says of one card, with the bounds of every field; chunks of such entries.

A chunk is a msgpack array of maps with these names. An entry without `card` deletes: in a differential
list only. Fields that a card does not have are left out.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from edge.controller.idtoken import (
    IdToken,
    Level,
    Per,
    Quota,
    Role,
    TokenRecord,
    TokenStatus,
    Window,
)
from edge.controller.struct import Value
from edge.rfid.tokens.list_file import MAX_PART, ListRefused, Utc
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.rows import Entry as Kept
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.uid import UidError, canonical, check_uid, is_random

_Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
_Ids = Annotated[tuple[_Id, ...], msgspec.Meta(max_length=64)]
_Key = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
_Minute = Annotated[int, msgspec.Meta(ge=0, le=1440)]
_USER_DIGITS = 16


class Hours(Value):
    """`Window`, with bounds."""

    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...],
                    msgspec.Meta(min_length=1, max_length=7)]
    from_min: Annotated[int, msgspec.Meta(ge=0, le=1439)]
    until_min: _Minute


class Share(Value, omit_defaults=True):
    """`Quota`, with bounds; at least one of both."""

    per: Per
    energy_wh: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None
    cost: Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}(\.\d{1,4})?$")] | None = None


class Secret(Value, omit_defaults=True):
    """`CardSecret` as carried: keys of this card, never the fleet's."""

    protocol: Protocol | None = None
    application: Annotated[bytes, msgspec.Meta(max_length=16)] = b""
    key_no: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    keys: Annotated[tuple[_Key, ...], msgspec.Meta(max_length=2)] = ()
    sun_key: _Key | None = None
    certificate: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)] | None = None

    def __repr__(self) -> str:
        return "Secret(<secret>)"


class Card(Value, omit_defaults=True):
    """`TokenRecord` as carried. `user`: the operator's number of a customer; quotas count for it."""

    status: Literal["Accepted", "Blocked", "Expired"] = "Accepted"
    contract: _Id | None = None
    group: _Ref | None = None
    user: _Ref | None = None
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    role: Role = Role.DRIVER
    level: Level = Level.UID
    evses: _Ids = ()
    evse_groups: _Ids = ()
    valid_from_utc: Utc | None = None
    expires_utc: Utc | None = None
    windows: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=28)] = ()
    quotas: Annotated[tuple[Share, ...], msgspec.Meta(max_length=8)] = ()
    concurrent: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    limit_wh: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
                                          max_length=16)] | None = None
    secret: Secret | None = None

    def __repr__(self) -> str:
        return f"Card(status={self.status!r}, level={self.level!r})"


class Entry(Value, omit_defaults=True):
    """One card of a list."""

    uid: bytes
    card: Card | None = None

    def __repr__(self) -> str:
        return f"Entry(uid=<{len(self.uid)} bytes>, card={self.card!r})"


_encode = msgspec.msgpack.encode
_chunk = msgspec.msgpack.Decoder(list[Entry])
_raw = msgspec.msgpack.Decoder(list[msgspec.Raw])
_entry = msgspec.msgpack.Decoder(Entry)


def decode_chunk(data: bytes, where: str) -> list[Entry]:
    """The entries of a chunk, each within its bounds; raises ListRefused that names the entry."""
    try:
        return _chunk.decode(data)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise _first_wrong(data, where, error) from None


def _first_wrong(data: bytes, where: str, error: Exception) -> ListRefused:
    """The same again, an entry at a time, for the words."""
    try:
        for number, raw in enumerate(_raw.decode(data), 1):
            try:
                _entry.decode(raw)
            except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as wrong:
                return ListRefused("read the list", where=f"{where}, entry {number}",
                                   got=str(wrong), expected="an entry as docs/cards.md has it")
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    return ListRefused("read the list", where=where, got=str(error), expected="an array of entries")


def encode_chunks(entries: Sequence[Entry], room: int) -> Iterator[bytes]:
    """Chunks of at most `MAX_PART` - `room` bytes, in the order of the entries."""
    limit = MAX_PART - room - 5  # the array's head
    held: list[msgspec.Raw] = []
    size = 0
    for entry in entries:
        raw = _encode(entry)
        if held and size + len(raw) > limit:
            yield _encode(held)
            held, size = [], 0
        held.append(msgspec.Raw(raw))
        size += len(raw)
    if held:
        yield _encode(held)


def check(entry: Entry, *, full: bool, sealed: bool, where: str, number: int) -> None:
    """What the bounds of single fields cannot say; raises ListRefused."""
    try:
        check_uid(entry.uid)
    except UidError as error:
        raise ListRefused("read the list", where=f"{where}, entry {number}",
                          got=f"{len(entry.uid)} bytes", expected=str(error)) from None
    wrong = _wrong(entry, full=full, sealed=sealed)
    if wrong:
        at = f"{where}, entry {number} (....{canonical(entry.uid)[-4:]})"
        raise ListRefused("read the list", where=at, got=wrong[0], expected=wrong[1])


def _wrong(entry: Entry, *, full: bool, sealed: bool) -> tuple[str, str] | None:
    card = entry.card
    if is_random(entry.uid):
        return "a number that a card makes up at each tap (08...)", "the card's own number"
    if card is None:
        return ("an entry without a card", "a card: who is left out is deleted") if full else None
    if not sealed and (card.secret is not None or card.name):
        return "keys or a name in the open", "a list that is sealed to its site"
    if card.valid_from_utc and card.expires_utc and card.expires_utc <= card.valid_from_utc:
        return f"expires_utc {card.expires_utc}", f"later than valid_from_utc {card.valid_from_utc}"
    if any(share.energy_wh is None and share.cost is None for share in card.quotas):
        return "a quota of nothing", "energy_wh or cost"
    return _wrong_secret(card)


def _wrong_secret(card: Card) -> tuple[str, str] | None:
    secret = card.secret or Secret()
    if (secret.protocol is None) != (not secret.keys):
        return "keys or protocol alone", "both"
    if card.level == Level.MUTUAL and not secret.keys:
        return "level 3 without keys", "the keys by which the card proves itself"
    if card.level == Level.SUN and secret.sun_key is None:
        return "level 2 without sun_key", "the key by which the card proves itself"
    return None


def kept(card: Card, uid: bytes, ref: str, pepper: Pepper) -> Kept:
    """As the store keeps it."""
    token = IdToken(ref=ref, last4=uid[-2:].hex().upper(), contract_id=card.contract)  # it is checked
    record = TokenRecord(
        token=token, status=TokenStatus(card.status), group_ref=card.group, evse_ids=card.evses,
        language=card.language, expires_utc=card.expires_utc, limit_wh=card.limit_wh,
        min_level=card.level, role=card.role,
        user_ref=None if card.user is None else user_ref(card.user, pepper),
        evse_groups=card.evse_groups,
        windows=tuple(Window(days=w.days, from_min=w.from_min, until_min=w.until_min)
                      for w in card.windows),
        quotas=tuple(Quota(per=q.per, energy_wh=q.energy_wh, cost=q.cost) for q in card.quotas),
        concurrent=card.concurrent, valid_from_utc=card.valid_from_utc)
    return Kept(record=record, secret=_secret(card.secret), name=card.name)


def user_ref(user: str, pepper: Pepper) -> str:
    """A pseudonym of a customer, the same for all cards of the site. `user` may be a name after all."""
    return pepper.ref("user", user.encode())[:_USER_DIGITS]


def _secret(secret: Secret | None) -> CardSecret | None:
    if secret is None:
        return None
    return CardSecret(protocol=secret.protocol, application=secret.application, key_no=secret.key_no,
                      keys=secret.keys, sun_key=secret.sun_key or b"",
                      certificate=secret.certificate or b"")
