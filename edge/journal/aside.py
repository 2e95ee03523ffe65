"""A file that is no whole journal is set aside, not a byte of it changed, and a new one may begin."""

from datetime import UTC, datetime
from pathlib import Path

from edge.journal.lock import OneOwner

_PARTS = ("", "-wal", "-shm")


def set_aside(path: Path) -> Path:
    """Rename a damaged journal and what SQLite has beside it; returns where it is now.

    Its name says when, by a clock that may be wrong: it only has to be free. Raises `JournalInUse`
    while somebody has it open, `OSError` if the folder cannot be written.
    """
    owner = OneOwner(path)
    try:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        to = path.with_name(f"{path.name}.damaged-{stamp}")
        number = 1
        while to.exists():
            number += 1
            to = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        for part in reversed(_PARTS):  # the file last: until it is gone nobody begins a new one
            source = path.with_name(path.name + part)
            if source.exists():
                source.rename(to.with_name(to.name + part))
    finally:
        owner.release()
    return to
