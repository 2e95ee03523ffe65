"""A token as a row holds it: a packed record in clear, and secret and name encrypted.

A record names nobody: its `ref` is the row's key, its seal lives elsewhere (`taps.py`). The private
part is under AES-256-GCM with `ref` and record bound to it: no row can be given another's key, and no
bit of what a card with keys has to prove can change unseen.
"""

import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.controller.idtoken import (
    ISO14443,
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
from edge.rfid.tokens.secret import CardSecret

_NONCE_BYTES = 12
_Window = tuple[tuple[int, ...], int, int]
_Quota = tuple[Per, int | None, str | None]


class RowDamaged(ValueError):
    """A row that cannot be read: damaged, of another site, or of a later version."""


class Entry(Value):
    """All that is kept of a token. `name` is the operator's word for its holder."""

    record: TokenRecord
    secret: CardSecret | None = None
    name: str = ""

    def __repr__(self) -> str:
        return f"Entry(record={self.record!r}, secret={self.secret!r}, name=<{len(self.name)}>)"


class _Record(Value, omit_defaults=True, rename={
        "last4": "l", "type": "t", "status": "s", "contract_id": "c", "group_ref": "g",
        "evse_ids": "e", "language": "i", "expires_utc": "x", "limit_wh": "w", "min_level": "m",
        "role": "r", "user_ref": "u", "evse_groups": "a", "windows": "h", "quotas": "q",
        "concurrent": "n", "valid_from_utc": "v"}):
    """The fields of `TokenRecord` and its token that a row keeps, under one letter each."""

    last4: str = ""
    type: str = ISO14443
    status: TokenStatus = TokenStatus.ACCEPTED
    contract_id: str | None = None
    group_ref: str | None = None
    evse_ids: tuple[str, ...] = ()
    language: str | None = None
    expires_utc: str | None = None
    limit_wh: int | None = None
    min_level: Level = Level.UID
    role: Role = Role.DRIVER
    user_ref: str | None = None
    evse_groups: tuple[str, ...] = ()
    windows: tuple[_Window, ...] = ()
    quotas: tuple[_Quota, ...] = ()
    concurrent: int | None = None
    valid_from_utc: str | None = None


class _Private(Value, omit_defaults=True, rename={"secret": "s", "name": "n"}):
    secret: CardSecret | None = None
    name: str = ""


_encode = msgspec.msgpack.encode
_records = msgspec.msgpack.Decoder(_Record)
_privates = msgspec.msgpack.Decoder(_Private)


def pack_record(record: TokenRecord) -> bytes:
    """Without `ref`, level and seal of its token: these are not the row's."""
    token = record.token
    return _encode(_Record(
        last4=token.last4, type=token.type, contract_id=token.contract_id, status=record.status,
        group_ref=record.group_ref, evse_ids=record.evse_ids, language=record.language,
        expires_utc=record.expires_utc, limit_wh=record.limit_wh, min_level=record.min_level,
        role=record.role, user_ref=record.user_ref, evse_groups=record.evse_groups,
        windows=tuple((w.days, w.from_min, w.until_min) for w in record.windows),
        quotas=tuple((q.per, q.energy_wh, q.cost) for q in record.quotas),
        concurrent=record.concurrent, valid_from_utc=record.valid_from_utc))


def unpack_record(ref: bytes, data: bytes, *, sealed: str = "") -> TokenRecord:
    """The token's level is `Level.UID`: what was proven is not the row's to say. Raises RowDamaged."""
    try:
        kept = _records.decode(data)
    except (msgspec.DecodeError, ValueError, OverflowError, TypeError) as error:
        raise RowDamaged(f"the record of token {ref.hex()[:8]} cannot be read "
                         f"({type(error).__name__})") from None
    token = IdToken(ref=ref.hex(), type=kept.type, last4=kept.last4, contract_id=kept.contract_id,
                    sealed=sealed)
    return TokenRecord(
        token=token, status=kept.status, group_ref=kept.group_ref, evse_ids=kept.evse_ids,
        language=kept.language, expires_utc=kept.expires_utc, limit_wh=kept.limit_wh,
        min_level=kept.min_level, role=kept.role, user_ref=kept.user_ref, evse_groups=kept.evse_groups,
        windows=tuple(Window(days=d, from_min=f, until_min=u) for d, f, u in kept.windows),
        quotas=tuple(Quota(per=p, energy_wh=e, cost=c) for p, e, c in kept.quotas),
        concurrent=kept.concurrent, valid_from_utc=kept.valid_from_utc)


class Rows:
    """`Rows(key)`: `pack` and `unpack` under the site's row key (`Vault.row_key`, 32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Rows(<secret>)"

    def pack(self, entry: Entry) -> tuple[bytes, bytes, bytes | None]:
        """`ref, record, private`, as the tables `own` and `list_0`, `list_1` have them."""
        ref, record = bytes.fromhex(entry.record.token.ref), pack_record(entry.record)
        return ref, record, self._pack_private(ref + record, entry)

    def unpack(self, ref: bytes, record: bytes, private: bytes | None, *, sealed: str = "") -> Entry:
        """Raises RowDamaged."""
        if private is None:
            return Entry(record=unpack_record(ref, record, sealed=sealed))
        try:
            opened = _privates.decode(
                self._cipher.decrypt(private[:_NONCE_BYTES], private[_NONCE_BYTES:], ref + record))
        except (InvalidTag, msgspec.DecodeError, ValueError, TypeError) as error:
            raise RowDamaged(f"the private part of token {ref.hex()[:8]} does not open "
                             f"({type(error).__name__})") from None
        return Entry(record=unpack_record(ref, record, sealed=sealed), secret=opened.secret,
                     name=opened.name)

    def _pack_private(self, bound: bytes, entry: Entry) -> bytes | None:
        if entry.secret is None and not entry.name:
            return None
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = _encode(_Private(secret=entry.secret, name=entry.name))
        return nonce + self._cipher.encrypt(nonce, plain, bound)
