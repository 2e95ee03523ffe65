"""Rows and what is kept, to and from their tables. Raises whatever SQLite raises."""

import sqlite3
from collections.abc import Iterable

from edge.controller.effects import Stream
from edge.journal.errors import JournalDamaged
from edge.journal.row import Batch, Head, NewRow, Row, kept_hash, sealed

Heads = dict[Stream, Head]


def insert(db: sqlite3.Connection, batch: Batch, heads: Heads, *, epoch: str,
           boot: int) -> tuple[Row, ...]:
    """Everything that `batch` says, within the transaction that is open; moves `heads` on."""
    rows = tuple(_append(db, new, batch, heads, epoch=epoch, boot=boot) for new in batch.rows)
    for table, key, values in (("session", "transaction_id", batch.sessions),
                               ("kept", "key", batch.kept)):
        for name, body in values.items():
            if body is None:
                db.execute(f"DELETE FROM {table} WHERE {key} = ?", (name,))
            else:
                db.execute(f"INSERT OR REPLACE INTO {table} VALUES(?, ?, ?)",
                           (name, body, kept_hash(name, body)))
    return rows


def _append(db: sqlite3.Connection, new: NewRow, batch: Batch, heads: Heads, *, epoch: str,
            boot: int) -> Row:
    head = heads[new.stream]
    row = sealed(new, batch, epoch=epoch, boot=boot, seq=head.seq + 1, prev=head.hash)
    db.execute(f"INSERT INTO row_{new.stream.value} VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
               (row.seq, row.type, row.utc, row.boot, row.mono_ns, row.clock_ok, row.data, row.hash))
    heads[new.stream] = Head(seq=row.seq, hash=row.hash, acked=head.acked, tail=head.tail,
                             tail_hash=head.tail_hash)
    return row


def keep(db: sqlite3.Connection, key: str, body: bytes) -> None:
    """A kept value, within the transaction that is open."""
    db.execute("INSERT OR REPLACE INTO kept VALUES(?, ?, ?)", (key, body, kept_hash(key, body)))


def load_heads(db: sqlite3.Connection) -> dict[str, Head]:
    """By the name of the stream as the file has it. Raises `ValueError` if a row is not what its hash
    says.
    """
    heads = {}
    for name, seq, hash_, acked, tail, tail_hash, sum_ in db.execute(
            "SELECT name, head, head_hash, acked, tail, tail_hash, hash FROM stream"):
        heads[name] = Head(seq=seq, hash=hash_, acked=acked, tail=tail, tail_hash=tail_hash)
        if heads[name].sum_of(name) != sum_:
            raise ValueError(f"stream {name}: {seq}, {acked} and {tail} are not what was written")
    return heads


def save_heads(db: sqlite3.Connection, heads: Heads, which: Iterable[Stream]) -> None:
    """Write where those streams stand."""
    db.executemany(
        "UPDATE stream SET head = ?, head_hash = ?, acked = ?, tail = ?, tail_hash = ?, hash = ?"
        " WHERE name = ?",
        [(head.seq, head.hash, head.acked, head.tail, head.tail_hash, head.sum_of(stream.value),
          stream.value) for stream, head in ((s, heads[s]) for s in which)])


def read(db: sqlite3.Connection, epoch: str, stream: Stream, tail_hash: bytes, after: int,
         limit: int) -> tuple[Row, ...]:
    """Up to `limit` consecutive rows that are held, with seq > `after`, oldest first.

    `tail_hash`: of the row before the oldest one. Raises `JournalDamaged` for one whose columns are
    not of their kinds (one flipped bit makes a text of a blob): nothing could be done with it.
    """
    found = db.execute("SELECT seq, hash, type, utc, boot, mono_ns, clock_ok, data"
                       f" FROM row_{stream.value} WHERE seq >= ? ORDER BY seq LIMIT ?",
                       (after, limit + 1)).fetchall()
    rows: list[Row] = []
    prev = tail_hash
    for seq, hash_, type_, utc, boot, mono_ns, clock_ok, data in found:
        if not (isinstance(hash_, bytes) and isinstance(data, bytes) and isinstance(type_, str)
                and isinstance(utc, str | None) and isinstance(boot, int) and isinstance(mono_ns, int)):
            raise JournalDamaged(f"{stream} {seq} is not what its hash says: its columns are others")
        if seq > after and len(rows) < limit:
            rows.append(Row(epoch=epoch, stream=stream, seq=seq, type=type_, utc=utc, boot=boot,
                            mono_ns=mono_ns, clock_ok=bool(clock_ok), data=data, prev=prev,
                            hash=hash_))
        prev = hash_
    return tuple(rows)


def last_utc(db: sqlite3.Connection, stream: Stream, after: int) -> list[str]:
    """What the newest row after `after` says that was written by a trusted clock, if there is one."""
    return [utc for (utc,) in db.execute(
        f"SELECT utc FROM row_{stream.value} WHERE seq > ? AND clock_ok AND typeof(utc) = 'text'"
        " ORDER BY seq DESC LIMIT 1", (after,))]


def hash_of(db: sqlite3.Connection, stream: Stream, seq: int) -> object:
    """Of a row; None: it is not there."""
    found = db.execute(f"SELECT hash FROM row_{stream.value} WHERE seq = ?", (seq,)).fetchone()
    return found[0] if found else None
