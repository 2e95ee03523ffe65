"""A disk that is full: batches fail, the thread lives, and room made again is used again.

RLIMIT_FSIZE makes the kernel refuse to let a file grow, which needs no root and no spare disk.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.controller.effects import Stream
from edge.journal.verify import verify

pytestmark = pytest.mark.wire

SCRIPT = """
import asyncio, json, resource, sys
from pathlib import Path
from edge.controller.effects import Stream
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    async def one():
        await journal.append(Batch(mono_ns=1, sessions={"1": b"s"}, rows=(
            NewRow(stream=Stream.TX, type="t", data=bytes(20_000)),)))
    await one()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    written, errors = 1, []
    while len(errors) < 3:
        try:
            await one()
            written += 1
        except JournalError as error:
            errors.append(str(error))
    alive = journal.alive
    readable = len(await journal.read(Stream.TX, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await one()
    await journal.close()
    print(json.dumps({"written": written, "errors": errors, "alive": alive, "readable": readable}))

asyncio.run(main())
"""


def test_a_full_disk_fails_batches_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ran = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], text=True, capture_output=True,
                         timeout=60, check=False)
    assert ran.stderr == ""
    told = json.loads(ran.stdout)
    assert told["alive"]
    assert told["written"] == told["readable"] > 5
    assert all("OperationalError" in error for error in told["errors"])
    found = verify(path)
    assert found.breaks == ()
    assert found.rows[Stream.TX] == told["written"] + 1
