"""What kind of card lies there, as far as it shows without asking: NXP AN10833, ISO/IEC 14443-3, -4.

A word for people and for logs. Nothing is granted on it: who copies a number copies these bytes, too.
"""

import enum

from edge.controller.trouble import BadAnswer
from edge.rfid.ats import parse_ats

ISO_DEP = 0x20  # SAK bit 6: the card speaks ISO/IEC 14443-4
_NFC_DEP = 0x40  # SAK bit 7: ISO/IEC 18092, which phones speak and cards do not
_CLASSIC = {0x01, 0x08, 0x09, 0x10, 0x11, 0x18, 0x19, 0x88}  # Plus at its levels 1 and 2 among them
_NXP_MF3 = 0x03  # second byte of ATQA: DESFire of all versions, NTAG 424, DUOX
_NXP_HISTORICAL = b"\x80"
_NTAG_424_T0, _NTAG_424_TB = 0x77, 0x71


class Kind(enum.StrEnum):
    """DESFIRE is the whole family (EV1 to EV3, Light, DUOX): only `GetVersion` tells them apart."""

    CLASSIC = "classic"
    TYPE2 = "type2"  # Ultralight, NTAG 21x
    DESFIRE = "desfire"
    NTAG424 = "ntag424"
    PHONE = "phone"
    ISO_DEP = "iso-dep"
    UNKNOWN = "unknown"


def kind_of(sak: int, atqa: bytes, ats: bytes, *, random: bool = False) -> Kind:
    """`atqa` low byte first; `ats` empty when there is none; `random`: the card made its number up."""
    if not sak & ISO_DEP:
        if sak & _NFC_DEP:
            return Kind.PHONE
        if sak == 0:
            return Kind.TYPE2
        return Kind.CLASSIC if sak in _CLASSIC else Kind.UNKNOWN
    if sak == ISO_DEP and atqa[1:2] == bytes([_NXP_MF3]) and _historical(ats) == _NXP_HISTORICAL:
        says_424 = ats[1] == _NTAG_424_T0 and ats[3] == _NTAG_424_TB
        return Kind.NTAG424 if says_424 else Kind.DESFIRE
    return Kind.PHONE if sak & _NFC_DEP or random else Kind.ISO_DEP


def _historical(ats: bytes) -> bytes:
    try:
        return parse_ats(ats).historical
    except BadAnswer:
        return b""
