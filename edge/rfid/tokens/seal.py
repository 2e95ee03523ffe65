"""A UID under AES-256-GCM, each token with a random key of its own that lives outside the journal.

Destroying that key makes every seal of the token unreadable and leaves every row that holds one whole.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN_KEY_BYTES = 32
_NONCE_BYTES = 12


class SealBroken(ValueError):
    """The seal does not open: wrong token, wrong pepper, or damaged."""


def seal(uid: bytes, key: bytes, ref: str) -> str:
    """base64 of nonce || ciphertext || tag. `ref` is bound to it: a seal opens for its token only."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, uid, ref.encode())).decode()


def unseal(sealed: str, key: bytes, ref: str) -> bytes:
    """The UID; raises SealBroken."""
    try:
        data = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], ref.encode())
    except (InvalidTag, binascii.Error, ValueError):
        raise SealBroken(f"the seal of token {ref[:8]} does not open") from None
