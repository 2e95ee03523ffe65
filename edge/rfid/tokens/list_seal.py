"""A list's chunks under a key that one site can unwrap: X25519, HKDF-SHA256, AES-256-GCM.

The content key is new for each list, so that the chunk's number is a nonce that never comes twice. Site
and version are bound to it: nobody can put a sealed key into another list.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.rfid.tokens.list_file import ListRefused, Sealed
from edge.rfid.tokens.list_sign import key_id

KEY_BYTES = 32
TAG_BYTES = 16  # what a chunk grows by
_INFO = b"forecourt list 1"
_WRAP_NONCE = bytes(12)  # the wrapping key is used once


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def public_of(private: bytes) -> bytes:
    """The public key (32 bytes) of a site's private one (32 bytes)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def wrap(content_key: bytes, public: bytes, site: str, version: int) -> Sealed:
    """The content key for the site that holds the private key of `public`."""
    ephemeral = X25519PrivateKey.generate()
    sender = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    wrapped = AESGCM(_wrapping_key(shared, sender, public)).encrypt(
        _WRAP_NONCE, content_key, _bound(site, version))
    return Sealed(to=key_id(public), ephemeral=sender.hex(), wrapped=wrapped.hex())


def unwrap(sealed: Sealed, private: bytes, site: str, version: int, where: str) -> bytes:
    """The content key; raises ListRefused when it was sealed to another site."""
    public = public_of(private)
    sender = bytes.fromhex(sealed.ephemeral)
    try:
        if sealed.to != key_id(public):
            raise InvalidTag
        shared = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(sender))
        return AESGCM(_wrapping_key(shared, sender, public)).decrypt(
            _WRAP_NONCE, bytes.fromhex(sealed.wrapped), _bound(site, version))
    except (InvalidTag, ValueError):  # ValueError: an ephemeral key that shares nothing
        raise ListRefused("open the list", where=where, got=f"a list sealed to key {sealed.to}",
                          expected=f"this site's key {key_id(public)} (card list keys)") from None


class ChunkCipher:
    """Encrypts and decrypts the chunks of one list."""

    def __init__(self, content_key: bytes) -> None:
        self._cipher = AESGCM(content_key)

    def encrypt(self, index: int, plain: bytes) -> bytes:
        """`plain` and TAG_BYTES more."""
        return self._cipher.encrypt(index.to_bytes(12, "big"), plain, None)

    def decrypt(self, index: int, data: bytes, where: str) -> bytes:
        """Raises ListRefused."""
        try:
            return self._cipher.decrypt(index.to_bytes(12, "big"), data, None)
        except InvalidTag:
            raise ListRefused("open the list", where=where, got="bytes that do not open",
                              expected="a chunk under the key of its manifest") from None


def _wrapping_key(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=sender + receiver, info=_INFO).derive(shared)


def _bound(site: str, version: int) -> bytes:
    return f"{site}\n{version}".encode()
