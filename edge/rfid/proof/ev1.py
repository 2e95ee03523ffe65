"""AuthenticateAES (AA) of DESFire EV1, and its GetCardUID.

Source: the public logs and code of ElmueSoft and libfreefare (DESFire EV1's data sheet is not public).
The initialisation vector of CBC is carried on from message to message, unlike with EV2. The logs
confirm authentication; GetCardUID follows published code and was not tried on hardware.
"""

import hmac
import zlib
from collections.abc import Callable

from edge.controller.idtoken import Unproven
from edge.rfid.proof import aes
from edge.rfid.proof.apdu import MORE, NATIVE_OK, Exchange, native, select_application, want
from edge.rfid.proof.outcome import NotProven
from edge.rfid.uid import is_random

AUTHENTICATE, CONTINUE, GET_CARD_UID = 0xAA, 0xAF, 0x51
_UID_BYTES, _CRC_BYTES = 7, 4


def authenticate(exchange: Exchange, key_no: int, key: bytes,
                 random_bytes: Callable[[int], bytes]) -> bytes:
    """The session key, for which the chained vector begins with zeros.

    Raises KeyRefused when the card holds another key, NotProven when it does not hold this one.
    """
    challenge = want(exchange, native(AUTHENTICATE, bytes([key_no])), MORE, 16, "authenticate")
    theirs, ours = aes.decrypt(key, challenge), random_bytes(16)
    answer = aes.encrypt(key, ours + aes.turned(theirs), challenge)
    reply = want(exchange, native(CONTINUE, answer), NATIVE_OK, 16, "authenticate")
    if not hmac.compare_digest(aes.decrypt(key, reply, answer[-aes.BLOCK:]), aes.turned(ours)):
        raise NotProven(Unproven.WRONG, "the card does not hold the key that it accepted")
    return ours[:4] + theirs[:4] + ours[12:] + theirs[12:]


def chained_cmac(key: bytes, iv: bytes, message: bytes) -> bytes:
    """CMAC that begins with the last vector, and is the next one."""
    first, second = aes.subkeys(key)
    if message and len(message) % aes.BLOCK == 0:
        last = aes.xor(message[-aes.BLOCK:], first)
    else:
        message = aes.padded(message)
        last = aes.xor(message[-aes.BLOCK:], second)
    return aes.encrypt(key, message[:-aes.BLOCK] + last, iv)[-aes.BLOCK:]


def crc32(data: bytes) -> bytes:
    """DESFire's: without the final inversion, low byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(_CRC_BYTES, "little")


def card_uid(exchange: Exchange, session_key: bytes) -> bytes:
    """The true UID: 7 bytes, CRC over them and the status, zeros; raises NotProven."""
    iv = chained_cmac(session_key, aes.ZERO_IV, bytes([GET_CARD_UID]))
    reply = want(exchange, native(GET_CARD_UID), NATIVE_OK, aes.BLOCK, "card number")
    plain = aes.decrypt(session_key, reply, iv)
    uid = plain[:_UID_BYTES]
    if not hmac.compare_digest(plain[_UID_BYTES:], crc32(uid + b"\0") + bytes(5)):
        raise NotProven(Unproven.WRONG, "the card's number is not enciphered with the session's key")
    return uid


def prove(exchange: Exchange, application: bytes, key_no: int, key: bytes, expected: bytes | None,
          random_bytes: Callable[[int], bytes]) -> bytes:
    """The UID. One that is shown and fixed is proven by the key alone, which has to be the card's own:
    with a key that cards share, one of them could pass for another.
    """
    select_application(exchange, application)
    session_key = authenticate(exchange, key_no, key, random_bytes)
    if expected is None or is_random(expected):
        return card_uid(exchange, session_key)
    return expected
