"""A journal that has seen a later day: after it, a clock that says today is not to be trusted."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow
from edge.station.clock import iso


async def remember_later(journal: Path, ahead_s: float) -> None:
    """Write one row as of `ahead_s` from now. While no controller runs."""
    books = await Journal.open(journal)
    try:
        await books.append(Batch(
            rows=(NewRow(stream=Stream.EV, type="ev.test.v1", data=b"{}"),),
            mono_ns=time.monotonic_ns(), utc=iso(datetime.now(UTC) + timedelta(seconds=ahead_s)),
            clock_ok=True))
    finally:
        await books.close()
