"""What the cloud said about cards, for a while: a table of `taps.db`, bounded in number."""

import sqlite3

from msgspec.structs import replace

from edge.controller.idtoken import TokenRecord
from edge.rfid.tokens.rows import pack_record, unpack_record

CACHED_AT_MOST = 10_000


class Cache:
    """On the connection of `Taps`, whose wall stands around it: raises sqlite3.Error, RowDamaged."""

    def __init__(self, db: sqlite3.Connection, at_most: int = CACHED_AT_MOST) -> None:
        self._db, self._at_most = db, at_most

    def put(self, record: TokenRecord, until_utc: str) -> None:
        """Replaces what was known. The word that came first goes when there are too many."""
        self._db.execute(
            "INSERT OR REPLACE INTO cached SELECT ?, ?, ?, coalesce(max(turn), 0) + 1 FROM cached",
            (bytes.fromhex(record.token.ref), pack_record(record), until_utc))
        self._db.execute("DELETE FROM cached WHERE ref IN (SELECT ref FROM cached ORDER BY turn DESC "
                         "LIMIT -1 OFFSET ?)", (self._at_most,))

    def get(self, ref: bytes, utc: str | None) -> TokenRecord | None:
        """Its word while it holds. `utc` None: nobody knows the time; then the record expires when
        the word does, and the core judges that as any date.
        """
        row = self._db.execute("SELECT record, until_utc FROM cached WHERE ref = ?", (ref,)).fetchone()
        if row is None or (utc is not None and row[1] <= utc):
            return None
        record = unpack_record(ref, row[0])
        return record if utc is not None else _until(record, row[1])

    def drop(self, ref: bytes) -> bool:
        """Whether there was one."""
        return self._db.execute("DELETE FROM cached WHERE ref = ?", (ref,)).rowcount > 0

    def expire(self, utc: str) -> int:
        """Forgets what holds no more; how many."""
        return self._db.execute("DELETE FROM cached WHERE until_utc <= ?", (utc,)).rowcount


def _until(record: TokenRecord, until_utc: str) -> TokenRecord:
    return replace(record, expires_utc=min(until_utc, record.expires_utc or until_utc))
