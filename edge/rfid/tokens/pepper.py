"""The site pepper: the secret that turns a UID into a reference which nobody else can compute.

A plain hash of a 4 byte UID is found by trying all of them within minutes; under a key that is
not in the database it is not. `vault.py` says where it is kept.
"""

import hashlib
import hmac

PEPPER_BYTES = 32
_REF_BYTES = 16


class Pepper:
    """Keeps the secret out of reprs and logs. Raises ValueError for a wrong length."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != PEPPER_BYTES:
            raise ValueError(f"a pepper has {PEPPER_BYTES} bytes, got {len(secret)}")
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
