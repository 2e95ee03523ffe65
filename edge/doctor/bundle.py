"""A bundle of files as one `.tar.gz`: the same files make the same bytes, whoever packs them and when.

`MANIFEST.json` inside names every file with its size and SHA-256; beside the bundle lies its own
checksum as `sha256sum -c` reads it. Both files may be read by their owner only.
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge.controller.struct import Value

MANIFEST = "MANIFEST.json"
_MODE = 0o600
_MTIME = 0  # of every file: when it was packed says nothing


class Entry(Value):
    """A file of the bundle."""

    name: str
    bytes: int
    sha256: str


class Manifest(Value):
    """`masked`: how many values of each kind have a pseudonym. `left_out`: what is missing, and why."""

    made_by: str
    utc: str
    files: tuple[Entry, ...]
    masked: dict[str, int]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def entries_of(files: Mapping[str, bytes]) -> tuple[Entry, ...]:
    """In order of their names."""
    return tuple(Entry(name=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
                 for name, data in sorted(files.items()))


def pack(files: Mapping[str, bytes], manifest: Manifest, folder: str) -> bytes:
    """The bundle; everything lies in `folder`."""
    text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    buffer = io.BytesIO()
    with (gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=_MTIME) as squeezed,
          tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as tar):
        for name, data in sorted({**files, MANIFEST: text}.items()):
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size, info.mode, info.mtime = len(data), _MODE, _MTIME
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def write(path: Path, data: bytes) -> tuple[Path, str]:
    """The bundle and its checksum beside it; the path of the latter, and the checksum. Raises `OSError`
    and leaves no half a bundle behind.
    """
    digest = hashlib.sha256(data).hexdigest()
    beside = path.with_name(path.name + ".sha256")
    for file, content in ((path, data), (beside, f"{digest}  {path.name}\n".encode())):
        _write(file, content)
    return beside, digest


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
