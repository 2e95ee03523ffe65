"""The start of a controller that finds the journal of a busy week."""

import os
from pathlib import Path

from hil_tests.bench import programs
from hil_tests.bench.processes import start_rows
from hil_tests.bench.report import Row
from hil_tests.virtual.site import VirtualSite

COMMAND = "python -m hil_tests.bench --only week"


async def rows(site: VirtualSite, checkout: Path, days: int, count: int) -> list[Row]:
    """`count` starts. Raises `RuntimeError` if the journal cannot be written."""
    for name in ("controller", "sync"):
        await site.children.end(name)
    journal = site.state_dir / "journal.db"
    for part in ("", "-wal", "-shm"):
        journal.with_name(journal.name + part).unlink(missing_ok=True)
    said = programs.run(checkout, programs.WEEK, str(journal), str(days))
    note = f"{said.strip()}, {journal.stat().st_size / 1e6:.0f} MB"
    await site.start("controller")
    words = f"{days} day{'s' if days > 1 else ''} of journal"
    warm = await start_rows(site, count, words, COMMAND, note=note)
    cold = await start_rows(site, count, f"{words}, not in memory", COMMAND,
                            before=lambda: _forget(journal))
    return [*warm, *cold]


def _forget(path: Path) -> None:
    """The kernel drops its pages of the file, as after a boot."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
