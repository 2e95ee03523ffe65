"""`taps.db`: what taps write. Keys of seals, counters of SUN messages, the cloud's answers.

Written by the controller, and by commands that take a moment, so that no update of the list can hold
up a tap. Bounded: a kept key and a counter per token that the site knows, `PROVISIONAL_AT_MOST` keys of
others, `CACHED_AT_MOST` answers. One connection, to be used by one thread.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.controller.idtoken import TokenRecord
from edge.rfid.tokens import database
from edge.rfid.tokens.cache import CACHED_AT_MOST, Cache
from edge.rfid.tokens.database import Factory, StoreError, scrub, transaction, wall
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.rows import RowDamaged
from edge.rfid.tokens.schema import TAPS_FILE, TAPS_TABLES, TAPS_VERSION
from edge.rfid.tokens.seal import TOKEN_KEY_BYTES, SealBroken, seal, unseal

PROVISIONAL_AT_MOST = 256
_BUSY_S = 0.25  # a card lies on the reader


class Taps:
    """`Taps.open(path, pepper)`; every method raises StoreError when the file does not obey."""

    def __init__(self, db: sqlite3.Connection, path: Path, pepper: Pepper,
                 cached_at_most: int = CACHED_AT_MOST) -> None:
        self._db, self._path, self._pepper = db, path, pepper
        self._cache = Cache(db, cached_at_most)

    @classmethod
    def open(cls, state_dir: Path, pepper: Pepper, *, factory: Factory = sqlite3.Connection,
             cached_at_most: int = CACHED_AT_MOST) -> "Taps":
        """Opens or creates. Raises StoreError, also for a file that another pepper has keyed."""
        path = state_dir / TAPS_FILE
        with wall("open the file of taps", path):
            db = database.connect(path, factory=factory, busy_s=_BUSY_S)
            try:
                database.prepare(db, path, TAPS_TABLES, version=TAPS_VERSION, check=pepper.check())
            except BaseException:
                db.close()
                raise
        return cls(db, path, pepper, cached_at_most)

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def seal(self, ref: str, uid: bytes, *, provisional: bool = False) -> str:
        """The seal of a token's number: the same one at each tap, until it is erased.

        `provisional`: nobody needs it yet; it may go when others come, unless `keep` is called.
        Writes only when it sees a token for the first time, or needs what was provisional.
        """
        found = self.sealed(ref, provisional=provisional)
        if found is not None:
            return found
        with self._wall("seal a card's number"), transaction(self._db):
            return self._seal_first(bytes.fromhex(ref), uid, provisional)

    def sealed(self, ref: str, *, provisional: bool = False) -> str | None:
        """What `seal` would say without writing; None where it would write."""
        with self._wall("look for a seal"):
            row = self._db.execute(
                "SELECT sealed FROM token_key WHERE ref = ? AND (? OR provisional IS NULL)",
                (bytes.fromhex(ref), provisional)).fetchone()
        return None if row is None else row[0]

    def _seal_first(self, raw: bytes, uid: bytes, provisional: bool) -> str:
        self._db.execute(
            "INSERT OR IGNORE INTO token_key "
            "SELECT ?, ?, NULL, coalesce(max(provisional), 0) + 1 FROM token_key",
            (raw, secrets.token_bytes(TOKEN_KEY_BYTES)))
        key, sealed = self._db.execute("SELECT key, sealed FROM token_key WHERE ref = ?",
                                       (raw,)).fetchone()
        sealed = sealed or seal(uid, self._pepper.sealing_key(key), raw.hex())
        self._db.execute("UPDATE token_key SET sealed = ? WHERE ref = ?", (sealed, raw))
        if not provisional:
            self._db.execute("UPDATE token_key SET provisional = NULL WHERE ref = ?", (raw,))
        self._db.execute(
            "DELETE FROM token_key WHERE ref IN (SELECT ref FROM token_key "
            "WHERE provisional IS NOT NULL ORDER BY provisional DESC LIMIT -1 OFFSET ?)",
            (PROVISIONAL_AT_MOST,))
        return str(sealed)

    def keep(self, ref: str) -> None:
        """A session or an answer of the cloud needs the seal of this token."""
        with self._wall("keep a seal"):
            self._db.execute("UPDATE token_key SET provisional = NULL WHERE ref = ? AND "
                             "provisional IS NOT NULL", (bytes.fromhex(ref),))

    def unseal(self, sealed: str, ref: str) -> bytes:
        """The UID behind a seal; raises SealBroken, also when the token was erased."""
        with self._wall("open a seal"):
            row = self._db.execute("SELECT key FROM token_key WHERE ref = ?",
                                   (bytes.fromhex(ref),)).fetchone()
            if row is None:
                raise SealBroken(f"the key of token {ref[:8]} was destroyed or never existed")
            return unseal(sealed, self._pepper.sealing_key(row[0]), ref)

    def fresh(self, ref: str, counter: int) -> bool:
        """Whether a SUN counter is above all that were seen; it is on the disk before this says so."""
        with self._wall("note a counter"):
            return self._db.execute(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (ref) DO UPDATE "
                "SET counter = excluded.counter WHERE excluded.counter > counter.counter",
                (bytes.fromhex(ref), counter)).rowcount > 0

    def remember(self, record: TokenRecord, until_utc: str | None) -> None:
        """Puts the cloud's word into the cache until then; None: takes it out."""
        with self._wall("remember a card"), transaction(self._db):
            if until_utc is None:
                self._cache.drop(bytes.fromhex(record.token.ref))
            else:
                self._cache.put(record, until_utc)

    def remembered(self, ref: str, utc: str | None) -> TokenRecord | None:
        """See Cache.get."""
        with self._wall("look a card up"):
            return self._cache.get(bytes.fromhex(ref), utc)

    def expire(self, utc: str) -> int:
        """See Cache.expire."""
        with self._wall("forget old answers"):
            return self._cache.expire(utc)

    def adopt(self, keys: Iterable[tuple[bytes, bytes, str | None]]) -> None:
        """Takes over `ref, key, sealed` of an older store; what is here already stays."""
        with self._wall("take over keys"), transaction(self._db):
            for row in keys:
                self._db.execute("INSERT OR IGNORE INTO token_key VALUES (?, ?, ?, NULL)", row)

    def erase(self, ref: str) -> tuple[bool, bool]:
        """Destroys the key, whose bytes leave the disk; whether there was one, and anything else."""
        raw = bytes.fromhex(ref)
        with self._wall("erase a card"):
            with transaction(self._db):
                key, *others = (self._db.execute(f"DELETE FROM {table} WHERE ref = ?", (raw,)).rowcount
                                for table in ("token_key", "counter", "cached"))
            scrub(self._db, self._path)
        return key > 0, any(others)

    @contextmanager
    def _wall(self, what: str) -> Iterator[None]:
        with wall(what, self._path):
            try:
                yield
            except RowDamaged as error:
                raise StoreError(what, where=str(self._path), got=str(error),
                                 expected="a row as it was written") from None
