"""The cards that people carry, made as a config says: well, or broken and forged in the known ways."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from hil_tests.virtual.applets import desfire, duox, ntag424, type2
from hil_tests.virtual.cabinet_config import CardSpec
from hil_tests.virtual.card import ISO_DEP, VirtualCard, made_up
from hil_tests.virtual.picc import Applet, Bare, Picc

#: What may be wrong with a card, besides what goes wrong in the air (`field.FAULTS`).
HOWS = {
    "well": "as it was made",
    "copied": "another card with its number, its ATS, and no command",
    "wrong_key": "its number and all commands, but other keys",
    "replayed": "its last SUN message again",
    "foreign": "a certificate that another authority signed, under the name of the right one",
    "copied_certificate": "its certificate, without the private key",
    "outdated": "a certificate whose dates are over",
    "short_ats": "ATS 01: nothing but its length",
    "waiting": "it asks for more time, S(WTX), twice before each answer and once within it",
    "chained": "it takes and sends the smallest frames, 16 bytes",
}
SHORT_ATS = b"\x01"
NUMBER_SAKS = {"number": ISO_DEP, "classic": 0x08, "phone": ISO_DEP}
_NUMBER_ATS = bytes.fromhex("0578807002")
_RANDOM_ATQA = 0x04  # first byte, of four bytes of number
_OVER = ("20200101", "20201231")
_OTHER_KEY = b"\xa5" * 16


RandomBytes = Callable[[int], bytes]


class Wallet:
    """Cards by name. A card keeps what it has stored (its SUN counter), however it is held."""

    def __init__(self, specs: Mapping[str, str | CardSpec]) -> None:
        """A text is a UID in hex, of a card that is only a number."""
        self._specs = {name: CardSpec(uid=spec) if isinstance(spec, str) else spec
                       for name, spec in specs.items()}
        self._suns: dict[str, ntag424.Sun] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._specs)

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each."""
        return {name: spec.kind for name, spec in self._specs.items()}

    def card(self, name: str, how: str = "well") -> VirtualCard:
        """A card by its name, or one that is only the number `name` (hex). Raises ValueError."""
        if how not in HOWS:
            raise ValueError(f"how: got {how!r}, expected one of {', '.join(HOWS)}")
        spec = self._specs.get(name) or CardSpec(uid=name)
        sun = None
        if spec.meta_key is not None and spec.file_key is not None:
            sun = self._suns.setdefault(name, ntag424.Sun(bytes.fromhex(spec.meta_key),
                                                          bytes.fromhex(spec.file_key)))
            sun.again = how == "replayed"
        return build(spec, how, sun=sun)


def build(spec: CardSpec, how: str = "well", *, sun: ntag424.Sun | None = None,
          random_bytes: RandomBytes = made_up) -> VirtualCard:
    """A card. `sun`: its SUN messages, with their counter. Raises ValueError."""
    uid = bytes.fromhex(spec.uid)
    random = random_bytes if spec.random else None
    if spec.kind in NUMBER_SAKS:
        sak = NUMBER_SAKS[spec.kind]
        bare = _picc(Bare(), _NUMBER_ATS, how) if sak & ISO_DEP else None
        return VirtualCard(uid, sak=sak, inside=bare, random=random)
    if spec.kind in type2.KINDS:
        signature = None if spec.signature is None or how == "copied" else bytes.fromhex(spec.signature)
        return VirtualCard(uid, sak=type2.SAK, atqa=type2.ATQA,
                           inside=type2.Type2(uid, spec.kind, signature))
    if spec.kind not in _MAKERS:
        raise ValueError(f"kind: got {spec.kind!r}, expected one of {', '.join(KINDS)}")
    make, ats, atqa = _MAKERS[spec.kind]
    order = _Order(_changed(spec, how), uid, how, sun, random_bytes)
    applet = Bare() if how == "copied" else make(order)
    return VirtualCard(uid, sak=ISO_DEP, inside=_picc(applet, ats, how), random=random,
                       atqa=bytes([_RANDOM_ATQA, atqa[1]]) if spec.random else atqa)


def card_secret(uid: bytes) -> int:
    """The private key of a certificate card: always the same, as in real life."""
    return _secret(b"card " + uid)


def _picc(applet: Applet, ats: bytes, how: str) -> Picc:
    if how == "short_ats":
        ats = SHORT_ATS
    if how == "chained":
        return Picc(applet, ats=ats[:1] + bytes([ats[1] & 0xF0]) + ats[2:], frame_at_most=16)
    if how == "waiting":
        return Picc(applet, ats=ats, frame_at_most=64, waits=2, waits_in_chain=1)
    return Picc(applet, ats=ats)


def _changed(spec: CardSpec, how: str) -> CardSpec:
    if how == "wrong_key":
        return replace(spec, keys={number: _OTHER_KEY.hex() for number in spec.keys},
                       copied_certificate=True)
    if how == "copied_certificate":
        return replace(spec, copied_certificate=True)
    return replace(spec, dates=_OVER) if how == "outdated" else spec


def _ntag424(order: "_Order") -> Applet:
    signature, sun = order.spec.signature, order.sun
    if sun is not None and order.how == "wrong_key":
        sun = ntag424.Sun(sun.meta_key, _OTHER_KEY)
    return ntag424.Ntag424(
        order.uid, order.keys, sun=sun,
        signature=None if signature is None else bytes.fromhex(signature),
        hides_uid=order.spec.random, random_bytes=order.random_bytes)


def _desfire(kind: type[desfire.DesfireEv1]) -> "_Maker":
    return lambda order: kind(order.uid, bytes.fromhex(order.spec.application), order.keys,
                              hides_uid=order.spec.random, random_bytes=order.random_bytes)


def _duox(order: "_Order") -> Applet:
    spec = order.spec
    if spec.authority is None:
        raise ValueError("authority: missing, expected the private key of who signs certificates")
    own = duox.Signer(card_secret(order.uid))
    signer = duox.Signer(_secret(b"foreign") if order.how == "foreign" else int(spec.authority, 16))
    claims = duox.Claims(order.uid, spec.authority_id, f"CARD{spec.uid}", *spec.dates)
    held = duox.Signer(_secret(b"copier")) if spec.copied_certificate else own
    return duox.Duox(order.uid, held, duox.certificate(signer, claims, own.point))


def _secret(word: bytes) -> int:
    """Half of what SHA-256 gives: below the order of the curve."""
    return int.from_bytes(hashlib.sha256(word).digest(), "big") >> 1


@dataclass(frozen=True)
class _Order:
    """What a card is made from."""

    spec: CardSpec
    uid: bytes
    how: str
    sun: ntag424.Sun | None
    random_bytes: RandomBytes

    @property
    def keys(self) -> dict[int, bytes]:
        return {int(number): bytes.fromhex(key) for number, key in self.spec.keys.items()}


_Maker = Callable[[_Order], Applet]
#: By kind: what is inside, its ATS and its ATQA.
_MAKERS: Mapping[str, tuple[_Maker, bytes, bytes]] = {
    "ntag424": (_ntag424, ntag424.ATS, ntag424.ATQA),
    "desfire-ev1": (_desfire(desfire.DesfireEv1), desfire.ATS, desfire.ATQA),
    "desfire-ev2": (_desfire(desfire.DesfireEv2), desfire.ATS, desfire.ATQA),
    "desfire-ev3": (_desfire(desfire.DesfireEv3), desfire.ATS, desfire.ATQA),
    "duox": (_duox, duox.ATS, duox.ATQA),
}
KINDS = (*NUMBER_SAKS, *type2.KINDS, *_MAKERS)
