"""What virtual cards reckon with: AES-128, CMAC, key diversification, the maker's signature.

Written from NIST SP 800-38A and -38B, NXP AN10922, AN12196 and AN12343, for the cards' side alone: it
shares no line with what checks cards, so that a mistake there is not made here as well.
"""

import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16
ZEROS = bytes(BLOCK)
_SV_TAIL = bytes.fromhex("00010080")  # one key of 128 bits
_TO_CARD, _FROM_CARD = b"\xa5\x5a", b"\x5a\xa5"
_POLYNOMIAL = 0x87  # of GF(2^128), SP 800-38B, 5.3
_MIXED_BLOCKS = 32  # AN10922: what is signed always has two blocks
_MIN_INPUT = 16  # below, AN10922 and plain CMAC give two different keys


def encrypted(key: bytes, data: bytes, iv: bytes = ZEROS) -> bytes:
    """AES-CBC of whole blocks."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def decrypted(key: bytes, data: bytes, iv: bytes = ZEROS) -> bytes:
    """AES-CBC of whole blocks."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(data)


def cmac(key: bytes, message: bytes) -> bytes:
    """SP 800-38B, 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def short_cmac(key: bytes, message: bytes) -> bytes:
    """Every second byte of it, as the cards send it: 8 bytes."""
    return cmac(key, message)[1::2]


def chained_cmac(key: bytes, message: bytes, iv: bytes) -> bytes:
    """DESFire EV1's: it begins where the last one ended, `iv`."""
    first, second = _subkeys(key)
    if message and len(message) % BLOCK == 0:
        mask = first
    else:
        message, mask = filled(message), second
    return encrypted(key, message[:-BLOCK] + xor(message[-BLOCK:], mask), iv)[-BLOCK:]


def xor(left: bytes, right: bytes) -> bytes:
    """Of two of the same length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def turned_left(data: bytes) -> bytes:
    """By one byte."""
    return data[1:] + data[:1]


def filled(data: bytes) -> bytes:
    """With 80 00 .. 00 to whole blocks; always at least the 80 (ISO/IEC 9797-1, method 2)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def unfilled(data: bytes) -> bytes:
    """Undoes `filled`; raises ValueError."""
    head, mark, tail = data.rpartition(b"\x80")
    if not mark or tail.strip(b"\x00"):
        raise ValueError("not filled up with 80 00 ..")
    return head


def diversified(master: bytes, uid: bytes, application: bytes, system: bytes) -> bytes:
    """The key of one card: AN10922, AES-128; raises ValueError for an input that is too short."""
    text = uid + application + system
    if not _MIN_INPUT <= len(text) < _MIXED_BLOCKS:
        raise ValueError(f"diversification input: got {len(text)} bytes, expected 16 to 31")
    message, (first, second) = b"\x01" + text, _subkeys(master)
    mask = first
    if len(message) < _MIXED_BLOCKS:
        message, mask = message + b"\x80" + bytes(_MIXED_BLOCKS - 1 - len(message)), second
    return encrypted(master, message[:BLOCK] + xor(message[BLOCK:], mask))[BLOCK:]


def ev2_keys(key: bytes, reader: bytes, card: bytes) -> tuple[bytes, bytes]:
    """Session keys (for enciphering, for MACs) of both random numbers: AN12343, EV2First."""
    mixed = reader[:2] + xor(reader[2:8], card[:6]) + card[6:] + reader[8:]
    return (cmac(key, _TO_CARD + _SV_TAIL + mixed), cmac(key, _FROM_CARD + _SV_TAIL + mixed))


def ev1_key(reader: bytes, card: bytes) -> bytes:
    """Session key of DESFire EV1 with AES."""
    return reader[:4] + card[:4] + reader[12:] + card[12:]


def ev1_checksum(data: bytes) -> bytes:
    """CRC32 as DESFire EV1 writes it: inverted, low byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


def sun_keys(file_key: bytes, uid: bytes, counter: bytes) -> tuple[bytes, bytes]:
    """Keys (for enciphering, for the MAC) of one SUN message; `counter` low byte first: AN12196, 3."""
    def key(head: bytes) -> bytes:
        text = head + _SV_TAIL + uid + counter
        return cmac(file_key, text + bytes(-len(text) % BLOCK))
    return key(b"\xc3\x3c"), key(b"\x3c\xc3")


def maker_signature(uid: bytes, secret: int) -> bytes:
    """What a maker with this private key on secp224r1 writes into an NTAG 424: r || s, 56 bytes.

    The number itself stands where a digest should be (AN12196, 8.2).
    """
    maker = ec.derive_private_key(secret, ec.SECP224R1())
    signed = maker.sign(uid.rjust(28, b"\x00"), ec.ECDSA(utils.Prehashed(hashes.SHA224())))
    r, s = utils.decode_dss_signature(signed)
    return r.to_bytes(28, "big") + s.to_bytes(28, "big")


def _subkeys(key: bytes) -> tuple[bytes, bytes]:
    first = _doubled(encrypted(key, ZEROS))
    return first, _doubled(first)


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = number & (1 << 128) - 1 ^ _POLYNOMIAL
    return number.to_bytes(BLOCK, "big")
