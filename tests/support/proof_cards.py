"""Cards as a proof sees them: one C-APDU in, one R-APDU out, with keys of their own.

Small and right; how they go wrong is up to the test, by `Mutated`.
"""

import os
import random
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.rfid.proof import aes, ev1, ev2

NTAG = bytes.fromhex("D2760000850101")
AID = bytes.fromhex("F51234")
UID = bytes.fromhex("04A3C6CAE26180")
OTHER_UID = bytes.fromhex("04A3C6CAE26181")
RANDOM_UID = bytes.fromhex("08A1B2C3")
KEY, OLD_KEY = bytes(range(16)), bytes(range(16, 32))
OK, NATIVE_OK, WRONG_KEY, UNKNOWN = b"\x90\x00", b"\x91\x00", b"\x91\xae", b"\x6d\x00"

#: Numbers of real cards and their maker's signatures, each after the place of its key in our tables:
#: the first of ISO_DEP from NXP AN12196, 8.2, all others as Proxmark3's `recover_pk.py` carries them.
TYPE2 = (
    (0, "04E10CDA993C80", "8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3"),
    (0, "04DB0BDA993C80", "6048EFD9417CD10F6B7F1818D471A7FE5B46868D2EABDC6307A1E0AAE139D8D0"),
    (1, "04C1285A373080", "CEA2EB0B3C95D0844A95B824A7553703B3702378033BF0987899DB70151A19E7"),
    (1, "04C2285A373080", "A561506723D422D29ED9F93E60D20B9ED1E05CC1BF81DA19FE500CA0B81CC0ED"),
)
ISO_DEP = (
    (0, "04518DFAA96180", "D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD"
                          "744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21"),
    (0, "0463474AA26A80", "27E9A50E6CA4BA9037C02F7D20A80D0284D0C1D83C67F5A5AC1D8A4E"
                          "F86C9508417E4E9C6F85AA7920F0ABDED984CAF20467D66EA54BBF08"),
    (1, "042A41CAE45380", "B2769F8DDB575AEA2A680ADCA8FFED4FAB81A1E9908E2B82FE0FABB6"
                          "97BBD9B23835C416970E75768F12902ACA491349E94E6589EAF4F508"),
    (2, "04448BD2DB6B80", "5CBB5632795C8F15263FEFB095B51C7B541AFD914A1AE44EF6FB8AF6"
                          "05EDF13DBFEE6C3A2DB372245E671DFE0D42CB1F0D0B8FE67A89D2F6"),
    (3, "0439556ACB6480", "D5BD0978106E1E38B513642335966AB21E9F950DCFCFAB45FF13D0DC"
                          "3CA4C2AE7E0D671DF1240937D040DAC4601C5F66ED62C546EE03ED08"),
    (4, "044BA492806480", "517B2931355BD9B9F35D72ED90BDAB6212D05853ABCF9DD45A79D5CE"
                          "B91D8939C2C90D3A630A4D18A33903A3E23950A7580CF4CA34D03A90"),
)
#: A SUN message with plain mirrors and keys of zeros, from icedevml's sdm-backend (NXP AN12196).
PLAIN_SUN = b"https://x.y/t?uid=041E3C8A2D6B80&ctr=000006&cmac=4B00064004B0B3D3"


class Ev2Card:
    """NTAG 424 DNA or DESFire EV2: AuthenticateEV2First, GetCardUID."""

    def __init__(self, key: bytes = KEY, uid: bytes = UID, *, name: bytes = NTAG,
                 random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self.key, self.uid, self.name, self._random = key, uid, name, random_bytes
        self.selected, self.theirs, self.session, self.tries = False, b"", (b"", b"", b""), 0

    def __call__(self, apdu: bytes) -> bytes:
        match apdu[:2]:
            case b"\x00\xa4":
                self.selected = apdu[5:5 + apdu[4]] == self.name
                return OK if self.selected else b"\x6a\x82"
            case b"\x90\x5a":
                self.selected = apdu[5:8][::-1] == self.name
                return NATIVE_OK if self.selected else b"\x91\xa0"
            case b"\x90\x71" if self.selected:
                self.tries += 1
                self.theirs = self._random(16)
                return aes.encrypt(self.key, self.theirs) + b"\x91\xaf"
            case b"\x90\xaf" if self.theirs:
                return self._second(apdu[5:37])
            case b"\x90\x51" if self.session[0]:
                return self._number(apdu)
        return UNKNOWN

    def _second(self, answer: bytes) -> bytes:
        plain, mine, self.theirs = aes.decrypt(self.key, answer), self.theirs, b""
        if plain[16:] != aes.turned(mine):
            return WRONG_KEY
        transaction = self._random(4)
        self.session = (*ev2.session_keys(self.key, plain[:16], mine), transaction)
        return aes.encrypt(self.key, transaction + aes.turned(plain[:16]) + bytes(12)) + NATIVE_OK

    def _number(self, apdu: bytes) -> bytes:
        enc, mac, transaction = self.session

        def mac_of(code: int, counter: int, data: bytes) -> bytes:
            head = bytes([code]) + counter.to_bytes(2, "little") + transaction
            return aes.short(aes.cmac(mac, head + data))

        if apdu != bytes.fromhex("9051000008") + mac_of(0x51, 0, b"") + b"\0":
            return b"\x91\x1e"
        iv = aes.encrypt(enc, b"\x5a\xa5" + transaction + b"\x01\0" + bytes(8))
        data = aes.encrypt(enc, aes.padded(self.uid), iv)
        return data + mac_of(0, 1, data) + NATIVE_OK


class Ev1Card(Ev2Card):
    """DESFire EV1: AuthenticateAES with a vector that is carried on."""

    def __call__(self, apdu: bytes) -> bytes:
        match apdu[:2]:
            case b"\x90\xaa" if self.selected:
                self.tries += 1
                self.theirs = self._random(16)
                self.iv = aes.encrypt(self.key, self.theirs)
                return self.iv + b"\x91\xaf"
            case b"\x90\x71":
                return b"\x91\x1c"
        return super().__call__(apdu)

    def _second(self, answer: bytes) -> bytes:
        plain, mine, self.theirs = aes.decrypt(self.key, answer, self.iv), self.theirs, b""
        if plain[16:] != aes.turned(mine):
            return WRONG_KEY
        self.session = (plain[:4] + mine[:4] + plain[12:16] + mine[12:], b"", b"")
        return aes.encrypt(self.key, aes.turned(plain[:16]), answer[-16:]) + NATIVE_OK

    def _number(self, apdu: bytes) -> bytes:
        key = self.session[0]
        plain = self.uid + ev1.crc32(self.uid + b"\0") + bytes(5)
        return aes.encrypt(key, plain, ev1.chained_cmac(key, bytes(16), b"\x51")) + NATIVE_OK


def field(tag: str, value: bytes) -> bytes:
    n = len(value)
    length = bytes([n]) if n < 0x80 else b"\x81" + bytes([n])
    return bytes.fromhex(tag) + length + value


def private(seed: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(seed, ec.BrainpoolP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def signed(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


AUTHORITY, CARD_KEY = private(1001), private(2002)
AUTHORITY_ID = b"FCTTEST1"


def body(**changed: bytes) -> list[bytes]:
    """The signed fields of a certificate, in order."""
    key = (field("B0", changed.get("point", point(CARD_KEY)))
           + field("F0", changed.get("curve", b"\x03")))
    return [field("93", changed.get("uid", UID)), field("42", changed.get("authority", AUTHORITY_ID)),
            field("5F20", b"CARD 7"), field("5F25", changed.get("begins", bytes.fromhex("20260101"))),
            field("5F24", changed.get("ends", bytes.fromhex("20291231"))), field("7F49", key)]


def sealed(fields: list[bytes], key: ec.EllipticCurvePrivateKey = AUTHORITY) -> bytes:
    whole = b"".join(fields)
    return field("7F21", whole + field("5F37", signed(key, whole)))


class CertificateCard:
    """VDE-AR-E 2532-100: gives its certificate, signs a challenge."""

    def __init__(self, certificate: bytes | None = None,
                 key: ec.EllipticCurvePrivateKey = CARD_KEY) -> None:
        self.certificate = sealed(body()) if certificate is None else certificate
        self.key = key

    def __call__(self, apdu: bytes) -> bytes:
        if apdu == bytes.fromhex("00A4040010A000000845000000000000000000000100"):
            return OK
        if apdu == bytes.fromhex("8002000000"):
            return self.certificate + OK
        if apdu[:5] == bytes.fromhex("80030C0920") and len(apdu) == 38:
            return signed(self.key, apdu[5:37]) + OK
        return UNKNOWN


def url_record(rest: bytes) -> bytes:
    """An NDEF file with one URI record (https://)."""
    payload = b"\x04" + rest
    message = b"\xd1\x01" + bytes([len(payload)]) + b"U" + payload
    return len(message).to_bytes(2, "big") + message


class SunCard:
    """NTAG 424 whose NDEF file is read without authentication."""

    def __init__(self, file: bytes) -> None:
        self.file = file

    def __call__(self, apdu: bytes) -> bytes:
        if apdu.hex().upper() in ("00A4040C07D276000085010100", "00A4000C02E104"):
            return OK
        return self.file.ljust(256, b"\0") + OK if apdu == bytes.fromhex("00B0000000") else UNKNOWN


class Mutated:
    """The answers of a card, one of them damaged: number `at`, in a way that `rng` picks."""

    def __init__(self, card: Callable[[bytes], bytes], at: int, rng: random.Random) -> None:
        self._card, self._at, self._rng, self.asked = card, at, rng, 0
        self.damage: tuple[bytes, bytes] | None = None

    def __call__(self, apdu: bytes) -> bytes:
        reply, number, self.asked = self._card(apdu), self.asked, self.asked + 1
        if number != self._at:
            return reply
        damaged = damage(reply, self._rng)
        self.damage = (reply, damaged)
        return damaged


def damage(reply: bytes, rng: random.Random) -> bytes:
    """Another answer than this one."""
    ways: list[Callable[[], Any]] = [
        lambda: flipped(reply, rng), lambda: flipped(reply, rng),
        lambda: reply[:rng.randrange(len(reply))],
        lambda: reply + rng.randbytes(rng.randint(1, 20)),
        lambda: reply[:-2] + rng.randbytes(rng.randint(1, 20)) + reply[-2:],
        lambda: reply[:rng.randrange(len(reply) - 1)] + reply[-2:],
        lambda: reply[:-2] + rng.randbytes(2),
        lambda: reply[:-2] + rng.choice([OK, NATIVE_OK, WRONG_KEY, b"\x91\xaf", b"\x91\xad"]),
        lambda: rng.randbytes(len(reply)), lambda: rng.randbytes(len(reply) - 2) + reply[-2:],
        lambda: rng.randbytes(rng.randint(0, 300)), lambda: b""]
    while (other := rng.choice(ways)()) == reply:
        pass
    return bytes(other)


def flipped(reply: bytes, rng: random.Random) -> bytes:
    number = int.from_bytes(reply, "big")
    for _ in range(rng.choice([1, 1, 2, 3])):
        number ^= 1 << rng.randrange(8 * len(reply))
    return number.to_bytes(len(reply), "big")
