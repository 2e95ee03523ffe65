"""What is wrong with a card is wrong with it, and nothing else. A reader of few lines asks."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hil_tests.virtual.applets import crypto, duox
from hil_tests.virtual.cabinet_config import CardSpec
from hil_tests.virtual.site_cards import AUTHORITY_POINT, SITE_CARDS
from hil_tests.virtual.wallet import HOWS, KINDS, Wallet, build

SELECT = bytes.fromhex("00A4040C07D276000085010100")
CERTIFICATE = b"\x00\xa4\x04\x00\x10" + duox.DF_NAME + b"\x00", bytes.fromhex("8002000000")
SUN_FILE = SELECT, bytes.fromhex("00A4000C02E104"), bytes.fromhex("00B0000000")
POINT = bytes.fromhex(AUTHORITY_POINT)
FIRST = bytes.fromhex("9071000002020000")


@pytest.fixture
def wallet():
    return Wallet({card.name: card.spec for card in SITE_CARDS})


def laid_down(card):
    """The number of a card that was just selected, and its ATS."""
    card.power_off()
    assert card.answer(b"\x26") is not None
    uid = b""
    for level in (0x93, 0x95, 0x97):
        part = card.answer(bytes([level, 0x20]))
        sak = card.answer(bytes([level, 0x70]) + part)
        if not sak[0] & 0x04:
            return uid + part[:4], card.answer(b"\xe0\x80")
        uid += part[1:4]
    return uid, b""


def said(card, *commands):
    """The answers to commands in one block each, joined when they come in more."""
    answers, number = [], 0
    for command in commands:
        block = card.answer(bytes([0x02 | number]) + command)
        while block[0] == 0xF2:
            block = card.answer(block)
        told = block[1:]
        while block[0] & 0x10:
            number ^= 1
            block = card.answer(bytes([0xA2 | number]))
            while block[0] == 0xF2:
                block = card.answer(block)
            told += block[1:]
        answers.append(told)
        number ^= 1
    return answers


def test_every_card_of_the_site_can_be_held_in_every_way_and_keeps_its_number(wallet):
    for name in wallet.names:
        for how in HOWS:
            uid, _ = laid_down(wallet.card(name, how))
            spec = next(card for card in SITE_CARDS if card.name == name)
            assert uid.hex().upper() == spec.uid or (spec.random and uid[0] == 8), (name, how)


def test_a_copy_looks_alike_and_knows_nothing(wallet):
    real, copy = wallet.card("carla"), wallet.card("carla", "copied")
    assert laid_down(real) == laid_down(copy)
    assert said(real, SELECT) == [b"\x90\x00"]
    assert said(copy, SELECT) == [b"\x6d\x00"]


def test_a_forged_card_holds_another_key(wallet):
    own = bytes.fromhex(next(card.key for card in SITE_CARDS if card.name == "carla"))
    for how, status in (("well", b"\x91\x00"), ("wrong_key", b"\x91\xae")):
        card = wallet.card("carla", how)
        laid_down(card)
        _, challenge = said(card, SELECT, FIRST)
        theirs = crypto.decrypted(own, challenge[:16])
        token = crypto.encrypted(own, bytes(16) + crypto.turned_left(theirs))
        (answer,) = said(card, bytes.fromhex("90AF000020") + token + b"\x00")
        assert answer[-2:] == status, how


def test_the_counter_of_messages_outlives_the_tap_and_a_replay_is_the_last_one(wallet):
    def message(how):
        card = wallet.card("sune", how)
        laid_down(card)
        return said(card, *SUN_FILE)[-1]

    first, second = message("well"), message("well")
    assert first != second
    assert message("replayed") == second
    assert message("replayed") == second
    assert message("well") not in (first, second)
    assert b"cmac=" in message("wrong_key")


def test_certificates_are_foreign_copied_or_over(wallet):
    def certificate(how):
        card = wallet.card("emil", how)
        laid_down(card)
        return said(card, *CERTIFICATE)[-1]

    well, foreign, over = (certificate(how)[:-2] for how in ("well", "foreign", "outdated"))
    assert well[4:-67] == foreign[4:-67], "it says the same, and who signed it is another"
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.BrainpoolP256R1(), POINT)
    public.verify(der(well), well[4:-67], ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(der(foreign), foreign[4:-67], ec.ECDSA(hashes.SHA256()))
    assert bytes.fromhex("5F24 04 20451231") in well
    assert bytes.fromhex("5F24 04 20201231") in over


def der(cert):
    r, s = (int.from_bytes(half, "big") for half in (cert[-64:-32], cert[-32:]))
    return utils.encode_dss_signature(r, s)


def test_ats_waiting_and_small_frames(wallet):
    assert laid_down(wallet.card("carla", "short_ats"))[1] == b"\x01"
    card = wallet.card("carla", "waiting")
    laid_down(card)
    assert card.answer(b"\x02" + SELECT) == b"\xf2\x02"
    card = wallet.card("emil", "chained")
    assert laid_down(card)[1][1] & 0x0F == 0, "it takes 16 bytes"
    assert card.answer(b"\x12" + CERTIFICATE[0][:13]) == b"\xa2"
    assert card.answer(b"\x03" + CERTIFICATE[0][13:]) == b"\x03\x90\x00"
    block = card.answer(b"\x02" + CERTIFICATE[1])
    assert (block[0], len(block)) == (0x12, 14)


def test_a_uid_in_hex_is_a_card_without_a_name(wallet):
    assert laid_down(wallet.card("DEADBEEF"))[0] == bytes.fromhex("DEADBEEF")
    assert laid_down(Wallet({"kim": "DEADBEEF"}).card("kim"))[0] == bytes.fromhex("DEADBEEF")


def test_what_cannot_be_made_is_refused_in_words(wallet):
    for make, words in (
            (lambda: wallet.card("carla", "melted"), "how: got 'melted', expected one of well"),
            (lambda: wallet.card("nobody"), "hexadecimal"),
            (lambda: build(CardSpec(uid="DEADBEEF", kind="coin")), "kind: got 'coin', expected one of"),
            (lambda: build(CardSpec(uid="04A3C6CAE26180", kind="duox")), "authority: missing")):
        with pytest.raises(ValueError, match=words):
            make()
    assert wallet.kinds["carla"] == "ntag424"
    assert set(wallet.kinds.values()) <= set(KINDS)
