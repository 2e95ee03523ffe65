"""AES-128 as NXP's cards use it: CBC, CMAC (NIST SP 800-38B), the short MAC, padding 80 00."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16
ZERO_IV = bytes(BLOCK)


def encrypt(key: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """CBC over whole blocks, unpadded."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def decrypt(key: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """CBC over whole blocks; the padding stays."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return cipher.update(data) + cipher.finalize()


def cmac(key: bytes, message: bytes) -> bytes:
    """16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def short(mac: bytes) -> bytes:
    """The eight bytes of a CMAC that NXP sends: the second, the fourth and so on (AN12196, 4.4.3)."""
    return mac[1::2]


def subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 and K2 of SP 800-38B, for uses of CMAC that its own padding does not fit."""
    first = _doubled(encrypt(key, ZERO_IV))
    return first, _doubled(first)


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number ^= (1 << 128) | 0x87
    return number.to_bytes(BLOCK, "big")


def padded(data: bytes) -> bytes:
    """ISO/IEC 9797-1 method 2: 80, then zeros up to a whole block; always something."""
    data += b"\x80"
    return data + bytes(-len(data) % BLOCK)


def unpadded(data: bytes) -> bytes | None:
    """What `padded` was given; None where nothing of the kind was."""
    body = data.rstrip(b"\0")
    return body[:-1] if body.endswith(b"\x80") and len(data) - len(body) < BLOCK else None


def xor(left: bytes, right: bytes) -> bytes:
    """Of equal lengths."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def turned(data: bytes) -> bytes:
    """The first byte goes to the end."""
    return data[1:] + data[:1]
