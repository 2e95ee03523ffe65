"""The cloud's tables. Written for SQLite (embedded) and PostgreSQL alike: SQLAlchemy Core only.

`event.raw` is the truth: the exact bytes that the hash chain covers. `session`, `cdr`, `gap` and
`salvaged` are derived from the events, in their order, and can be built again from them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()

event = Table(
    "event", metadata,
    Column("site", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("utc", Text),  # as the site wrote it; the order is by seq, never by time
    Column("boot", BigInteger, nullable=False),
    Column("mono_ns", BigInteger, nullable=False),
    Column("clock_ok", Boolean, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("received_utc", Text, nullable=False),
    PrimaryKeyConstraint("site", "epoch", "stream", "seq"),
)

stream_state = Table(
    "stream_state", metadata,
    Column("site", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("acked", BigInteger, nullable=False),  # every row up to here is held and chained
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "epoch", "stream"),
)

# What an `ev.gap.v1` row says of another stream, once the chain has led up to that row.
gap = Table(
    "gap", metadata,
    Column("site", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # of the row `last_seq`
    PrimaryKeyConstraint("site", "epoch", "stream", "first_seq"),
)

# Rows of an epoch that a later one told: `session` and `cdr` know of them, whatever the watermark says.
salvaged = Table(
    "salvaged", metadata,
    Column("site", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "epoch", "stream", "seq"),
)

quarantine = Table(
    "quarantine", metadata,
    Column("digest", Text, nullable=False),  # sha256 of the message
    # malformed | topic | hash | conflict | chain | data | gap | salvaged
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_utc", Text, nullable=False),
    PrimaryKeyConstraint("digest", "reason"),
)

session = Table(
    "session", metadata,
    Column("site", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("evse_id", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("starts", Integer, nullable=False),  # TransactionEvents "Started": 1 in a sound session
    Column("stops", Integer, nullable=False),  # "Ended": 1 once it is over
    Column("events", Integer, nullable=False),
    Column("started_utc", Text),
    Column("ended_utc", Text),
    Column("stopped_reason", Text),
    PrimaryKeyConstraint("site", "transaction_id"),
)

# The key holds the site: else a site could take the place of another's bill by using its id first.
cdr = Table(
    "cdr", metadata,
    Column("site", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("cdr_id", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_energy_kwh", Text),  # decimal text, as written
    Column("total_cost_excl_vat", Text),
    Column("total_cost_incl_vat", Text),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "transaction_id"),
)
