"""What a row does as the watermark of its stream passes it: bills, gaps, rows of an earlier epoch.

In the transaction that moves the watermark, so that arrival order, duplicates and crashes count
nothing twice.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine

from cloud_sync.envelope import Row
from cloud_sync.ingest.derive import Deriver
from cloud_sync.ingest.facts import EV_GAP
from cloud_sync.ingest.gaps import Gaps
from cloud_sync.ingest.place import Place, place_of
from cloud_sync.ingest.salvage import Salvage, is_salvaged
from edge.controller.effects import Stream


class Passing:
    """`now`: the wall clock."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._deriver = Deriver(engine)
        self.gaps = Gaps(engine)
        self.salvage = Salvage(engine, now)

    def apply(self, connection: Connection, row: Row) -> tuple[Place, ...]:
        """Places that may now go on. Raises Underivable: the row itself is safe all the same."""
        if row.stream == Stream.EV and row.type == EV_GAP:
            return self.gaps.apply(connection, row)
        if is_salvaged(row):
            inside, fresh = self.salvage.take(connection, row)
            own = (place_of(inside),)
            return (*own, *self.apply(connection, inside)) if fresh else own
        self._deriver.apply(connection, row)
        return ()
