"""The journal's tables, and how its file is opened.

One rowid table per stream, its key the seq: measured 9.3 kB to the device per single-row commit,
against 12.8 kB for one WITHOUT ROWID table and 13.5 kB with AUTOINCREMENT. `stream.head` keeps
counting when old rows are deleted, and `stream.tail` is the last row that was: the chain is read and
checked from there. `ack_day`: the highest row acknowledged until the end of a UTC day that a trusted
clock told, so that "90 days after its acknowledgement" can be told.

WAL with synchronous=FULL: no acknowledged row was lost in 2000 simulated power cuts, while NORMAL
lost some in half of them. SQLite 3.7.0 to 3.51.2 may damage a WAL that two connections write
(https://sqlite.org/wal.html#walresetbug): there is one, and readers open the file read-only.
"""

import contextlib
import sqlite3
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.row import NO_ROW, Head, kept_hash

VERSION = 3
TAILS_SINCE = 3
"""The first version whose streams may begin after row 1."""

LOG_BYTES = 4_000_000
"""SQLite's log of writes is cut to this when it begins anew: while the disk is full it must be folded
in, for which there is no more room than the reserve has (`reserve.py`).
"""

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=1000",  # pages of 4 kB
    f"PRAGMA journal_size_limit={LOG_BYTES}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA trusted_schema=OFF",
)

_TABLES = """
CREATE TABLE meta(k TEXT PRIMARY KEY, v NOT NULL) WITHOUT ROWID;
CREATE TABLE stream(name TEXT PRIMARY KEY, head INTEGER NOT NULL, head_hash BLOB NOT NULL,
  acked INTEGER NOT NULL, tail INTEGER NOT NULL, tail_hash BLOB NOT NULL, hash BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE session(transaction_id TEXT PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE kept(key TEXT PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
"""

_ACK_DAY = """
CREATE TABLE ack_day(stream TEXT NOT NULL, day TEXT NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(stream, day)) WITHOUT ROWID;
"""

_ROWS = """
CREATE TABLE row_{stream}(seq INTEGER PRIMARY KEY, type TEXT NOT NULL, utc TEXT,
  boot INTEGER NOT NULL, mono_ns INTEGER NOT NULL, clock_ok INTEGER NOT NULL,
  data BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
"""

#: Too large to be looked through at a start; their rows prove themselves (`checks.py`, `walk.py`).
ROW_TABLES = frozenset(f"row_{stream.value}" for stream in Stream)

DDL = _TABLES + _ACK_DAY + "".join(_ROWS.format(stream=stream.value) for stream in Stream)

#: Names of tables and columns are content to SQLite, which its own check does not look at: these do.
LOOKS = ("SELECT k, v FROM meta LIMIT 0",
         "SELECT name, head, head_hash, acked, tail, tail_hash, hash FROM stream LIMIT 0",
         "SELECT transaction_id, body, hash FROM session LIMIT 0",
         "SELECT key, body, hash FROM kept LIMIT 0", "SELECT stream, day, seq FROM ack_day LIMIT 0",
         *(f"SELECT seq, type, utc, boot, mono_ns, clock_ok, data, hash FROM row_{stream.value} LIMIT 0"
           for stream in Stream))

#: What makes a file of this version one of the next; each in one transaction with the new number.
#: `kept_hash` is a function of the connection: a blob's name and its body to the hash of both;
#: `head_hash` likewise, of a row of `stream`.
MIGRATIONS = {
    1: "CREATE TABLE kept(key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    2: f"""
ALTER TABLE stream ADD COLUMN tail INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN tail_hash BLOB NOT NULL DEFAULT X'{NO_ROW.hex()}';
ALTER TABLE stream ADD COLUMN hash BLOB NOT NULL DEFAULT X'';
UPDATE stream SET hash = head_hash(CAST(name AS BLOB), head, head_hash, acked, tail, tail_hash);
ALTER TABLE session ADD COLUMN hash BLOB NOT NULL DEFAULT X'';
ALTER TABLE kept ADD COLUMN hash BLOB NOT NULL DEFAULT X'';
UPDATE session SET hash = kept_hash(CAST(transaction_id AS BLOB), CAST(body AS BLOB));
UPDATE kept SET hash = kept_hash(CAST(key AS BLOB), CAST(body AS BLOB));
{_ACK_DAY}
PRAGMA user_version = 3""",
}

NUMBERED_TWICE_SINCE = 3
"""The first version whose number stands in the file's header, too (`PRAGMA user_version`): a number
that was damaged in either place is told from one that a later version wrote."""



def connect(path: Path, *, busy_s: float,
            factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """The one writing connection; transactions are explicit (`isolation_level=None`).

    `factory`: as of `sqlite3.connect`, for those who watch every statement.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=busy_s, factory=factory)
    db.text_factory = text
    try:
        db.create_function("kept_hash", 2, lambda name, body: kept_hash(text(name), body))
        db.create_function("head_hash", 6, lambda name, *head: Head(
            **dict(zip(Head.__struct_fields__, head, strict=True))).sum_of(text(name)))
        for pragma in PRAGMAS:
            db.execute(pragma).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):  # SQLite quotes a damaged name in what it says
        close_unchanged(db, path)
        raise
    return db


def text(raw: bytes) -> str:
    """Damaged text is other text, by which nobody finds anything and which no hash fits; no error."""
    return raw.decode("utf-8", "replace")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A reader that cannot write, whatever it is told. The file must exist."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.text_factory = text
    return db


def close_unchanged(db: sqlite3.Connection, path: Path) -> None:
    """Close it as it is: the last one that writes would move the WAL into the file and delete it."""
    try:
        other = connect_read_only(path)
    except sqlite3.Error:
        db.close()
        return
    try:
        with contextlib.suppress(sqlite3.Error):  # it need only have the WAL open
            other.execute("SELECT 1 FROM sqlite_schema").fetchone()
    finally:
        db.close()
        other.close()
