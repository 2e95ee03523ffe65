"""The maker's signature of a card's number: genuine silicon, which is not yet an uncopied card.

The signature is static, so that a good emulator can repeat it with the number (docs/cards.md).
Source: NXP AN11350 (NTAG 21x), AN12196 (NTAG 424 DNA), AN12343 (DESFire Light).
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from edge.controller.idtoken import Unproven
from edge.controller.trouble import DeviceRefused
from edge.rfid.proof import secp128r1
from edge.rfid.proof.apdu import NATIVE_OK, Exchange, RawExchange, ask, native, refusal
from edge.rfid.proof.outcome import NotProven

READ_SIGNATURE = 0x3C
_SHORT_BYTES, _LONG_BYTES = 32, 56  # r || s on secp128r1 and secp224r1
_UID_BYTES = 7

#: NXP's public keys on secp128r1, for Type 2 cards. Each is named alike in Proxmark3 and in
#: AndroidCrypto's and alexbatalov's verifiers; signatures of real cards in the test verify with it.
TYPE2_KEYS = (
    "04494E1A386D3D3CFE3DC10E5DE68A499B1C202DB5B132393E89ED19FE5BE8BC61",  # NTAG 21x
    "0490933BDCD6E99B4E255E3DA55389A827564E11718E017292FAF23226A96614B8",  # MIFARE Ultralight EV1
)
#: On secp224r1, for ISO-DEP cards. Likewise; that of NTAG 424 stands in AN12196, that of DESFire Light
#: in AN12343. A sixth one that is passed around (it ends in 2B3B) is no point of the curve.
ISO_DEP_KEYS = (
    "048A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA209D68"
    "422B81EC20B65A66B5102A61596AF3379200599316A00A1410",  # NTAG 424 DNA
    "04B304DC4C615F5326FE9383DDEC9AA892DF3A57FA7FFB3276192BC0EAA252ED"
    "45A865E3B093A3D0DCE5BE29E92F1392CE7DE321E3E5C52B3A",  # DESFire EV2
    "041DB46C145D0A36539C6544BD6D9B0AA62FF91EC48CBC6ABAE36E0089A46F0D"
    "08C8A715EA40A63313B92E90DDC1730230E0458A33276FB743",  # DESFire EV3
    "040E98E117AAA36457F43173DC920A8757267F44CE4EC5ADD3C54075571AEBBF"
    "7B942A9774A1D94AD02572427E5AE0A2DD36591B1FB34FCF3D",  # DESFire Light
    "04CD5D45E50B1502F0BA4656FF37669597E7E183251150F9574CC8DA56BF01C7"
    "ABE019E29FEA48F9CE22C3EA4029A765E1BC95A89543BAD1BC",  # DESFire EV2 XL
)


def check(exchange: Exchange | None, raw: RawExchange | None, uid: bytes) -> None:
    """Reads the signature and verifies it; raises NotProven, DeviceError.

    WRONG: none of the maker's keys made it. Only numbers of 7 bytes were ever signed so.
    """
    if len(uid) != _UID_BYTES:
        raise NotProven(Unproven.UNABLE, f"a card number of {len(uid)} bytes, expected {_UID_BYTES}")
    if raw is not None:
        genuine = genuine_type2(uid, _read_type2(raw))
    elif exchange is not None:
        genuine = genuine_iso_dep(uid, _read_iso_dep(exchange))
    else:
        raise NotProven(Unproven.UNABLE, "the card has no maker's signature")
    if not genuine:
        raise NotProven(Unproven.WRONG, "the maker did not sign this card's number")


def _read_type2(raw: RawExchange) -> bytes:
    try:
        signature = raw(bytes([READ_SIGNATURE, 0]))
    except DeviceRefused as error:
        raise NotProven(Unproven.UNABLE, f"maker's signature: {error.got}") from None
    return _of_length(signature, _SHORT_BYTES)


def _read_iso_dep(exchange: Exchange) -> bytes:
    """NTAG 424 ends with 9190 in older descriptions, with 9100 in newer ones."""
    signature, status = ask(exchange, native(READ_SIGNATURE, b"\0"))
    if status not in (NATIVE_OK, 0x9190):
        raise refusal("maker's signature", status)
    return _of_length(signature, _LONG_BYTES)


def _of_length(signature: bytes, expected: int) -> bytes:
    if len(signature) != expected:
        raise NotProven(Unproven.UNABLE,
                        f"maker's signature of {len(signature)} bytes, expected {expected}")
    return signature


def genuine_type2(uid: bytes, signature: bytes, keys: Iterable[str] = TYPE2_KEYS) -> bool:
    """Whether one of the keys made this signature (32 bytes) of the number itself, without a hash."""
    return any(secp128r1.verifies(bytes.fromhex(key), uid, signature) for key in keys)


def genuine_iso_dep(uid: bytes, signature: bytes, keys: Iterable[str] = ISO_DEP_KEYS) -> bool:
    """Likewise on secp224r1 (56 bytes)."""
    half = _LONG_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    # "No hash": the number stands where a digest of the curve's size would.
    digest, sized = uid.rjust(half, b"\0"), ec.ECDSA(utils.Prehashed(hashes.SHA224()))
    return any(_verifies(key, utils.encode_dss_signature(r, s), digest, sized) for key in keys)


def _verifies(key: str, signature: bytes, digest: bytes, how: ec.ECDSA) -> bool:
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP224R1(), bytes.fromhex(key))
    try:
        public.verify(signature, digest, how)
    except InvalidSignature:
        return False
    return True
