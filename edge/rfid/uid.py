"""Card numbers (UIDs) in their one canonical form, and the forms in which people meet them.

Canonical: upper-case hex without separators, byte 0 of ISO/IEC 14443-3 first, as OCPP 1.6 section 3.9
and OCPP 2.0.1 recommend. UIDs have 4, 7 or 10 bytes (ISO/IEC 14443-3, 6.5.4).
"""

import re

UID_LENGTHS = (4, 7, 10)
_SEPARATORS = re.compile(r"[\s:.-]")
_CASCADE_TAG = 0x88  # announces a longer UID in the anticollision; never the first byte of a UID
_RANDOM = 0x08  # first byte of a 4 byte UID that the card makes up anew at each activation


class UidError(ValueError):
    """This is no card number. The message says what was expected, never the number itself."""


def check_uid(uid: bytes) -> bytes:
    """`uid` itself when it can be one; raises UidError."""
    if len(uid) not in UID_LENGTHS:
        raise UidError(f"a card number has 4, 7 or 10 bytes, got {len(uid)}")
    if uid[0] == _CASCADE_TAG:
        raise UidError("a card number never begins with 88: a reader left the cascade tag in it")
    return uid


def canonical(uid: bytes) -> str:
    """Upper-case hex, byte 0 first; raises UidError."""
    return check_uid(uid).hex().upper()


def parse_uid(text: str) -> bytes:
    """Bytes of a number written in hex, in any case, with or without `:`, `-`, `.` or blanks.

    Neither decimal nor reversed forms are guessed at: a guess can be the card of a stranger.
    """
    digits = _SEPARATORS.sub("", text)
    if not re.fullmatch(r"[0-9A-Fa-f]*", digits):
        raise UidError("a card number is written in hex digits (0-9, A-F)")
    if len(digits) not in {2 * n for n in UID_LENGTHS}:
        raise UidError(f"a card number has 8, 14 or 20 hex digits, got {len(digits)}")
    return check_uid(bytes.fromhex(digits))


def is_random(uid: bytes) -> bool:
    """Whether the card makes this number up at each tap (phones, private mode): `08xxxxxx`.

    ISO/IEC 14443-3, 6.5.4: uid0 = 08 with 4 bytes. Such a number identifies nobody.
    """
    return len(uid) == 4 and uid[0] == _RANDOM


def last4(uid: bytes) -> str:
    """The four hex digits that may be shown."""
    return canonical(uid)[-4:]


def forms(uid: bytes) -> dict[str, str]:
    """How other systems write this number: to compare with a printed card during a support call."""
    plain, turned = check_uid(uid), uid[::-1]
    return {
        "canonical": canonical(plain),
        "colons": plain.hex(":").upper(),
        "reversed": turned.hex().upper(),
        "decimal": str(int.from_bytes(plain, "big")),
        "decimal_reversed": str(int.from_bytes(turned, "big")),
    }
