"""Card numbers (UIDs) in their one canonical form, and the forms in which people meet them.

Canonical: upper-case hex without separators, byte 0 of ISO/IEC 14443-3 first, as OCPP 1.6 section 3.9
and OCPP 2.0.1 recommend. UIDs have 4, 7 or 10 bytes (ISO/IEC 14443-3, 6.5.4).
"""

import enum
import re

UID_LENGTHS = (4, 7, 10)
_SEPARATORS = re.compile(r"[\s:.-]")
_CASCADE_TAG = 0x88  # announces a longer UID in the anticollision; never the first byte of a UID
_MAKERS = frozenset((0x02, 0x04, 0x05, 0x07, 0x16, 0x1D))  # ISO/IEC 7816-6, those that make such cards
_LOST = {2 * n - lost: 2 * n for n in UID_LENGTHS for lost in (1, 2)}
_RANDOM = 0x08  # first byte of a 4 byte UID that the card makes up anew at each activation


class Form(enum.StrEnum):
    """How a list writes the numbers of its cards."""

    HEX = "hex"  # byte 0 first
    HEX_REVERSED = "hex-reversed"
    DECIMAL = "decimal"
    DECIMAL_REVERSED = "decimal-reversed"


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
    return check_uid(_hex(text))


def read_as(text: str, form: Form) -> bytes:
    """Bytes of a number in the form that a person has named; raises UidError.

    Decimal: below 2**32 of 4 bytes, below 2**56 of 7, else of 10; zeros that a spreadsheet took away
    from its beginning do not matter.
    """
    if re.fullmatch(r"\s*\d([.,]\d*)?E\+\d+\s*", text, re.IGNORECASE):
        raise UidError("a spreadsheet has rounded this number (E+): its digits are lost. Make the "
                       "column a text column before the numbers are entered, and export it again")
    raw = _hex(text) if form in (Form.HEX, Form.HEX_REVERSED) else _decimal(text)
    return check_uid(raw if form in (Form.HEX, Form.DECIMAL) else raw[::-1])


def shows_maker(uid: bytes) -> bool:
    """Whether byte 0 is that of a maker of such cards, as in all numbers of 7 and 10 bytes."""
    return uid[0] in _MAKERS


def _hex(text: str) -> bytes:
    digits = _SEPARATORS.sub("", text)
    if digits[:2] in ("0x", "0X"):
        digits = digits[2:]
    if not re.fullmatch(r"[0-9A-Fa-f]*", digits):
        raise UidError("a card number is written in hex digits (0-9, A-F)")
    if len(digits) not in {2 * n for n in UID_LENGTHS}:
        hint = "; has a spreadsheet taken zeros from its beginning?" if len(digits) in _LOST else ""
        raise UidError(f"a card number has 8, 14 or 20 hex digits, got {len(digits)}{hint}")
    return bytes.fromhex(digits)


def _decimal(text: str) -> bytes:
    digits = text.strip()
    if re.fullmatch(r"\d{1,3}[,:/ ]\d{5}", digits):
        raise UidError("this is the short number of a Wiegand reader: it has three bytes of the card's "
                       "number only")
    if not re.fullmatch(r"[0-9]{1,25}", digits):
        raise UidError("a decimal card number has 1 to 25 digits (0-9)")
    value = int(digits)
    for length in UID_LENGTHS:
        if value < 1 << 8 * length:
            return value.to_bytes(length, "big")
    raise UidError("a decimal card number is below 2**80")


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
