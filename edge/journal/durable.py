"""Names and small files that outlive a power cut. Each raises `OSError`."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Names that were given, changed and taken in it."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def sync_file(path: Path) -> None:
    """What was written to it. Never to a database that this process has open: its locks would go."""
    _sync(path, os.O_RDONLY | os.O_CLOEXEC)


def replace_file(path: Path, content: bytes) -> None:
    """All of the old content, or all of the new, whenever the power goes. Nobody else may read it."""
    new = path.with_name(path.name + ".tmp")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    sync_file(new)
    new.replace(path)
    sync_folder(path.parent)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
