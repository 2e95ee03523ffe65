"""The site pepper: the secret that turns a UID into a reference which nobody else can compute.

A plain hash of a 4 byte UID is found by trying all of them within minutes; under a key that is
not in the database it is not. One file, 32 bytes, readable by its owner alone.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

FILE_NAME = "pepper"
_SIZE = 32
_REF_BYTES = 16


class PepperError(ValueError):
    """The pepper file is missing, open to others or no pepper. The message says what to do."""


class Pepper:
    """Keeps the secret out of reprs and logs."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _SIZE:
            raise PepperError(f"a pepper has {_SIZE} bytes, got {len(secret)}")
        self._secret = secret

    def __repr__(self) -> str:
        return "Pepper(<secret>)"

    def ref(self, token_type: str, uid: bytes) -> str:
        """HMAC-SHA256 over type || uid, its first 16 bytes, as 32 hex digits."""
        return self._mac(token_type.encode() + uid)[:_REF_BYTES].hex()

    def sealing_key(self, token_key: bytes) -> bytes:
        """32 bytes. Neither the database nor the pepper alone opens a seal."""
        return self._mac(b"forecourt seal 1" + token_key)

    def check(self) -> bytes:
        """16 bytes that tell whether a database belongs to this pepper."""
        return self._mac(b"forecourt check 1")[:_REF_BYTES]

    def _mac(self, data: bytes) -> bytes:
        return hmac.new(self._secret, data, hashlib.sha256).digest()


def load_or_create_pepper(state_dir: Path) -> Pepper:
    """Reads `STATE/pepper`; creates it once, whole or not at all, also when two start at a time.

    Raises PepperError when others may read it or when it is damaged, OSError when the folder refuses.
    """
    path = state_dir / FILE_NAME
    if not path.exists():
        _create(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise PepperError(f"{path}: mode {mode:04o}, expected 0600; run chmod 600, and think about who "
                          "has read it")
    secret = path.read_bytes()
    if len(secret) != _SIZE:
        raise PepperError(f"{path}: {len(secret)} bytes, expected {_SIZE}; restore it from the backup: "
                          "without it no stored card is recognised")
    return Pepper(secret)


def _create(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(secrets.token_bytes(_SIZE))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)  # fails when another process was first: then its pepper holds
        except FileExistsError:
            pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
