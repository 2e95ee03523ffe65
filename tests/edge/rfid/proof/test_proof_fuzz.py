"""Answers of cards, damaged one at a time: what comes out is a word, and never a proof."""

import random
from collections import Counter

import pytest
from proof_cards import (
    AID,
    AUTHORITY,
    ISO_DEP,
    KEY,
    PLAIN_SUN,
    RANDOM_UID,
    TYPE2,
    UID,
    CertificateCard,
    Ev1Card,
    Ev2Card,
    Mutated,
    SunCard,
    body,
    point,
    sealed,
    url_record,
)

from edge.controller.trouble import DeviceError
from edge.rfid.proof import sun
from edge.rfid.proof.outcome import NotProven
from edge.rfid.proof.ways import prove
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun

SHORT, LONG = 500, 50_000
CERTIFICATE = sealed(body())
EV2 = Mutual(protocol="ev2", application=AID, key_no=0, keys=(KEY,))
EV1 = Mutual(protocol="ev1", application=AID, key_no=0, keys=(KEY,))
REAL = RealUid(protocol="ev2", application=AID, key_no=0, keys=(KEY,))
VDE = Certificate(authorities={"FCTTEST1": point(AUTHORITY)}, day="260704")
T2_UID, ISO_UID = bytes.fromhex(TYPE2[0][1]), bytes.fromhex(ISO_DEP[0][1])
T2_SIGNATURE = bytes.fromhex(TYPE2[0][2])
ISO_SIGNATURE = bytes.fromhex(ISO_DEP[0][2]) + b"\x91\x00"

#: name: way, uid, a card with this source of chance, how many answers, the first that carries a proof
KINDS = {
    "ev2": (EV2, UID, lambda rng: Ev2Card(name=AID, random_bytes=rng.randbytes), 4, 1),
    "ev1": (EV1, UID, lambda rng: Ev1Card(name=AID, random_bytes=rng.randbytes), 3, 1),
    "ev1 random": (EV1, RANDOM_UID, lambda rng: Ev1Card(name=AID, random_bytes=rng.randbytes), 4, 1),
    "real uid": (REAL, RANDOM_UID, lambda rng: Ev2Card(name=AID, random_bytes=rng.randbytes), 4, 1),
    "certificate": (VDE, UID, lambda _: CertificateCard(CERTIFICATE), 3, 1),
    "sun": (Sun(), UID, lambda _: SunCard(url_record(PLAIN_SUN[8:])), 3, 3),
    "type 2": (Originality(), T2_UID, lambda _: lambda _: T2_SIGNATURE, 1, 0),
    "iso-dep": (Originality(), ISO_UID, lambda _: lambda _: ISO_SIGNATURE, 1, 0),
}


def play(name: str, rng: random.Random) -> str:
    """One presentation with one damaged answer. The word it ended with."""
    way, uid, make, answers, first = KINDS[name]
    at = rng.randrange(answers)
    card = Mutated(make(rng), at, rng)
    exchange, raw = (None, card) if name == "type 2" else (card, None)
    try:
        proven = prove(way, exchange, uid, raw=raw, random_bytes=rng.randbytes)
        if name == "sun":
            said = sun.judge(proven.message, bytes(16), lambda _: bytes(16))
            assert (said.uid.hex(), said.counter) == ("041e3c8a2d6b80", 6)
    except NotProven as error:
        assert card.damage is not None, "the proof ended before the damage"
        return str(error.unproven)
    except DeviceError:
        return "torn"
    assert at < first, f"{name}: answer {at} was damaged, and the card was proven: {card.damage}"
    return "proven"


def run(cases: int, seed: int) -> dict[str, Counter[str]]:
    tallies: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    rng = random.Random(seed)
    for number in range(cases):
        name = list(KINDS)[number % len(KINDS)]
        tallies[name][play(name, rng)] += 1
    return tallies


def judge(tallies: dict[str, Counter[str]], cases: int) -> None:
    assert sum(tally.total() for tally in tallies.values()) == cases
    for name, tally in tallies.items():
        assert tally["unable"], name
        assert tally["wrong"] or tally["foreign"] or name == "sun", name


def test_no_damaged_answer_proves_a_card():
    judge(run(SHORT, 1), SHORT)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_damaged_answer_of_fifty_thousand_proves_a_card():
    tallies = run(LONG, 20261122)
    judge(tallies, LONG)
    for name, tally in tallies.items():
        print(f"{name}: {dict(sorted(tally.items()))}")
