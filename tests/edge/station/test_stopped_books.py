"""The journal in a safe stop: who ends it waits for no dead disk."""

import asyncio
import logging

import msgspec
import pytest
from virtual_time import now_ns, virtual

from edge.controller.faults import Fault, FaultCode, FaultTally
from edge.journal.errors import JournalError
from edge.journal.row import Batch, Row
from edge.station.clock import Clock
from edge.station.stopped_books import PATIENCE_S, StoppedBooks


class Disk:
    """A journal whose next commit ends as `how` says."""

    def __init__(self, how: str) -> None:
        self.how, self.batches = how, []

    def append(self, batch: Batch) -> "asyncio.Future[tuple[Row, ...]]":
        future = asyncio.get_running_loop().create_future()
        self.batches.append(batch)
        if self.how == "fails":
            future.set_exception(JournalError("disk full"))
        elif self.how == "writes":
            future.set_result(())
        return future


class Stop:
    """A safe stop that is over; its fault began before."""

    why = "3 failed runs"

    def __init__(self) -> None:
        fault = Fault(code=FaultCode.RESTART_LOOP, where="controller", since_utc=None, since_mono_ns=1,
                      detail=self.why, boot=1)
        self.tally = FaultTally(code=fault.code, where=fault.where, standing=fault)


@pytest.mark.parametrize("how", ["writes", "fails", "hangs"])
def test_the_end_is_recorded_or_said_not_to_be_and_never_waited_for_long(how, caplog):
    @virtual
    async def play() -> None:
        disk, stop = Disk(how), Stop()
        clock = Clock(boot=2, floor_utc=None, mono_ns=now_ns)
        books = StoppedBooks(disk, None, clock, stop)  # type: ignore[arg-type]
        began = asyncio.get_running_loop().time()
        with caplog.at_level(logging.ERROR):
            await books.over()
            await books.over()
        assert asyncio.get_running_loop().time() - began <= PATIENCE_S + 0.1
        assert len(disk.batches) == 1 and stop.tally.standing is None
        assert b"true" in bytes(disk.batches[0].rows[0].data)
        assert msgspec.json.decode(disk.batches[0].rows[0].data)
        assert ("not recorded" in caplog.text) == (how != "writes")
    play()
