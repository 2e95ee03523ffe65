"""`PYTHONPATH=. python tests/support/proof_times.py`: what proofs cost the host, without card or radio.

A true conversation is recorded once; then the same answers are judged again and again.
"""

import statistics
import time
from collections.abc import Callable

import proof_cards as cards

from edge.rfid.proof import diversify, originality, sun
from edge.rfid.proof.ways import prove
from edge.rfid.wire import Certificate, Mutual, Way

TIMES = 1000


def answered(way: Way, card: Callable[[bytes], bytes]) -> Callable[[], object]:
    """The proof of this card with the answers that it gave the first time."""
    replies: list[bytes] = []

    def recorded(apdu: bytes) -> bytes:
        replies.append(card(apdu))
        return replies[-1]

    def fixed(size: int) -> bytes:
        return b"\x07" * size

    prove(way, recorded, cards.UID, random_bytes=fixed)

    def again() -> object:
        left = iter(replies)
        return prove(way, lambda _: next(left), cards.UID, random_bytes=fixed)

    return again


def main() -> None:
    _, uid, short = cards.TYPE2[-1]
    _, long_uid, long = cards.ISO_DEP[-1]
    ev2 = Mutual(protocol="ev2", application=cards.NTAG, key_no=0, keys=(cards.KEY,))
    ev1 = Mutual(protocol="ev1", application=cards.AID, key_no=0, keys=(cards.KEY,))
    vde = Certificate(authorities={"FCTTEST1": cards.point(cards.AUTHORITY)}, day="260704")
    h = bytes.fromhex
    for name, work in (
            ("EV2First and GetCardUID", answered(ev2, cards.Ev2Card())),
            ("EV1", answered(ev1, cards.Ev1Card(name=cards.AID))),
            ("certificate and signature", answered(vde, cards.CertificateCard())),
            ("SUN message", lambda: sun.judge(cards.PLAIN_SUN, bytes(16), lambda _: bytes(16))),
            ("originality, Type 2", lambda: originality.genuine_type2(h(uid), h(short))),
            ("originality, ISO-DEP", lambda: originality.genuine_iso_dep(h(long_uid), h(long))),
            ("a card's key (AN10922)",
             lambda: diversify.card_key(cards.KEY, cards.UID, cards.AID, b"site 1"))):
        took = []
        for _ in range(TIMES):
            begun = time.perf_counter_ns()
            work()
            took.append((time.perf_counter_ns() - begun) / 1000)
        print(f"{name:28}{statistics.median(took):9.0f} us{statistics.quantiles(took)[2]:9.0f} us")


if __name__ == "__main__":
    main()
