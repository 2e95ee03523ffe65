"""The token store `cards.db`: who may charge, without a single UID in clear.

A token is found by `ref`, HMAC-SHA256 of type and UID under the site pepper. One connection, to
be used by one thread; command line and controller may have the file open at the same time (WAL).
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.controller.idtoken import IdToken, Level, TokenRecord, TokenStatus
from edge.controller.trouble import DeviceError
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.seal import TOKEN_KEY_BYTES, SealBroken, seal, unseal
from edge.rfid.uid import UidError, check_uid, is_random, last4

FILE_NAME = "cards.db"
ISO14443 = "ISO14443"  # OCPP 2.0.1 IdTokenEnumType
_BUSY_S = 2.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token_key (ref BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token (
  ref BLOB PRIMARY KEY, type TEXT NOT NULL, last4 TEXT NOT NULL, sealed TEXT NOT NULL,
  status TEXT NOT NULL, contract_id TEXT, group_ref TEXT, evse_ids TEXT NOT NULL, language TEXT,
  expires_utc TEXT, min_level INTEGER NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = ("ref, type, last4, sealed, status, contract_id, group_ref, evse_ids, language, "
            "expires_utc, min_level")
_Row = tuple[bytes, str, str, str, str, str | None, str | None, str, str | None, str | None, int]
_ids = msgspec.json.Decoder(tuple[str, ...])


class StoreError(DeviceError):
    """The file cannot be used: damaged, full, held by somebody, or of another site."""


class TokenStore:
    """`TokenStore.open(path, pepper)`; every method raises StoreError when the file does not obey."""

    def __init__(self, connection: sqlite3.Connection, path: Path, pepper: Pepper) -> None:
        self._db, self._path, self._pepper = connection, path, pepper

    @classmethod
    def open(cls, path: Path, pepper: Pepper) -> "TokenStore":
        """Opens or creates. Raises StoreError, also for a file that another pepper has keyed."""
        with _wall("open the token store", path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # WAL and shm take over its mode
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            store = cls(connection, path, pepper)
            try:
                store._prepare()
            except BaseException:
                connection.close()
                raise
        return store

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def lookup(self, uid: bytes, *, level: Level = Level.UID) -> tuple[IdToken, TokenRecord | None]:
        """The token as rows may hold it, proven to `level`, and what the list knows of it.

        A record whose `min_level` is above `level` is for the caller to refuse: a card that can
        prove more and shows only its UID is a copy. Raises UidError.
        """
        ref = self._ref(uid)
        with _wall("look a card up", self._path):
            row = self._db.execute(f"SELECT {_COLUMNS} FROM token WHERE ref = ?",
                                   (bytes.fromhex(ref),)).fetchone()
        if row is None:
            return IdToken(ref=ref, type=ISO14443, level=level, last4=last4(uid)), None
        record = _record(row, level)
        return record.token, record

    def add(self, uid: bytes, *, status: TokenStatus = TokenStatus.ACCEPTED,
            contract_id: str | None = None, group_ref: str | None = None,
            evse_ids: Sequence[str] = (), language: str | None = None,
            expires_utc: str | None = None, min_level: Level = Level.UID) -> TokenRecord:
        """Adds a token, or replaces what was known of it; its key, and so its old seals, stay good.

        Raises UidError for a random number: the next phone may show the same one.
        """
        if is_random(check_uid(uid)):
            raise UidError("this number is made up anew at each tap (08......): it identifies nobody")
        ref = self._ref(uid)
        raw_ref = bytes.fromhex(ref)
        with _wall("add a card", self._path), self._transaction():
            self._db.execute("INSERT OR IGNORE INTO token_key VALUES (?, ?)",
                             (raw_ref, secrets.token_bytes(TOKEN_KEY_BYTES)))
            row: _Row = (raw_ref, ISO14443, last4(uid), seal(uid, self._key(raw_ref), ref),
                         status.value, contract_id, group_ref,
                         msgspec.json.encode(list(evse_ids)).decode(), language, expires_utc,
                         int(min_level))
            self._db.execute(f"INSERT OR REPLACE INTO token ({_COLUMNS}) VALUES "
                             f"({', '.join('?' * len(row))})", row)
        return _record(row, Level.UID)

    def block(self, uid: bytes) -> bool:
        """Keeps the token and refuses it; False when the list does not know it."""
        with _wall("block a card", self._path):
            return self._db.execute(
                "UPDATE token SET status = ? WHERE ref = ?",
                (TokenStatus.BLOCKED.value, bytes.fromhex(self._ref(uid)))).rowcount > 0

    def remove(self, uid: bytes) -> bool:
        """Forgets the token. Its key stays: sessions on record are still to be billed."""
        with _wall("remove a card", self._path):
            return self._db.execute("DELETE FROM token WHERE ref = ?",
                                    (bytes.fromhex(self._ref(uid)),)).rowcount > 0

    def erase(self, ref: str) -> bool:
        """Forgets the token and destroys its key: none of its seals, anywhere, opens again."""
        raw = bytes.fromhex(ref)
        with _wall("erase a card", self._path):
            with self._transaction():
                self._db.execute("DELETE FROM token WHERE ref = ?", (raw,))
                erased = self._db.execute("DELETE FROM token_key WHERE ref = ?", (raw,)).rowcount > 0
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # old pages leave the WAL, too
        return erased

    def list(self) -> list[TokenRecord]:
        """All tokens, in no order that means anything."""
        with _wall("list the cards", self._path):
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM token").fetchall()
        return [_record(row, Level.UID) for row in rows]

    def unseal(self, sealed: str, ref: str) -> bytes:
        """The UID behind a seal; raises SealBroken, also when the token was erased."""
        with _wall("open a seal", self._path):
            return unseal(sealed, self._key(bytes.fromhex(ref)), ref)

    def _ref(self, uid: bytes) -> str:
        return self._pepper.ref(ISO14443, check_uid(uid))

    def _key(self, raw_ref: bytes) -> bytes:
        row = self._db.execute("SELECT key FROM token_key WHERE ref = ?", (raw_ref,)).fetchone()
        if row is None:
            raise SealBroken(f"the key of token {raw_ref.hex()[:8]} was destroyed or never existed")
        return self._pepper.sealing_key(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")  # an erased key leaves no bytes behind
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.strip().split(";\n"):
                    self._db.execute(statement)
                self._db.execute("INSERT INTO meta VALUES ('pepper', ?)", (self._pepper.check(),))
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise StoreError("open the token store", where=str(self._path),
                                 got=f"version {version}", expected=f"version {_VERSION}")
            check = self._db.execute("SELECT value FROM meta WHERE name = 'pepper'").fetchone()
        if check is None or check[0] != self._pepper.check():
            raise StoreError("open the token store", where=str(self._path),
                             got="a store keyed by another pepper",
                             expected="the pepper file of this site; restore it from the backup")


def _record(row: _Row, level: Level) -> TokenRecord:
    ref, kind, last, sealed, status, contract, group, evses, language, expires, min_level = row
    token = IdToken(ref=ref.hex(), type=kind, level=level, last4=last, contract_id=contract,
                    sealed=sealed)
    return TokenRecord(token=token, status=TokenStatus(status), group_ref=group,
                       evse_ids=_ids.decode(evses), language=language, expires_utc=expires,
                       min_level=Level(min_level))


@contextmanager
def _wall(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(what, where=str(path), got=f"{type(error).__name__}: {error}",
                         expected="a usable cards.db") from error
