"""Cards with a certificate and a key of their own (VDE-AR-E 2532-100, MIFARE DUOX): the edge holds
nothing secret, only the public keys of the authorities that the site trusts.

Source: the public code of Proxmark3 (GP VDE certificates) and of NXP's EasyEVSE; the text of the rule
is not public. Not tried on hardware. Other tags, or another order, are refused until a card is seen.
"""

import hmac
import re
from collections.abc import Callable, Iterator, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from edge.controller.idtoken import Unproven
from edge.controller.struct import Value
from edge.rfid.proof.apdu import OK, Exchange, command, select_name, want
from edge.rfid.proof.outcome import NotProven
from edge.rfid.uid import UidError, check_uid, is_random

APPLICATION = bytes.fromhex("A0000008450000000000000000000001")
CURVE = ec.BrainpoolP256R1()
CHALLENGE_BYTES, _SIGNATURE_BYTES, _POINT_BYTES = 32, 64, 65
_GET_CERTIFICATE = command(0x80, 0x02)
_OUTER, _SIGNATURE = 0x7F21, 0x5F37
_NUMBER, _AUTHORITY, _SUBJECT, _FROM, _UNTIL, _KEY = 0x93, 0x42, 0x5F20, 0x5F25, 0x5F24, 0x7F49
_FIELDS = (_NUMBER, _AUTHORITY, _SUBJECT, _FROM, _UNTIL, _KEY, _SIGNATURE)
_POINT, _CURVE = 0xB0, 0xF0
_BRAINPOOL_P256R1 = b"\x03"


class CardCertificate(Value):
    """What a certificate says. Days as CCYYMMDD. `signed`: the bytes that the authority signed. `key`:
    uncompressed point on brainpoolP256r1.
    """

    uid: bytes
    authority: bytes
    subject: bytes
    from_day: str
    until_day: str
    key: bytes
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"CardCertificate(authority={self.authority.hex()}, until_day={self.until_day!r})"

    def is_by(self, name: str) -> bool:
        """Whether the authority is called so: in hex, or as text where its id is one."""
        return name.upper() == self.authority.hex().upper() or name.encode() == self.authority


def prove(authorities: Mapping[str, bytes], day: str | None, exchange: Exchange, uid: bytes,
          random_bytes: Callable[[int], bytes]) -> CardCertificate:
    """The certificate, once the card has shown that it holds its private key; raises NotProven.

    `authorities`: points by their id, as hex or as text. `day`: YYMMDD; None: dates are not judged.
    """
    select_name(exchange, APPLICATION, p2=0x00)
    card = parse(want(exchange, _GET_CERTIFICATE, OK, None, "certificate"))
    points = [key for name, key in authorities.items() if card.is_by(name)]
    if len(points) != 1:
        raise NotProven(Unproven.FOREIGN, "certificate of an authority that the site does not know")
    if not verifies(points[0], card.signature, card.signed):
        raise NotProven(Unproven.FOREIGN, "certificate that the authority it names did not sign")
    _judge_dates(card, day)
    if not is_random(uid) and not hmac.compare_digest(card.uid, uid):
        raise NotProven(Unproven.WRONG, "the certificate belongs to another card number")
    challenge = random_bytes(CHALLENGE_BYTES)
    sign = command(0x80, 0x03, 0x0C, 0x09, challenge)
    answer = want(exchange, sign, OK, _SIGNATURE_BYTES, "signature")
    if not verifies(card.key, answer, challenge):
        raise NotProven(Unproven.WRONG, "the card does not hold the certificate's private key")
    return card


def is_point(point: bytes) -> bool:
    """Whether it is a public key at all: an uncompressed point of the curve."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        return False
    return True


def verifies(point: bytes, signature: bytes, message: bytes) -> bool:
    """ECDSA with SHA-256, r || s of 64 bytes; raises NotProven (UNABLE) when `point` is none."""
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        raise _unable("a public key that is no point of its curve") from None
    half = _SIGNATURE_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def parse(data: bytes) -> CardCertificate:
    """Strict: each field once, in order, of its length, nothing after it; raises NotProven (UNABLE)."""
    ((_, body, _, _),) = _exactly(data, (_OUTER,))
    fields = _exactly(body, _FIELDS)
    values = {tag: value for tag, value, _, _ in fields}
    signed = body[:fields[-2][3]]  # from the number to the end of the key
    (_, point, _, _), (_, curve, _, _) = _exactly(values[_KEY], (_POINT, _CURVE))
    if len(point) != _POINT_BYTES or curve != _BRAINPOOL_P256R1:
        raise _unable("a key that is not on brainpoolP256r1")
    if len(values[_SIGNATURE]) != _SIGNATURE_BYTES:
        raise _unable(f"a signature of {len(values[_SIGNATURE])} bytes, expected {_SIGNATURE_BYTES}")
    try:
        uid = check_uid(values[_NUMBER])
    except UidError as error:
        raise _unable(str(error)) from None
    return CardCertificate(
        uid=uid, authority=values[_AUTHORITY], subject=values[_SUBJECT],
        from_day=_day(values[_FROM]), until_day=_day(values[_UNTIL]), key=point, signed=signed,
        signature=values[_SIGNATURE])


Field = tuple[int, bytes, int, int]  # tag, value, where it begins and ends


def _exactly(data: bytes, tags: tuple[int, ...]) -> list[Field]:
    """These fields in this order, and nothing else."""
    found = list(_fields(data, limit=len(tags)))
    if tuple(tag for tag, *_ in found) != tags or found[-1][3] != len(data):
        raise _unable("other fields than expected, or in another order")
    return found


def _fields(data: bytes, limit: int) -> Iterator[Field]:
    at = 0
    for _ in range(limit):
        if at == len(data):
            return
        begin, size = at, 2 if data[at] & 0x1F == 0x1F else 1
        tag = int.from_bytes(data[at:at + size], "big")
        length, at = _length(data, at + size)
        if at + length > len(data):
            raise _unable("a field that is longer than what holds it")
        yield tag, data[at:at + length], begin, at + length
        at += length


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Length of a value and where it begins: DER, in its shortest form, below 65536."""
    first = data[at:at + 1]
    if not first:
        raise _unable("a field without a length")
    if first[0] < 0x80:
        return first[0], at + 1
    size = first[0] & 0x7F
    long = data[at + 1:at + 1 + size]
    length = int.from_bytes(long, "big")
    if size not in (1, 2) or len(long) != size or length < (0x80, 0x100)[size - 1]:
        raise _unable("a length that is not written as it should be")
    return length, at + 1 + size


def _day(value: bytes) -> str:
    """CCYYMMDD of four bytes of digits."""
    digits = value.hex()
    if not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", digits):
        raise _unable("a date that is none")
    return digits


def _judge_dates(card: CardCertificate, day: str | None) -> None:
    if day is None:
        return
    if not re.fullmatch(r"\d{6}", day):
        raise _unable(f"today's date of {len(day)} characters, expected YYMMDD")
    if not card.from_day <= f"20{day}" <= card.until_day:
        raise NotProven(Unproven.OUTDATED, "certificate before or after its dates")


def _unable(detail: str) -> NotProven:
    return NotProven(Unproven.UNABLE, f"certificate: {detail}")
