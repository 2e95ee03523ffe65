"""kill -9 in the middle of appending: what was acknowledged is there, once, without a gap.

It proves nothing about power: the page cache lives on (see `test_journal_stall.py` for fsync).
"""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.store import Store
from edge.journal.verify import verify

pytestmark = pytest.mark.wire

ROUNDS = 5
ROWS_BEFORE_KILL = 120

WRITER = """
import asyncio, sys
from pathlib import Path
from edge.controller.effects import Stream
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    async def one(n):
        data = b'%d/%d' % (journal.boot, n)
        rows = await journal.append(Batch(mono_ns=n, sessions={"1": data}, rows=(
            NewRow(stream=Stream.TX, type="t", data=data),
            NewRow(stream=Stream.TM, type="t", data=data))))
        print(rows[0].seq, data.decode(), flush=True)  # this is the acknowledgement
    for n in range(0, 10**9, 3):
        await asyncio.gather(one(n), one(n + 1), one(n + 2))

asyncio.run(main())
"""


def appended_until_killed(path: Path) -> dict[int, str]:
    """Seq to data of every row whose commit the writer was told of before it died."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], text=True,
                              stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        lines = [writer.stdout.readline() for _ in range(ROWS_BEFORE_KILL)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.stdout.readlines()
    writer.wait()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(seq): data for seq, data in whole}


def test_no_acknowledged_row_is_lost_and_no_seq_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    acknowledged: dict[int, str] = {}
    for _ in range(ROUNDS):
        told = appended_until_killed(path)
        assert len(told) >= ROWS_BEFORE_KILL
        assert not told.keys() & acknowledged.keys()
        acknowledged |= told
    found = verify(path)
    assert found.breaks == ()
    assert found.boot == ROUNDS
    assert found.rows[Stream.TX] == found.rows[Stream.TM] >= len(acknowledged)
    with closing(Store.open(path, new_epoch=lambda: "")) as store:
        rows = {}
        while page := store.read(Stream.TX, len(rows), 500):
            rows |= {row.seq: row.data.decode() for row in page}
        assert {seq: rows[seq] for seq in acknowledged} == acknowledged
        assert store.sessions() == {"1": rows[len(rows)].encode()}
