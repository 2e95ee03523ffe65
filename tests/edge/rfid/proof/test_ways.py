import pytest
from looped import looped
from proof_cards import (
    AID,
    AUTHORITY,
    CARD_KEY,
    ISO_DEP,
    KEY,
    NTAG,
    OLD_KEY,
    OTHER_UID,
    RANDOM_UID,
    TYPE2,
    UID,
    CertificateCard,
    Ev1Card,
    Ev2Card,
    SunCard,
    point,
    url_record,
)

from edge.controller.idtoken import Level, Unproven
from edge.controller.trouble import DeviceTimeout
from edge.rfid.proof.ways import NotProven, Proven, prove
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun


def mutual(protocol="ev2", *keys, application=NTAG, key_no=2, kind=Mutual):
    return kind(protocol=protocol, application=application, key_no=key_no, keys=keys or (KEY,))


CERTIFICATE = Certificate(authorities={"FCTTEST1": point(AUTHORITY)}, day="260704")


def refused(way, card, uid=UID, **others):
    with pytest.raises(NotProven) as caught:
        prove(way, card, uid, **others)
    assert uid.hex() not in str(caught.value).lower()
    return caught.value.unproven


def test_each_way_ends_at_its_level():
    url = b"x.y/?e=1"
    raw = bytes.fromhex(TYPE2[0][2])
    signature = bytes.fromhex(ISO_DEP[0][2]) + b"\x91\x00"
    signed_uid, type2_uid = bytes.fromhex(ISO_DEP[0][1]), bytes.fromhex(TYPE2[0][1])
    for way, card, uid, expected in (
            (mutual(), Ev2Card(), UID, Proven(level=Level.MUTUAL, uid=UID)),
            (mutual(application=AID), Ev2Card(name=AID), UID, Proven(level=Level.MUTUAL, uid=UID)),
            (mutual("ev1", application=AID), Ev1Card(name=AID), UID,
             Proven(level=Level.MUTUAL, uid=UID)),
            (mutual(kind=RealUid), Ev2Card(), RANDOM_UID, Proven(level=Level.UID, uid=UID)),
            (mutual("ev1", application=AID, kind=RealUid), Ev1Card(name=AID), RANDOM_UID,
             Proven(level=Level.UID, uid=UID)),
            (CERTIFICATE, CertificateCard(), UID,
             Proven(level=Level.CERTIFICATE, uid=UID, message=point(CARD_KEY))),
            (Sun(), SunCard(url_record(url)), UID,
             Proven(level=Level.SUN, uid=UID, message=b"https://" + url)),
            (Originality(), lambda _: signature, signed_uid,
             Proven(level=Level.ORIGINALITY, uid=signed_uid))):
        assert prove(way, card, uid) == expected
    found = prove(Originality(), None, type2_uid, raw=lambda _: raw)
    assert found == Proven(level=Level.ORIGINALITY, uid=type2_uid)


def test_nothing_that_is_proven_shows_its_number():
    assert UID.hex() not in repr(Proven(level=Level.MUTUAL, uid=UID, message=UID)).lower()


def test_a_copied_number_on_a_card_of_the_same_key_is_wrong():
    """With a key that cards share, the number alone tells them apart; EV2 binds it."""
    assert refused(mutual(), Ev2Card(uid=OTHER_UID)) is Unproven.WRONG


def test_the_true_number_is_found_whatever_is_shown():
    for shown in (UID, RANDOM_UID):
        assert prove(mutual(kind=RealUid), Ev2Card(uid=OTHER_UID), shown).uid == OTHER_UID
    assert refused(mutual(kind=RealUid), Ev2Card(uid=b"12345")) is Unproven.UNABLE


def test_a_random_number_stands_for_any_true_one_and_the_asker_compares():
    assert prove(mutual(), Ev2Card(uid=OTHER_UID), RANDOM_UID).uid == OTHER_UID


@looped("protocol", ["ev2", "ev1"])
def test_each_bit_of_what_the_session_says_counts(protocol):
    make = {"ev2": Ev2Card, "ev1": Ev1Card}[protocol]
    way, uid = mutual(protocol), RANDOM_UID
    for bit in range(16 * 8 + (8 * 8 if protocol == "ev2" else 0)):
        card = make()

        def flips(apdu, card=card, bit=bit):
            reply = bytearray(card(apdu))
            if apdu[1] == 0x51:
                reply[bit // 8] ^= 1 << bit % 8
            return bytes(reply)

        assert refused(way, flips, uid) is Unproven.WRONG


@looped("protocol", ["ev2", "ev1"])
def test_the_older_key_is_tried_once_and_never_a_third(protocol):
    make = {"ev2": Ev2Card, "ev1": Ev1Card}[protocol]
    card = make(OLD_KEY)
    assert prove(mutual(protocol, KEY, OLD_KEY), card, UID).level is Level.MUTUAL
    assert card.tries == 2
    card = make(OLD_KEY)
    assert refused(mutual(protocol, KEY, bytes(16), OLD_KEY), card) is Unproven.WRONG
    assert card.tries == 2


def test_a_card_that_lies_about_the_first_key_gets_no_second_try():
    """It took the key, and could not show that it holds it: that is no older card."""
    card = Ev2Card(OLD_KEY)

    def liar(apdu):
        reply = card(apdu)
        return bytes(32) + b"\x91\x00" if apdu[1] == 0xAF else reply

    assert refused(mutual("ev2", KEY, OLD_KEY), liar) is Unproven.WRONG
    assert card.tries == 1


@looped("way", [mutual(), CERTIFICATE, Sun(), Originality(), mutual(kind=RealUid)])
def test_a_card_that_speaks_nothing_or_something_else_is_unable(way):
    assert refused(way, None) is Unproven.UNABLE
    for status in (b"\x6a\x82", b"\x6d\x00", b"\x91\x1c", b"\x68\x00"):
        assert refused(way, lambda _, s=status: s) is Unproven.UNABLE


@looped("way", [mutual("ev3"), mutual("ev2", b"short"), mutual("ev2", KEY, bytes(24)),
                mutual(key_no=14), mutual(key_no=-1), mutual(application=b""),
                mutual(application=b"12"), mutual(application=bytes(17)),
                Mutual(protocol="ev2", application=NTAG, key_no=0, keys=())])
def test_a_record_that_no_card_can_answer_is_unable(way):
    assert refused(way, Ev2Card()) is Unproven.UNABLE


def test_a_card_that_goes_away_is_told_as_it_was_heard():
    def gone(_):
        raise DeviceTimeout("command", where="card", got="nothing", expected="an answer")

    for way in (mutual(), CERTIFICATE, Sun(), Originality()):
        with pytest.raises(DeviceTimeout):
            prove(way, gone, UID)


def test_each_presentation_has_its_own_challenge():
    sent = []

    def heard(card):
        return lambda apdu: sent.append(apdu) or card(apdu)

    for _ in range(2):
        prove(mutual(), heard(Ev2Card(random_bytes=bytes)), UID)
        prove(CERTIFICATE, heard(CertificateCard()), UID)
    challenges = [apdu for apdu in sent if apdu[:2] in (b"\x90\xaf", b"\x80\x03")]
    assert len(set(challenges)) == len(challenges) == 4
