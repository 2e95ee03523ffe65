"""A card with a certificate (VDE-AR-E 2532-100 as MIFARE DUOX does it), and an authority for tests.

Commands and the certificate's fields as public implementations have them; not compared with a real
card. Everything is ECDSA on brainpoolP256r1 with SHA-256, signatures as r || s.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hil_tests.virtual.applets import native

ATS = bytes.fromhex("067577810280")
ATQA, SAK = b"\x44\x03", 0x20
DF_NAME = bytes.fromhex("A0000008450000000000000000000001")
CHALLENGE = bytes.fromhex("80030C0920")
CURVE_ID = b"\x03"
_HARDWARE = bytes.fromhex("040101A0001A05")
_OK, _NO_FILE, _NOT_NOW, _LENGTH = b"\x90\x00", b"\x6a\x82", b"\x69\x85", b"\x67\x00"
_NUMBER = 32


@dataclass(frozen=True)
class Claims:
    """What a certificate says. Dates as YYYYMMDD, sent as packed decimal digits."""

    uid: bytes
    authority_id: str
    subject: str
    valid_from: str = "20250101"
    valid_to: str = "20451231"


class Signer:
    """A private key: an authority's or a card's."""

    def __init__(self, secret: int) -> None:
        self._key = ec.derive_private_key(secret, ec.BrainpoolP256R1())

    @property
    def point(self) -> bytes:
        """The public key: an uncompressed point, 65 bytes."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        r, s = utils.decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_NUMBER, "big") + s.to_bytes(_NUMBER, "big")


def certificate(authority: Signer, claims: Claims, card_point: bytes) -> bytes:
    """What `authority` signs for a card with this public key: 7F21, signed from 93 to 7F49."""
    signed = (field("93", claims.uid) + field("42", claims.authority_id.encode("ascii"))
              + field("5F20", claims.subject.encode("ascii"))
              + field("5F25", bytes.fromhex(claims.valid_from))
              + field("5F24", bytes.fromhex(claims.valid_to))
              + field("7F49", field("B0", card_point) + field("F0", CURVE_ID)))
    return field("7F21", signed + field("5F37", authority.sign(signed)))


def field(tag: str, value: bytes) -> bytes:
    """BER-TLV of up to 65,535 bytes."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        digits = size.to_bytes(1 if size < 0x100 else 2, "big")
        length = bytes([0x80 | len(digits)]) + digits
    return bytes.fromhex(tag) + length + value


class Duox:
    """The applet. A copy has the certificate of another card, and some `key` of its own."""

    def __init__(self, uid: bytes, key: Signer, cert: bytes) -> None:
        self._key, self._certificate = key, cert
        self._version = native.Version(_HARDWARE, _HARDWARE, uid)
        self.reset()

    def reset(self) -> None:
        """Nothing is selected."""
        self._selected = False
        self._version.reset()

    def apdu(self, command: bytes) -> bytes:
        """SELECT, the certificate, a challenge, GetVersion."""
        if command[:4] == b"\x00\xa4\x04\x00" and len(command) >= 5:
            self._selected = command[5:5 + command[4]] == DF_NAME
            return _OK if self._selected else _NO_FILE
        if command[:1] == b"\x90":
            return self._native(command)
        if command[:1] != b"\x80":
            return native.CLASS_NOT_KNOWN
        if command[1:2] not in (b"\x02", b"\x03"):
            return native.INS_NOT_KNOWN
        if not self._selected:
            return _NOT_NOW
        if command[1] == 0x02:
            return self._certificate + _OK
        if not command.startswith(CHALLENGE) or len(command) not in (37, 38):
            return _LENGTH
        return self._key.sign(command[5:37]) + _OK

    def _native(self, command: bytes) -> bytes:
        body = native.body_of(command)
        if body is None or body:
            return native.LENGTH_ERROR
        if command[1] == 0x60:
            self._version.reset()
            return self._version.tell()
        if command[1] == native.CONTINUE:
            return self._version.tell() if self._version.waits else native.ABORTED
        return native.ILLEGAL_COMMAND
