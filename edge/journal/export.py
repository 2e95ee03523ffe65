"""Rows of a journal as lines of JSON, with the exact bytes of each."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from edge.controller.effects import Stream
from edge.journal.reading import reading
from edge.journal.row import Row
from edge.journal.rows import load_heads, read
from edge.journal.salvage import salvage

SLICE_ROWS = 500


def stored(path: Path, stream: Stream, after: int) -> Iterator[Row]:
    """Rows with seq > `after`, as SQLite reads them; a slice at a time, the journal may be in use.

    Raises as `reading` does.
    """
    with reading(path) as db:
        meta = dict(db.execute("SELECT k, v FROM meta").fetchall())
        while True:
            db.execute("BEGIN")
            try:
                tail_hash = load_heads(db)[stream.value].tail_hash
                rows = read(db, meta["epoch"], stream, tail_hash, after, SLICE_ROWS)
            finally:
                db.execute("COMMIT")
            if not rows:
                return
            yield from rows
            after = rows[-1].seq


def proven(path: Path, streams: Sequence[Stream], after: int) -> Iterator[Row]:
    """Rows with seq > `after` that are proven, from the raw pages, whatever SQLite says.

    Raises `OSError`.
    """
    with closing(salvage(path)) as found:
        for stream in streams:
            rows = found.rows[stream]
            yield from (rows[seq] for seq in sorted(rows) if seq > after)


def line(row: Row) -> bytes:
    """One JSON object. `data`: its bytes as text; `data_base64` if they are no UTF-8. Hashes as hex."""
    told: dict[str, Any] = {
        "epoch": row.epoch, "stream": row.stream.value, "seq": row.seq, "type": row.type,
        "utc": row.utc, "boot": row.boot, "mono_ns": row.mono_ns, "clock_ok": row.clock_ok}
    try:
        told["data"] = row.data.decode()
    except UnicodeDecodeError:
        told["data_base64"] = base64.b64encode(row.data).decode()
    return msgspec.json.encode({**told, "prev": row.prev.hex(), "hash": row.hash.hex()})
