"""Asks a card to prove itself in one of the ways that `wire.py` names.

Pure but for the exchange: no radio, no clock, no state. What each way proves: docs/cards.md.
"""

import os
from collections.abc import Callable

from edge.controller.idtoken import Level, Unproven
from edge.rfid.proof import certificate, ev1, ev2, originality, sun
from edge.rfid.proof.apdu import Exchange, RawExchange
from edge.rfid.proof.outcome import KeyRefused, NotProven, Proven
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun, Way

__all__ = ["NotProven", "Proven", "prove"]

MAX_TRIES = 2  # per presentation: a card counts failures, and so would a thief
KEY_BYTES = 16


def prove(way: Way, exchange: Exchange | None, uid: bytes, *, raw: RawExchange | None = None,
          random_bytes: Callable[[int], bytes] = os.urandom) -> Proven:
    """Goes one way with a card that lies there; raises NotProven, and DeviceError from the exchange.

    `exchange`: with a card that speaks ISO-DEP, None with any other; `raw`: with a Type 2 card. `uid`:
    as the card showed it. Of a card that shows a made-up one pass what `RealUid` found, if that came
    first; with the made-up one itself any true number is proven, and whoever asked has to compare.
    """
    match way:
        case Originality():
            originality.check(exchange, raw, uid)
            return Proven(level=Level.ORIGINALITY, uid=uid)
        case _ if exchange is None:
            raise NotProven(Unproven.UNABLE, "the card does not speak ISO-DEP")
        case Mutual():
            found = _mutual(way, exchange, uid, random_bytes)
            level = Level.UID if isinstance(way, RealUid) else Level.MUTUAL
            return Proven(level=level, uid=found)
        case Sun():
            return Proven(level=Level.SUN, uid=uid, message=sun.read(exchange))
        case Certificate():
            card = certificate.prove(way.authorities, way.day, exchange, uid, random_bytes)
            return Proven(level=Level.CERTIFICATE, uid=card.uid, message=card.key)


def _mutual(way: Mutual, exchange: Exchange, uid: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """The number that the card was found to have, with the newest key that it takes."""
    protocol = {"ev2": ev2.prove, "ev1": ev1.prove}.get(way.protocol)
    keys = way.keys[:MAX_TRIES]
    if protocol is None or not keys or any(len(key) != KEY_BYTES for key in keys):
        raise NotProven(Unproven.UNABLE, f"protocol {way.protocol!r} with {len(keys)} keys, expected "
                        f"ev1 or ev2 with keys of {KEY_BYTES} bytes")
    if not 0 <= way.key_no <= 0x0D:
        raise NotProven(Unproven.UNABLE, f"key number {way.key_no}, expected 0 to 13")
    expected = None if isinstance(way, RealUid) else uid
    *older_follow, last = keys
    for key in older_follow:
        try:
            return protocol(exchange, way.application, way.key_no, key, expected, random_bytes)
        except KeyRefused:
            continue
    return protocol(exchange, way.application, way.key_no, last, expected, random_bytes)
