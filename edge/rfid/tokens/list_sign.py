"""Ed25519 keys of the operator, who signs lists; X25519 keys of a site, to which they are sealed.

Public keys are written `ed25519:<64 hex digits>` and `x25519:<64 hex digits>`, so that nobody takes
the one for the other. A key's id is the beginning of the SHA-256 of its 32 bytes. Private keys are PEM
files (PKCS #8) that `openssl genpkey -algorithm ed25519` makes as well, readable by their owner alone.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

SIGNATURE_BYTES = 64
SIGNS, SEALS = "ed25519", "x25519"
_KEY_BYTES = 32

SignKey = Ed25519PrivateKey
VerifyKey = Ed25519PublicKey


class BadKey(ValueError):
    """A key that cannot be used. The message names the file or word, never the key."""


def key_id(public: bytes) -> str:
    """16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def public_text(kind: str, public: bytes) -> str:
    """As the site file and the operator's desk write it."""
    return f"{kind}:{public.hex()}"


def parse_public(kind: str, text: str) -> bytes:
    """32 bytes; raises BadKey."""
    if not re.fullmatch(rf"{kind}:[0-9a-fA-F]{{64}}", text):
        raise BadKey(f"public key: got {text[:12]!r}, expected {kind}: and 64 hex digits")
    return bytes.fromhex(text.partition(":")[2])


def verify_keys(texts: Iterable[str]) -> dict[str, VerifyKey]:
    """The operator's public keys by their ids; raises BadKey."""
    raw = [parse_public(SIGNS, text) for text in texts]
    return {key_id(public): Ed25519PublicKey.from_public_bytes(public) for public in raw}


def is_signed(key: VerifyKey, signature: bytes, body: bytes) -> bool:
    """Whether the holder of this key signed exactly these bytes."""
    try:
        key.verify(signature, body)
    except InvalidSignature:
        return False
    return True


def public_of(key: SignKey) -> bytes:
    """32 bytes."""
    return key.public_key().public_bytes_raw()


def new_sign_key(path: Path) -> SignKey:
    """Makes one and stores it; raises BadKey when the file is there already, OSError."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadKey(f"{path} is there already: no key is overwritten") from None
    with os.fdopen(fd, "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    return key


def load_sign_key(path: Path) -> SignKey:
    """Raises BadKey for what is no such key or open to others, OSError."""
    key = _private_key(read_private(path))
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"{path}: no Ed25519 private key in PEM without a password")
    return key


def _private_key(pem: bytes) -> object:
    """Whatever private key it is, or None."""
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        return None


def read_private(path: Path) -> bytes:
    """The bytes of a file that only its owner may read; raises BadKey, OSError."""
    with path.open("rb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if mode & 0o077:
            raise BadKey(f"{path}: mode {mode:04o}, expected 0600; run chmod 600, and think about "
                            "who has read it")
        return stream.read(4096)
