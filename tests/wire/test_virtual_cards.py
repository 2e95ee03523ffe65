"""Every kind of virtual card, many times, through nfcpy and both simulated radios.

One reader is nfcpy as it is installed, with nothing of ours; the other is what the reader process uses.
"""

import asyncio
import contextlib
import itertools
import threading
import time

import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import nfc.tag.tt4
import pytest

from edge.controller.idtoken import Level, Unproven
from edge.controller.trouble import BadAnswer, DeviceTimeout
from edge.rfid.frontend import Frontend
from edge.rfid.kind import ISO_DEP
from edge.rfid.pn532 import open_pn532
from edge.rfid.proof import sun
from edge.rfid.proof.outcome import NotProven
from edge.rfid.proof.ways import prove
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun
from hil_tests.virtual.field import CardField
from hil_tests.virtual.picc import FRAME_SIZES
from hil_tests.virtual.pn532_chip import Pn532Chip
from hil_tests.virtual.site_cards import (
    AUTHORITY_ID,
    AUTHORITY_POINT,
    META_KEY,
    SITE_CARDS,
    SITE_KEY,
    UID_KEY_NO,
)
from hil_tests.virtual.wallet import Wallet

pytestmark = pytest.mark.wire

TAPS = 200
DAY = "261122"
LONG = "04112233445566778899"
CARDS = {card.name: card for card in SITE_CARDS}
GOOD = {"anna": Level.UID, "stranger": Level.UID, "phone": Level.UID, LONG: Level.UID,
        "nina": Level.ORIGINALITY, "nils": Level.ORIGINALITY, "sune": Level.SUN, "carla": Level.MUTUAL,
        "ruth": Level.MUTUAL, "dora": Level.MUTUAL, "ines": Level.MUTUAL, "emil": Level.CERTIFICATE}
#: Card, what is wrong with it, and the word for it.
BAD = (("carla-copy", "well", Unproven.UNABLE), ("carla", "copied", Unproven.UNABLE),
       ("carla-forged", "well", Unproven.WRONG), ("carla", "wrong_key", Unproven.WRONG),
       ("dora", "wrong_key", Unproven.WRONG), ("ines", "wrong_key", Unproven.WRONG),
       ("emil-copy", "well", Unproven.WRONG), ("emil", "copied_certificate", Unproven.WRONG),
       ("emil-foreign", "well", Unproven.FOREIGN), ("emil", "foreign", Unproven.FOREIGN),
       ("emil", "outdated", Unproven.OUTDATED), ("emil", "copied", Unproven.UNABLE),
       ("sune", "wrong_key", Unproven.WRONG), ("nina", "copied", Unproven.UNABLE))
STRANGE = ("short_ats", "waiting", "chained")


@pytest.fixture(scope="module")
def wallet():
    return Wallet({card.name: card.spec for card in SITE_CARDS})


@pytest.fixture
def field():
    """In a loop and thread of its own, as in a cabinet."""
    loop, field = asyncio.new_event_loop(), CardField()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(field.start(), loop).result(10)
    yield field
    asyncio.run_coroutine_threadsafe(field.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def chip():
    chip = Pn532Chip()
    yield chip
    chip.unplug()


@pytest.fixture(params=["udp", "pn532"])
def bench(request, wallet):
    """A reader of ours on one of the two radios, and the air before it."""
    if request.param == "udp":
        air = request.getfixturevalue("field")
        radio = Frontend(f"udp:127.0.0.1:{air.port}", virtual=True)
    else:
        chip = request.getfixturevalue("chip")
        air = chip.air
        radio = Frontend("tty:played:pn532", virtual=False, connect=lambda _: open_pn532(chip.path))
    radio.open()
    yield Bench(radio, air, wallet)
    radio.close()


class Bench:
    """Taps cards and asks them for what they were enrolled with."""

    def __init__(self, radio, air, wallet):
        self.radio, self.air, self.wallet = radio, air, wallet

    def tap(self, name, how="well"):
        """(true UID, level); raises NotProven, BadAnswer, DeviceTimeout."""
        self.air.present(self.wallet.card(name, how))
        return self.ask(name)

    def holds(self, name):
        """A card that is laid down again and again."""
        card = self.wallet.card(name)
        while True:
            self.air.present(card)
            yield self.ask(name)
            self.air.remove()

    def ask(self, name):
        card, until_s = self.radio.sense(), time.monotonic() + 20
        if card is None:
            raise DeviceTimeout("sense", where="bench", got="no card", expected="one")
        self.radio.select(card)

        def apdu(command):
            return self.radio.apdu(command, lambda: until_s - time.monotonic())

        uid, level = card.uid, Level.UID
        for way in ways_of(name):
            proven = prove(way, apdu if card.sak & ISO_DEP else None, uid,
                           raw=self.radio.raw if card.sak == 0 else None)
            uid, level = proven.uid, proven.level
            if isinstance(way, Sun):
                reading = sun.judge(proven.message, bytes.fromhex(META_KEY),
                                    lambda _: bytes.fromhex(CARDS[name].key))
                assert reading.uid == uid
        return uid, level


def ways_of(name):
    card = CARDS.get(name)
    if card is None or card.level == 0:
        like = CARDS.get(name.partition("-")[0])
        return () if like is None or like is card else ways_of(like.name)
    if card.protocol in ("ev1", "ev2"):
        own = Mutual(protocol=card.protocol, application=bytes.fromhex(card.application),
                     key_no=card.key_no, keys=(bytes.fromhex(card.key),))
        site = RealUid(protocol="ev2", application=own.application, key_no=UID_KEY_NO,
                       keys=(bytes.fromhex(SITE_KEY),))
        # A forged card is asked what the real one is: its name begins alike.
        real = CARDS[name.partition("-")[0]]
        own = own if real is card else ways_of(real.name)[-1]
        return (site, own) if card.random else (own,)
    if card.protocol == "certificate":
        return (Certificate(authorities={AUTHORITY_ID.encode().hex(): bytes.fromhex(AUTHORITY_POINT)},
                            day=DAY),)
    return (Sun(),) if card.protocol == "sun" else (Originality(),)


@pytest.mark.parametrize("name", GOOD)
def test_two_hundred_taps_are_two_hundred_proofs(bench, name):
    uid = LONG if name == LONG else CARDS[name].uid
    for told, level in itertools.islice(bench.holds(name), TAPS):
        assert level is GOOD[name]
        assert told.hex().upper() == uid or (name == "phone" and told[0] == 8)


def test_a_made_up_number_is_another_at_each_tap(bench):
    seen = set()
    for _ in range(20):
        bench.air.present(bench.wallet.card("phone"))
        seen.add(bench.radio.sense().uid)
    assert len(seen) > 15


def test_every_forgery_fails_for_its_own_reason(bench):
    for name, how, unproven in BAD:
        with pytest.raises(NotProven) as caught:
            bench.tap(name, how)
        assert caught.value.unproven is unproven, (name, how, caught.value)


def test_a_replayed_message_is_the_last_one_again(bench):
    first, again = [], []
    for messages, how in ((first, "well"), (again, "replayed"), (again, "replayed")):
        bench.air.present(bench.wallet.card("sune", how))
        card = bench.radio.sense()
        bench.radio.select(card)
        messages.append(prove(Sun(), lambda c: bench.radio.apdu(c, lambda: 9.0), card.uid).message)
    assert again == first * 2


@pytest.mark.parametrize("how", STRANGE)
def test_cards_that_answer_strangely_are_proven_all_the_same(bench, how):
    for name in ("carla", "dora", "ines", "emil", "sune"):
        for _ in range(5):
            assert bench.tap(name, how)[1] is GOOD[name], name


def test_one_frame_that_is_lost_or_spoilt_is_asked_for_again(bench):
    flip = "spoil" if isinstance(bench.air, CardField) else "flip"  # UDP has no checksum of its own
    for number, fault in enumerate(("lose", "spoil", flip, "lose")):
        bench.air.present(bench.wallet.card("carla"))
        card = bench.radio.sense()
        bench.radio.select(card)
        bench.air.well(number)
        getattr(bench.air, fault)(1)
        (way,) = ways_of("carla")
        proven = prove(way, lambda c: bench.radio.apdu(c, lambda: 9.0), card.uid)
        assert proven.level is Level.MUTUAL, fault
        bench.air.clear()


def test_answers_that_are_slow_but_in_time_are_waited_for(bench):
    bench.air.present(bench.wallet.card("carla"))
    card = bench.radio.sense()
    bench.radio.select(card)
    bench.air.late(20, 0.004)  # its ATS says that it may take 39 ms
    (way,) = ways_of("carla")
    assert prove(way, lambda c: bench.radio.apdu(c, lambda: 9.0), card.uid).level is Level.MUTUAL
    bench.air.clear()


def test_a_card_that_is_torn_away_proves_nothing_at_any_frame(bench):
    """A 7 byte number takes five answers, ATS one, then come those of the proof."""
    before = bench.air.answers
    bench.tap("carla")
    whole = bench.air.answers - before
    assert whole > 8
    # Silence costs a simulated radio a second, so that it tries every third frame only.
    for frames in range(0, whole, 3 if isinstance(bench.air, CardField) else 1):
        bench.air.present(bench.wallet.card("carla"))
        bench.air.torn(frames)
        with pytest.raises((DeviceTimeout, BadAnswer)):
            bench.ask("carla")
    assert bench.tap("carla")[1] is Level.MUTUAL, "the next tap finds nothing of it left"


@contextlib.contextmanager
def unmodified(kind, request):
    """nfcpy alone, and the air before it."""
    if kind == "udp":
        field = request.getfixturevalue("field")
        with nfc.clf.ContactlessFrontend(f"udp:127.0.0.1:{field.port}") as clf:
            yield clf, field
        return
    chip = request.getfixturevalue("chip")
    with nfc.clf.ContactlessFrontend() as clf:
        clf.device = nfc.clf.pn532.init(nfc.clf.transport.TTY(chip.path))
        yield clf, chip.air


@pytest.mark.parametrize("kind", ["udp", "pn532"])
def test_nfcpy_alone_knows_the_cards_by_its_own_rules(kind, request, wallet):
    with unmodified(kind, request) as (clf, air):
        for name, tag in (("nina", "NTAG213"), ("carla", "Type4ATag"), ("dora", "Type4ATag"),
                          ("anna", "Type4ATag")):
            air.present(wallet.card(name))
            found = clf.sense(nfc.clf.RemoteTarget("106A"))
            activated = nfc.tag.activate(clf, found)
            assert type(activated).__name__ == tag
            assert activated.identifier == bytes.fromhex(CARDS[name].uid)
            assert activated.is_present
        air.present(wallet.card("nina"))
        tag = nfc.tag.activate(clf, clf.sense(nfc.clf.RemoteTarget("106A")))
        assert tag.signature.hex().upper() == CARDS["nina"].more["signature"]


@pytest.mark.parametrize("kind", ["udp", "pn532"])
def test_nfcpys_own_initiator_chains_waits_and_repeats_with_them(kind, request, wallet):
    select, read = bytes.fromhex("00A4040C07D276000085010100"), bytes.fromhex("00B0000000")
    with unmodified(kind, request) as (clf, air):
        for how, frame in (("well", 7), ("short_ats", 2), ("chained", 0)):
            air.present(wallet.card("sune", how))
            assert clf.sense(nfc.clf.RemoteTarget("106A")) is not None
            ats = clf.exchange(b"\xe0\x80", 0.1)
            line = nfc.tag.tt4.IsoDepInitiator(clf, FRAME_SIZES[frame], 0.0773)
            assert len(ats) == ats[0]
            assert line.exchange(select) == b"\x90\x00"
            assert line.exchange(bytes.fromhex("00A4000C02E10400")) == b"\x90\x00"
            air.lose(1)
            told = line.exchange(read)
            assert told[-2:] == b"\x90\x00"
            assert b"picc_data=" in told
            assert clf.exchange(b"\xc2", 0.1) == b"\xc2"
