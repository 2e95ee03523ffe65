"""The token store: who may charge, without a single UID in clear.

A token is found by `ref`, HMAC-SHA256 of type and UID under the site pepper: what was entered here
first, then the operator's list (both in `cards.db`), then what the cloud said earlier (`taps.db`). Two
connections, to be used by one thread; commands and controller may have the files open at the same time
(WAL).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from edge.controller.idtoken import ISO14443, IdToken, Source, TokenRecord, TokenStatus
from edge.controller.struct import Value
from edge.rfid.tokens import database, migration
from edge.rfid.tokens.database import Factory, StoreError, wall
from edge.rfid.tokens.rows import Entry, RowDamaged, Rows
from edge.rfid.tokens.schema import CARDS_FILE, CARDS_VERSION, FIND
from edge.rfid.tokens.secret import CardSecret
from edge.rfid.tokens.taps import Taps
from edge.rfid.tokens.vault import Vault
from edge.rfid.uid import UidError, check_uid, is_random, last4

_PAGE = 500
_NEXT = """
SELECT ref, record, private, 1 FROM own WHERE ref > ?1 AND record IS NOT NULL
UNION ALL SELECT ref, record, private, 0 FROM list_0
  WHERE (SELECT generation % 2 FROM list_head) = 0 AND ref > ?1 AND ref NOT IN (SELECT ref FROM own)
UNION ALL SELECT ref, record, private, 0 FROM list_1
  WHERE (SELECT generation % 2 FROM list_head) = 1 AND ref > ?1 AND ref NOT IN (SELECT ref FROM own)
ORDER BY ref LIMIT ?2"""


class Stored(Value):
    """What is known of a card. `token` is as rows may hold it, its level `Level.UID`.

    `record` None: nobody here knows it; with an `error` nobody could look. `secret`: to prove it by.
    """

    token: IdToken
    record: TokenRecord | None = None
    secret: CardSecret | None = None
    source: Source = Source.LIST
    error: str = ""  # for the log; names no number


class ListHead(Value):
    """The operator's list that holds. Version 0: none yet."""

    generation: int
    version: int
    hash: bytes
    tokens: int
    issued_utc: str | None
    confirmed_utc: str | None


class Known(Value):
    """One token of all; `own`: it was entered here."""

    entry: Entry
    own: bool


class TokenStore:
    """`TokenStore.open(state_dir, vault)`; methods raise StoreError when a file does not obey."""

    def __init__(self, db: sqlite3.Connection, path: Path, vault: Vault, taps: Taps) -> None:
        self.db, self.path, self.taps, self.vault = db, path, taps, vault
        self.rows = Rows(vault.row_key)

    @classmethod
    def open(cls, state_dir: Path, vault: Vault, *,
             factory: Factory = sqlite3.Connection) -> "TokenStore":
        """Opens or creates `cards.db` and `taps.db`, and brings an older store up to date.

        Raises StoreError, also for files that another pepper has keyed.
        """
        path, check = state_dir / CARDS_FILE, vault.pepper.check()
        with wall("open the token store", path):
            db = database.connect(path, factory=factory)
            try:
                database.refuse_strange(db, path, version=CARDS_VERSION, check=check)
                taps = Taps.open(state_dir, vault.pepper, factory=factory)
            except BaseException:
                db.close()
                raise
            try:
                migration.prepare(db, path, check, taps)
            except BaseException:
                taps.close()
                db.close()
                raise
        return cls(db, path, vault, taps)

    def close(self) -> None:
        """Gives the files back."""
        self.taps.close()
        self.db.close()

    def token(self, uid: bytes, *, contract_id: str | None = None) -> IdToken:
        """As it is known here, without a seal; looks into no file. Raises UidError."""
        return IdToken(ref=self.vault.pepper.ref(ISO14443, check_uid(uid)), last4=last4(uid),
                       contract_id=contract_id)

    def lookup(self, uid: bytes, *, utc: str | None = None, seal_unknown: bool = False) -> Stored:
        """What is known of a card: `look`, and `seal` for one that is seen for the first time."""
        return self.seal(self.look(uid, utc=utc, seal_unknown=seal_unknown), uid,
                         seal_unknown=seal_unknown)

    def look(self, uid: bytes, *, utc: str | None = None, seal_unknown: bool = False) -> Stored:
        """What is known of a card, by reading only. Files that do not obey end in an `error`, not in
        an exception: whoever charges can still end it, since `ref` needs the pepper only. Raises
        UidError.

        `utc`: now, for what the cloud said earlier; None while the clock is not to be trusted.
        `seal_unknown`: this site may let unknown cards charge, so their numbers are sealed, too (see
        `Taps.keep`); never a random one.
        """
        token = self.token(uid)
        try:
            stored = self._find(token, utc)
        except StoreError as error:
            return Stored(token=token, error=str(error))
        if not _wants_seal(stored, uid, seal_unknown):
            return stored
        try:
            sealed = self.taps.sealed(token.ref, provisional=stored.record is None)
        except StoreError as error:  # a bill without the number is still a bill
            return replace(stored, error=str(error))
        return _with_seal(stored, sealed or "")

    def seal(self, stored: Stored, uid: bytes, *, seal_unknown: bool = False) -> Stored:
        """With the seal of its number; writes if it has none yet. Without one when that fails."""
        if stored.error or stored.token.sealed or not _wants_seal(stored, uid, seal_unknown):
            return stored
        try:
            sealed = self.taps.seal(stored.token.ref, uid, provisional=stored.record is None)
        except StoreError as error:
            return replace(stored, error=str(error))
        return _with_seal(stored, sealed)

    def _find(self, token: IdToken, utc: str | None) -> Stored:
        with self.wall("look a card up"):
            row = self.db.execute(FIND, (bytes.fromhex(token.ref),)).fetchone()
            if row is None:
                record = self.taps.remembered(token.ref, utc)
                if record is None:
                    return Stored(token=token)
                token = replace(token, contract_id=record.token.contract_id)
                return Stored(token=token, record=replace(record, token=token), source=Source.CACHE)
            if row[1] is None:
                return Stored(token=token)
            entry = self.rows.unpack(bytes.fromhex(token.ref), row[1], row[2])
            return Stored(token=entry.record.token, record=entry.record, secret=entry.secret,
                          source=Source.LIST if row[0] else Source.OWN)

    def find(self, ref: str) -> Known | None:
        """What the store itself knows of a token, without the cache."""
        with self.wall("look a card up"):
            raw = bytes.fromhex(ref)
            row = self.db.execute(FIND, (raw,)).fetchone()
            if row is None or row[1] is None:
                return None
            return Known(entry=self.rows.unpack(raw, row[1], row[2]), own=row[0] == 0)

    def add(self, uid: bytes, record: TokenRecord | None = None, *,
            secret: CardSecret | None = None, name: str = "") -> TokenRecord:
        """Enters a token here, or replaces what was known of it; its old seals stay good.

        `record`: what it may do (its token: only the contract is taken over). Without a new `secret` a
        card keeps the one it has, and the level that it has to prove. Raises UidError for a random
        number: the next phone may show the same one.
        """
        if is_random(check_uid(uid)):
            raise UidError("this number is made up anew at each tap (08......): it identifies nobody")
        token = self.token(uid, contract_id=None if record is None else record.token.contract_id)
        record = TokenRecord(token=token) if record is None else replace(record, token=token)
        sealed = self.taps.seal(token.ref, uid)
        with self.wall("add a card"), database.transaction(self.db):
            known = self.find(token.ref)
            if known is not None and secret is None:
                secret, name = known.entry.secret, name or known.entry.name
                record = replace(record, min_level=max(record.min_level, known.entry.record.min_level))
            self._enter(Entry(record=record, secret=secret, name=name))
        return replace(record, token=replace(token, sealed=sealed))

    def block(self, uid: bytes) -> bool:
        """As `block_ref`. Raises UidError."""
        return self.block_ref(self.token(uid).ref)

    def block_ref(self, ref: str) -> bool:
        """Keeps the token and refuses it, whatever the list says; False for one that nobody knows."""
        with self.wall("block a card"), database.transaction(self.db):
            known = self.find(ref)
            record = self.taps.remembered(ref, None) if known is None else known.entry.record
            if record is None:
                return False
            entry = Entry(record=record) if known is None else known.entry
            self._enter(replace(entry, record=replace(record, status=TokenStatus.BLOCKED)))
        return True

    def unblock(self, uid: bytes) -> bool:
        """Takes a block of ours back; False where there is none. What the operator's list, or the
        cloud, says of the card holds again; one that was only entered here is good as it was.
        """
        ref = self.token(uid).ref
        with self.wall("unblock a card"), database.transaction(self.db):
            known = self.find(ref)
            if known is None or not known.own or known.entry.record.status is not TokenStatus.BLOCKED:
                return False
            self.db.execute("DELETE FROM own WHERE ref = ?", (bytes.fromhex(ref),))
            if self.find(ref) is None and self.taps.remembered(ref, None) is None:
                good = replace(known.entry.record, status=TokenStatus.ACCEPTED)
                self._enter(replace(known.entry, record=good))
        return True

    def remove(self, uid: bytes) -> bool:
        """Forgets the token; False for one that nobody knows. One of the operator's list is unknown
        here from now on. Its key stays: sessions on record are still to be billed.
        """
        ref = self.token(uid).ref
        raw = bytes.fromhex(ref)
        with self.wall("remove a card"), database.transaction(self.db):
            known = self.find(ref) is not None
            self.db.execute("DELETE FROM own WHERE ref = ?", (raw,))
            if self.find(ref) is not None:
                self.db.execute("INSERT INTO own VALUES (?, NULL, NULL)", (raw,))
        cached = self.taps.remembered(ref, None)
        if cached is not None:
            self.taps.remember(cached, None)
        return known or cached is not None

    def all(self) -> Iterator[Known]:
        """All tokens by `ref`, a page at a time, so that nothing waits for whoever reads them."""
        after, more = b"", True
        while more:
            with self.wall("list the cards"):
                rows = self.db.execute(_NEXT, (after, _PAGE)).fetchall()
                page = [Known(entry=self.rows.unpack(ref, record, private), own=bool(own))
                        for ref, record, private, own in rows]
            yield from page
            after, more = (rows[-1][0] if rows else b""), len(rows) == _PAGE

    def list(self) -> list[TokenRecord]:
        """All records, by `ref`: for a store of hundreds (`all` for millions)."""
        return [known.entry.record for known in self.all()]

    def list_head(self) -> ListHead:
        """Of the operator's list as it is now."""
        with self.wall("look at the list"):
            row = self.db.execute("SELECT generation, version, hash, tokens, issued_utc, confirmed_utc "
                                  "FROM list_head").fetchone()
        if row is None:
            raise StoreError("look at the list", where=str(self.path), got="no row of it",
                             expected="one")
        return ListHead(generation=row[0], version=row[1], hash=row[2], tokens=row[3],
                        issued_utc=row[4], confirmed_utc=row[5])

    def knows_any(self) -> bool:
        """Whether a list holds, or a card was entered here."""
        with self.wall("look for any card"):
            own = self.db.execute("SELECT EXISTS (SELECT 1 FROM own)").fetchone()[0]
        return bool(own) or self.list_head().version > 0

    def unseal(self, sealed: str, ref: str) -> bytes:
        """The UID behind a seal; raises SealBroken, also when the token was erased."""
        return self.taps.unseal(sealed, ref)

    def _enter(self, entry: Entry) -> None:
        self.db.execute("INSERT OR REPLACE INTO own VALUES (?, ?, ?)", self.rows.pack(entry))

    @contextmanager
    def wall(self, what: str) -> Iterator[None]:
        """Around whatever touches `db`: raises StoreError."""
        with wall(what, self.path):
            try:
                yield
            except RowDamaged as error:
                raise StoreError(what, where=str(self.path), got=str(error),
                                 expected="a row as it was written") from None


def _wants_seal(stored: Stored, uid: bytes, seal_unknown: bool) -> bool:
    return not is_random(uid) and (stored.record is not None or seal_unknown)


def _with_seal(stored: Stored, sealed: str) -> Stored:
    token = replace(stored.token, sealed=sealed)
    record = None if stored.record is None else replace(stored.record, token=token)
    return replace(stored, token=token, record=record)
