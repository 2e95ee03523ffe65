"""The same files make the same bytes; nobody else may read them; no half a bundle stays behind."""

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from edge.doctor.bundle import Manifest, entries_of, pack, write

FILES = {"b.txt": b"two\n", "a/c.json": b"{}"}


def manifest(files: dict[str, bytes]) -> Manifest:
    return Manifest(made_by="x", utc="2026-11-21T10:00:00Z", files=entries_of(files),
                    masked={"card": 1}, left_out=(), notes=())


def test_the_same_files_make_the_same_bytes() -> None:
    turned = dict(reversed(FILES.items()))
    packed = pack(FILES, manifest(FILES), "f")
    assert packed == pack(turned, manifest(turned), "f")
    assert packed[4:8] == bytes(4), "no time in gzip's head (RFC 1952, 2.3.1)"


def test_the_manifest_names_every_file_with_its_checksum(tmp_path: Path) -> None:
    beside, digest = write(tmp_path / "b.tar.gz", pack(FILES, manifest(FILES), "f"))
    data = (tmp_path / "b.tar.gz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    assert beside.read_text() == f"{digest}  b.tar.gz\n"
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        assert tar.getnames() == ["f/MANIFEST.json", "f/a/c.json", "f/b.txt"]
        assert {(m.mode, m.mtime, m.uid, m.uname) for m in tar} == {(0o600, 0, 0, "")}
        inside = tar.extractfile("f/MANIFEST.json")
        assert inside is not None
        for entry in json.loads(inside.read())["files"]:
            packed = tar.extractfile(f"f/{entry['name']}")
            assert packed is not None
            content = packed.read()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"],
                                                                           entry["sha256"])


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        beside, _ = write(tmp_path / "b.tar.gz", b"x")
    finally:
        os.umask(before)
    assert {(tmp_path / "b.tar.gz").stat().st_mode & 0o777, beside.stat().st_mode & 0o777} == {0o600}


def test_a_bundle_of_before_stays_if_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path / "b.tar.gz", b"old")
    with pytest.raises(OSError):
        write(tmp_path / "none" / "b.tar.gz", b"new")
    assert (tmp_path / "b.tar.gz").read_bytes() == b"old"


def test_a_full_disk_leaves_no_half_a_bundle(tmp_path: Path) -> None:
    import resource
    import signal
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError):
            write(tmp_path / "b.tar.gz", b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
