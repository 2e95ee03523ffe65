"""The tables of `cards.db` (who may charge) and of `taps.db` (what taps write), and their versions.

Two files, because a list of a million cards may be on its way into the one while a tap writes into the
other. Rows are found by `ref` (16 bytes: HMAC of type and UID under the site's pepper); `record` and
`private` are packed by `rows.py`.

`cards.db`. `own`: what was added, blocked or removed here by hand, which wins over the operator's
list; a `record` of NULL says that the card is unknown here, whatever the list says. The list lives in
two tables: generation n in `list_0` where n is even, in `list_1` where it is odd. `list_head` is one
row that says which generation holds, so that one UPDATE switches; the other table is empty, or the
draft or remains of another generation, which nobody reads. A list of version 0 is none.

`taps.db`. `token_key`: the key of a token's seals, made when the token is first seen; `sealed`: its
number under that key; `provisional`: NULL once a session or a list needs it, else when it came (a
counter): the oldest of these go first. `counter`: the highest SUN counter seen. `cached`: the cloud's
answers, `turn` as `provisional`.
"""

from typing import Final

CARDS_FILE: Final = "cards.db"
CARDS_VERSION: Final = 2
TAPS_FILE: Final = "taps.db"
TAPS_VERSION: Final = 1

_LIST = """CREATE TABLE {} (
  ref BLOB PRIMARY KEY, record BLOB NOT NULL, private BLOB) WITHOUT ROWID"""

CARDS_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE own (ref BLOB PRIMARY KEY, record BLOB, private BLOB) WITHOUT ROWID",
    """CREATE TABLE list_head (
      one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, version INTEGER NOT NULL,
      hash BLOB NOT NULL, tokens INTEGER NOT NULL, issued_utc TEXT, confirmed_utc TEXT,
      manifest BLOB)""",
    "INSERT INTO list_head VALUES (1, 0, 0, x'', 0, NULL, NULL, NULL)",
    _LIST.format("list_0"),
    _LIST.format("list_1"),
)

TAPS_TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE token_key (
      ref BLOB PRIMARY KEY, key BLOB NOT NULL, sealed TEXT, provisional INTEGER) WITHOUT ROWID""",
    "CREATE INDEX token_key_provisional ON token_key (provisional) WHERE provisional IS NOT NULL",
    "CREATE TABLE counter (ref BLOB PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE cached (
      ref BLOB PRIMARY KEY, record BLOB NOT NULL, until_utc TEXT NOT NULL, turn INTEGER NOT NULL)
      WITHOUT ROWID""",
    "CREATE INDEX cached_turn ON cached (turn)",
)

#: One descent per table, all in one snapshot: the table that does not hold is never looked into.
FIND: Final = """
SELECT 0, record, private FROM own WHERE ref = ?1
UNION ALL SELECT 1, record, private FROM list_0
  WHERE (SELECT generation % 2 FROM list_head) = 0 AND ref = ?1
UNION ALL SELECT 1, record, private FROM list_1
  WHERE (SELECT generation % 2 FROM list_head) = 1 AND ref = ?1
LIMIT 1"""


def list_table(generation: int) -> str:
    """Where a generation of the list lives."""
    return f"list_{generation % 2}"
